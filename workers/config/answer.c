/* One task in, one reply out: the worker without its channel. Pure; unit tests
 * and fuzzers call it directly. Runs in the confined `config` worker. */
#include <stdio.h>
#include <string.h>

#include "workers/config/config.h"
#include "workers/config/experiment.h"
#include "workers/config/grammar.h"
#include "workers/config/graph.h"
#include "workers/config/literals.h"
#include "workers/config/policy.h"
#include "workers/config/rows.h"
#include "workers/config/simpler.h"

static int read_kind(struct config *c, Proctor__ConfigReply *out)
{
    switch (c->task->kind) {
    case PROCTOR__CONFIG_KIND__CONFIG_GRAPH:
        return graph_read(c, out);
    case PROCTOR__CONFIG_KIND__CONFIG_POLICY:
        return policy_read(c, out);
    case PROCTOR__CONFIG_KIND__CONFIG_TABLE:
        return csv_read(c, out);
    case PROCTOR__CONFIG_KIND__CONFIG_CORPUS:
        return corpus_read(c, out);
    case PROCTOR__CONFIG_KIND__CONFIG_LITERALS:
        return literals_read(c, out);
    case PROCTOR__CONFIG_KIND__CONFIG_SIMPLER:
        return simpler_read(c, out);
    case PROCTOR__CONFIG_KIND__CONFIG_AUTOMATON:
        return grammar_read(c, out);
    case PROCTOR__CONFIG_KIND__CONFIG_EXPERIMENT:
        return experiment_read(c, out);
    case PROCTOR__CONFIG_KIND__CONFIG_NONE:
    case _PROCTOR__CONFIG_KIND_IS_INT_SIZE:
        break;
    }
    return ERR_PROTOCOL;
}

static int put_problem(struct config *c, Proctor__ConfigReply *out)
{
    Proctor__Problem *p = arena_get(&c->reply, sizeof(*p));

    if (!p) {
        return ERR_NOMEM;
    }
    proctor__problem__init(p);
    p->line = c->problem.at.line;
    p->col = c->problem.at.col;
    p->what = c->problem.what;
    p->hint = c->problem.hint;
    p->kind = c->problem.code == ERR_LIMIT;
    out->problem = p;
    return 0;
}

int config_answer(struct config *c, const Proctor__ConfigTask *task,
                  Proctor__ConfigReply *out)
{
    int code;

    config_init(c, task);
    proctor__config_reply__init(out);
    code = read_kind(c, out);
    if (code == 0) {
        return 0;
    }
    /* Half an answer is none. */
    proctor__config_reply__init(out);
    if (code == ERR_NOMEM || c->problem.code == 0) {
        arena_release(&c->reply);
        arena_release(&c->scratch);
        c->path_n = 0;
        if (code == ERR_NOMEM || code == ERR_LIMIT) {
            config_limit(c, NULL,
                         "the text needs more memory than a worker has");
            config_hint(c, "split it into smaller files");
        } else {
            config_fail(c, NULL, "the worker cannot read this: %s",
                        err_text(code));
        }
    }
    return put_problem(c, out);
}
