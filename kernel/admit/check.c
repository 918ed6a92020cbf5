/* How admission says no, and how it finds tasks. Kernel process. */
#include "kernel/admit/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kernel/admit/path.h"
#include "proto/training.h"

static struct loc loc_of(const struct check *c, const Proctor__Place *p)
{
    struct loc at = {c->q->graph_path, 0, 0};

    if (p) {
        at.line = p->line;
        at.col = p->col;
    }
    return at;
}

static const Proctor__TaskPlaces *places_of(const struct check *c, size_t i)
{
    return c->q->places && i < c->q->places_n ? c->q->places[i] : NULL;
}

static const Proctor__Place *place_of(const Proctor__TaskPlaces *p,
                                      enum spot spot)
{
    const Proctor__Place *at = NULL;

    if (!p) {
        return NULL;
    }
    switch (spot) {
    case SPOT_TASK:
        break;
    case SPOT_ID:
        at = p->id;
        break;
    case SPOT_OP:
        at = p->op;
        break;
    case SPOT_WITH:
        at = p->with;
        break;
    case SPOT_VALIDATOR:
        at = p->validator;
        break;
    case SPOT_LEVEL:
        at = p->level;
        break;
    case SPOT_REPAIR:
        at = p->repair;
        break;
    case SPOT_NEEDS:
        at = p->n_needs > 0 ? p->needs[0] : NULL;
        break;
    }
    return at ? at : p->task;
}

static int refuse(struct check *c, const char *rule, int code, struct loc at,
                  const char *path, const char *text)
{
    ASSERT(code < 0);
    (void)diag_set(&c->d, code, at, "%s: %s", path, text);
    c->rule = rule;
    return ADMIT_E_REFUSED;
}

int check_refuse(struct check *c, const struct subject *s, const char *rule,
                 int code, enum spot spot, const char *fmt, ...)
{
    static const char *const names[] = {
        "",        ".id",   ".op", ".with", ".validator", ".validator.level",
        ".repair", ".needs"};
    const Proctor__TaskPlaces *p = places_of(c, s->i);
    char text[DIAG_TEXT_BYTES];
    char path[64];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    (void)snprintf(path, sizeof(path), "tasks[%zu]%s%s", s->i,
                   s->is_repair ? ".repair" : "",
                   s->is_repair && spot == SPOT_REPAIR ? "" : names[spot]);
    return refuse(c, rule, code,
                  loc_of(c, place_of(p, s->is_repair ? SPOT_REPAIR : spot)),
                  path, text);
}

int check_refuse_need(struct check *c, const struct subject *s,
                      const char *rule, size_t need_i, const char *fmt, ...)
{
    const Proctor__TaskPlaces *p = places_of(c, s->i);
    const Proctor__Place *at = place_of(p, SPOT_TASK);
    char text[DIAG_TEXT_BYTES];
    char path[64];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (s->is_repair) {
        at = place_of(p, SPOT_REPAIR);
    } else if (p && need_i < p->n_needs) {
        at = p->needs[need_i];
    }
    (void)snprintf(path, sizeof(path), "tasks[%zu]%s.needs", s->i,
                   s->is_repair ? ".repair" : "");
    return refuse(c, rule, ERR_INPUT, loc_of(c, at), path, text);
}

int check_refuse_graph(struct check *c, const char *rule, int code,
                       const char *fmt, ...)
{
    char text[DIAG_TEXT_BYTES];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return refuse(c, rule, code, loc_of(c, NULL), "graph", text);
}

size_t admission_find(const struct admission *a, const Proctor__Graph *g,
                      const char *id)
{
    size_t lo = 0;
    size_t hi = g->n_tasks;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (strcmp(g->tasks[a->sorted[mid]]->id, id) < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    if (lo < g->n_tasks && strcmp(g->tasks[a->sorted[lo]]->id, id) == 0) {
        return a->sorted[lo];
    }
    return SIZE_MAX;
}

size_t check_find(const struct check *c, const char *id)
{
    return admission_find(c->a, c->q->graph, id);
}

const char *check_program_name(const Proctor__ProgramSpec *p)
{
    if (p->function_file[0] != '\0') {
        return "python3"; /* the adapter's language */
    }
    if (p->n_run == 0) {
        return NULL;
    }
    return p->run[0][0] == '/' || !strchr(p->run[0], '/') ? p->run[0] : NULL;
}

const char *admission_file(const Proctor__ProgramSpec *p, size_t i)
{
    if (p->function_file[0] != '\0' && i-- == 0) {
        return p->function_file;
    }
    if (p->n_run > 0 && !check_program_name(p) && i-- == 0) {
        return p->run[0];
    }
    return i < p->n_files ? p->files[i] : NULL;
}

int admission_types(const struct admission *a, const Proctor__Graph *g,
                    const Proctor__Task *t, struct ubytes *out_takes,
                    struct ubytes *out_gives)
{
    const ProtobufCBinaryData *b[2];

    if (t->train || t->combine) {
        const Proctor__Task *data = admission_data(a, g, t);

        return data && training_types(data->data->kind, out_takes, out_gives);
    }
    if (t->program) {
        b[0] = &t->program->takes, b[1] = &t->program->gives;
    } else if (t->model) {
        b[0] = &t->model->takes, b[1] = &t->model->gives;
    } else if (t->cml) {
        b[0] = &t->cml->takes, b[1] = &t->cml->gives;
    } else {
        return 0;
    }
    *out_takes = (struct ubytes){b[0]->data, b[0]->len};
    *out_gives = (struct ubytes){b[1]->data, b[1]->len};
    return 1;
}

int check_is_needed(const struct subject *s, const char *id)
{
    for (size_t i = 0; i < s->task->n_needs; i++) {
        if (strcmp(s->task->needs[i], id) == 0) {
            return 1;
        }
    }
    return 0;
}

int check_join(const char *dir, const char *file,
               char out[static LIMIT_PATH_BYTES + 1])
{
    const char *slash =
        dir && dir[0] != '\0' && strcmp(dir, "/") != 0 ? "/" : "";
    struct path path;
    const char *why;
    int n;

    if (path_normal(file, &path, &why) < 0) {
        return -1;
    }
    n = snprintf(out, LIMIT_PATH_BYTES + 1, "%s%s%s", dir ? dir : "", slash,
                 path.s);
    return n > 0 && n <= LIMIT_PATH_BYTES ? 0 : -1;
}
