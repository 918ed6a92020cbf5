/* The reader. Test code. Must never take a line that it does not wholly
 * understand. */
#include "tests/proof/table.h"

#include <linux/audit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* From <asm/unistd_64.h>, by tests/CMakeLists.txt. */
static const struct {
    const char *name;
    int nr;
} calls[] = {
#include "system_calls.inc"
};

#define TEXT_BYTES 65536u

int table_call_number(const char *name)
{
    for (size_t i = 0; i < ARRAY_N(calls); i++) {
        if (strcmp(calls[i].name, name) == 0) {
            return calls[i].nr;
        }
    }
    return -1;
}

const char *table_call_name(int nr)
{
    for (size_t i = 0; i < ARRAY_N(calls); i++) {
        if (calls[i].nr == nr) {
            return calls[i].name;
        }
    }
    return NULL;
}

/* " if arg2 & 0x4 == 0" or " and ..."; returns what follows or NULL. */
static const char *condition_read(const char *p, struct table_rule *r)
{
    const char *word = r->args_n == 0 ? " if arg" : " and arg";
    unsigned long long mask, value;
    unsigned i;
    int used = 0;

    if (r->args_n == TABLE_ARGS_MAX || strncmp(p, word, strlen(word)) != 0) {
        return NULL;
    }
    p += strlen(word);
    if (sscanf(p, "%1u & %llx == %llx%n", &i, &mask, &value, &used) != 3 ||
        i > 5 || (value & ~mask) != 0) {
        return NULL;
    }
    r->args[r->args_n].i = i;
    r->args[r->args_n].mask = mask;
    r->args[r->args_n].value = value;
    r->args_n++;
    return p + used;
}

static int rule_read(const char *line, struct table_rule *out)
{
    char name[40];
    int used = 0;
    unsigned error;

    if (sscanf(line, "allow %39[a-z0-9_]%n", name, &used) == 1) {
        out->answer = SECCOMP_RET_ALLOW;
    } else if (sscanf(line, "errno %u %39[a-z0-9_]%n", &error, name, &used) ==
                   2 &&
               error > 0 && error < 4096) {
        out->answer = SECCOMP_RET_ERRNO | error;
    } else {
        return -1;
    }
    out->nr = table_call_number(name);
    line += used;
    while (line != NULL && *line != '\0') {
        line = condition_read(line, out);
    }
    return line == NULL || out->nr < 0 ? -1 : 0;
}

enum section {
    SECTION_OTHER,
    SECTION_WORKER,
    SECTION_ZYGOTE,
    SECTION_BAD
};

static enum section section_of(const char *line)
{
    static const struct {
        const char *head;
        enum section is;
    } heads[] = {{"[root]", SECTION_OTHER},
                 {"[limits]", SECTION_OTHER},
                 {"[worker: final filter]", SECTION_WORKER},
                 {"[zygote: ", SECTION_ZYGOTE}};

    for (size_t i = 0; i < ARRAY_N(heads); i++) {
        if (strncmp(line, heads[i].head, strlen(heads[i].head)) == 0) {
            return heads[i].is;
        }
    }
    return SECTION_BAD;
}

static int rule_keep(struct table *t, const struct table_rule *r)
{
    struct table_rule *more =
        reallocarray(t->rules, t->n + 1, sizeof(*t->rules));

    if (more == NULL) {
        return -1;
    }
    t->rules = more;
    t->rules[t->n++] = *r;
    return 0;
}

/* One line; 0 when it has no meaning. */
static int line_take(const char *line, enum section *s, struct table *out)
{
    struct table_rule r = {.is_zygote = *s == SECTION_ZYGOTE};

    if (line[0] == '\0' || line[0] == '#') {
        return 1;
    }
    if (line[0] == '[') {
        *s = section_of(line);
        return *s != SECTION_BAD;
    }
    if (*s == SECTION_OTHER) {
        return 1;
    }
    return *s != SECTION_BAD && rule_read(line, &r) == 0 &&
           rule_keep(out, &r) == 0;
}

long table_parse(const char *text, struct table *out)
{
    enum section s = SECTION_BAD;
    long number = 0;
    int workers = 0;

    *out = (struct table){0};
    while (*text != '\0') {
        size_t n = strcspn(text, "\n");
        char line[256];

        number++;
        if (n >= sizeof(line)) {
            return number;
        }
        memcpy(line, text, n);
        line[n] = '\0';
        if (!line_take(line, &s, out)) {
            return number;
        }
        workers |= s == SECTION_WORKER;
        text += n + (text[n] != '\0');
    }
    return workers && out->n > 0 ? 0 : -1;
}

long table_load(const char *path, struct table *out)
{
    char *text = calloc(1, TEXT_BYTES);
    FILE *f = fopen(path, "re");
    long code = -1;
    size_t n = 0;

    *out = (struct table){0};
    if (f != NULL && text != NULL) {
        n = fread(text, 1, TEXT_BYTES - 1, f);
    }
    if (n > 0 && n < TEXT_BYTES - 1 && strlen(text) == n) {
        code = table_parse(text, out);
    }
    if (f != NULL) {
        fclose(f);
    }
    free(text);
    return code;
}

void table_release(struct table *t)
{
    free(t->rules);
    *t = (struct table){0};
}

static int rule_holds(const struct table_rule *r, const struct seccomp_data *d)
{
    for (unsigned i = 0; i < r->args_n; i++) {
        if ((d->args[r->args[i].i] & r->args[i].mask) != r->args[i].value) {
            return 0;
        }
    }
    return 1;
}

uint32_t table_answer(const struct table *t, int zygote,
                      const struct seccomp_data *d)
{
    uint32_t answer = SECCOMP_RET_KILL_PROCESS;

    if (d->arch != AUDIT_ARCH_X86_64) {
        return answer;
    }
    for (size_t i = 0; i < t->n; i++) {
        const struct table_rule *r = &t->rules[i];

        if (r->nr == d->nr && (zygote || !r->is_zygote) && rule_holds(r, d) &&
            answer != SECCOMP_RET_ALLOW) {
            answer = r->answer; /* of several, one that allows wins */
        }
    }
    return answer;
}

const struct table_rule *table_rule_of(const struct table *t, int zygote,
                                       int nr)
{
    for (size_t i = 0; i < t->n; i++) {
        if (t->rules[i].nr == nr && (zygote || !t->rules[i].is_zygote)) {
            return &t->rules[i];
        }
    }
    return NULL;
}
