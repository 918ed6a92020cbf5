/* `proctor model`: what its subcommands share. The file is opened here, with the
 * person's authority, and read by a confined worker; nothing is recorded and no
 * store is needed for what is declared here. */
#ifndef CLI_MODEL_H
#define CLI_MODEL_H

#include <sys/stat.h>

#include "cli/cli.h"
#include "cli/session.h"
#include "proto/cid.h"

#define MODEL_WORDS_MAX 65536

struct model_verb;
struct model_args {
    struct cli *c;
    const struct model_verb *verb; /* NULL: none was named */
    char **words;                  /* behind it; borrowed from argv */
    size_t words_n;
    Proctor__ModelTask task;
    Proctor__ModelInit init;
    int typed; /* --type was given */
    int force;
};

/* A subcommand. own: it has a parser of its own and gets all words. */
struct model_verb {
    const char *name;
    int (*run)(struct model_args *a);
    size_t words_min, words_max;
    const char *usage;
    int (*own)(struct cli *c, int argc, char **argv);
};

/* The number of a weights' type; 0: no such name. */
int model_type(const char *name, uint32_t *out);
/* model_run.c: the subcommands. */
int model_run_info(struct model_args *a) MUST_USE;
int model_run_init(struct model_args *a) MUST_USE;
int model_run_encode(struct model_args *a) MUST_USE;
int model_run_decode(struct model_args *a) MUST_USE;
int model_run_quantize(struct model_args *a) MUST_USE;
int model_run_bench(struct model_args *a) MUST_USE;

/* A file as it was opened: what came of it holds only for these bytes. */
struct model_file {
    const char *path;
    int fd; /* owned */
    struct stat before;
};
int model_file_open(struct cli *c, const char *path,
                    struct model_file *out) MUST_USE;
void model_file_close(struct model_file *f);
/* ERR_INPUT with c->d set: the file is not as it was when it was opened. */
int model_file_check(struct cli *c, const struct model_file *f) MUST_USE;
/* CID of its bytes, streamed. */
int model_file_cid(struct cli *c, const struct model_file *f,
                   struct cid *out) MUST_USE;

/* Asks the worker class model. weights may be NULL. *out is in s->answer, whose
 * descriptor 0 is what was written. s is open afterwards in either case. A problem
 * of the file is an error with its path. */
int model_ask(struct session *s, struct model_args *a,
              const struct model_file *weights,
              const Proctor__ModelReply **out) MUST_USE;

/* model_show.c: results, as text or JSON. */
int model_show_info(struct cli *c, const char *path, uint64_t bytes,
                    const struct cid *cid,
                    const Proctor__ModelInfo *m) MUST_USE;
int model_show_bench(struct cli *c, const char *path,
                     const Proctor__ModelBench *m) MUST_USE;

#endif
