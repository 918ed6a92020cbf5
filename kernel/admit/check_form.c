/* Form of single tasks: what the kernel's own rules say about a task alone.
 * Kernel process. The graph came from a confined worker: nothing that it
 * checked is taken for granted here. */
#include "kernel/admit/check.h"

#include <string.h>

#define PRIORITY_MAX 9u

static int is_name(const char *s, size_t max_n, int slashes)
{
    size_t n = strnlen(s, max_n + 1);

    if (n == 0 || n > max_n) {
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        char ch = s[i];
        int ok = (ch >= '0' && ch <= '9') || (ch >= 'a' && ch <= 'z') ||
                 (ch >= 'A' && ch <= 'Z') || ch == '_' || ch == '-' ||
                 ch == '.' || (slashes && ch == '/');

        if (!ok) {
            return 0;
        }
    }
    return 1;
}

/* Parts of [A-Za-z0-9_.-]+ joined by '/', none of them "." or "..". */
static int is_ref(const char *s)
{
    if (!is_name(s, LIMIT_REF_BYTES, 1)) {
        return 0;
    }
    for (const char *part = s; part;) {
        const char *slash = strchr(part, '/');
        size_t n = slash ? (size_t)(slash - part) : strlen(part);

        if (n == 0 || (n <= 2 && strncmp(part, "..", n) == 0)) {
            return 0;
        }
        part = slash ? slash + 1 : NULL;
    }
    return 1;
}

static int check_program_size(struct check *c, const struct subject *s,
                              const Proctor__ProgramSpec *p)
{
    if (p->n_files > LIMIT_FILES || p->n_run > LIMIT_ARGV) {
        return check_refuse(c, s, "task.limit", ERR_LIMIT, SPOT_WITH,
                            "at most %d files and %d words, got %zu and %zu",
                            LIMIT_FILES, LIMIT_ARGV, p->n_files, p->n_run);
    }
    for (size_t i = 0; i < p->n_run; i++) {
        if (strlen(p->run[i]) > LIMIT_PATH_BYTES) {
            return check_refuse(c, s, "task.limit", ERR_LIMIT, SPOT_WITH,
                                "word %zu of run has more than %d bytes", i,
                                LIMIT_PATH_BYTES);
        }
    }
    return 0;
}

int check_ref(struct check *c, const struct subject *s)
{
    return check_ref_name(c, s, "ref", s->task->ref_move->ref);
}

int check_ref_name(struct check *c, const struct subject *s, const char *kind,
                   const char *name)
{
    if (!is_ref(name) || strncmp(name, "refs/cml/", 9) == 0) { /* op assert's */
        (void)check_refuse(c, s, "ref.name", ERR_INPUT, SPOT_WITH,
                           "\"%.64s\" is not a %s's name", name, kind);
        diag_hint(&c->d,
                  "write words of letters, digits, _ . - joined by /, at most "
                  "%d bytes",
                  LIMIT_REF_BYTES);
        return ADMIT_E_REFUSED;
    }
    return 0;
}

int check_form(struct check *c, const struct subject *s)
{
    const Proctor__Task *t = s->task;

    if (!is_name(t->id, LIMIT_ID_BYTES, 0)) {
        (void)check_refuse(c, s, "task.id", ERR_INPUT, SPOT_ID,
                           "\"%.64s\" is not an id", t->id);
        diag_hint(&c->d, "write letters, digits, _ . and -, at most %d of them",
                  LIMIT_ID_BYTES);
        return ADMIT_E_REFUSED;
    }
    if (t->priority > PRIORITY_MAX) {
        return check_refuse(c, s, "task.priority", ERR_INPUT, SPOT_TASK,
                            "priority: expected 0..%u, got %u", PRIORITY_MAX,
                            t->priority);
    }
    if (t->n_needs > LIMIT_NEEDS ||
        (t->repair && t->repair->n_needs > LIMIT_NEEDS)) {
        return check_refuse(c, s, "task.limit", ERR_LIMIT, SPOT_NEEDS,
                            "at most %d dependencies, got %zu", LIMIT_NEEDS,
                            t->n_needs > LIMIT_NEEDS ? t->n_needs
                                                     : t->repair->n_needs);
    }
    if (t->program && check_program_size(c, s, t->program) != 0) {
        return ADMIT_E_REFUSED;
    }
    return 0;
}
