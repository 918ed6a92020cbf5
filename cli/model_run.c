/* What `proctor model` does: one function per subcommand. What a worker wrote is
 * hashed and saved here, whole or not at all, and over no file that exists unless
 * that is asked for. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/args.h"
#include "cli/files.h"
#include "cli/json.h"
#include "cli/model.h"
#include "cli/term.h"
#include "proto/err.h"
#include "proto/limits.h"

static const struct {
    const char *name;
    uint32_t number; /* the format's */
} types[] = {{"f32", 0}, {"f16", 1}, {"q8_0", 8}, {"bf16", 30}};

int model_type(const char *name, uint32_t *out)
{
    for (size_t i = 0; i < ARRAY_N(types); i++) {
        if (strcmp(name, types[i].name) == 0) {
            *out = types[i].number;
            return 1;
        }
    }
    return 0;
}

static const char *type_name(uint32_t number)
{
    for (size_t i = 0; i < ARRAY_N(types); i++) {
        if (types[i].number == number) {
            return types[i].name;
        }
    }
    return "?";
}

/* Asks about the first word's file; then hands the reply to show. */
static int ask_about(struct model_args *a,
                     int (*show)(struct model_args *a,
                                 const struct model_file *f,
                                 const struct session *s,
                                 const Proctor__ModelReply *r))
{
    struct model_file f;
    struct session s;
    const Proctor__ModelReply *r = NULL;
    int rc = model_file_open(a->c, a->words[0], &f);

    if (rc == 0) {
        rc = model_ask(&s, a, &f, &r);
        rc = rc == 0 ? show(a, &f, &s, r) : rc;
        session_close(&s);
    }
    model_file_close(&f);
    return rc;
}

static int show_info(struct model_args *a, const struct model_file *f,
                     const struct session *s, const Proctor__ModelReply *r)
{
    struct cid cid;

    (void)s;
    if (r->info == NULL) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    TRY(model_file_cid(a->c, f, &cid));
    TRY(model_file_check(a->c, f));
    return model_show_info(a->c, f->path, (uint64_t)f->before.st_size, &cid,
                           r->info);
}

int model_run_info(struct model_args *a)
{
    a->task.command = PROCTOR__MODEL_COMMAND__MODEL_INFO;
    return ask_about(a, show_info);
}

static int show_bench(struct model_args *a, const struct model_file *f,
                      const struct session *s, const Proctor__ModelReply *r)
{
    (void)s;
    return r->bench == NULL ? ERR_TRACE(ERR_PROTOCOL)
                            : model_show_bench(a->c, f->path, r->bench);
}

int model_run_bench(struct model_args *a)
{
    a->task.command = PROCTOR__MODEL_COMMAND__MODEL_BENCH;
    return ask_about(a, show_bench);
}

static int show_tokens(struct model_args *a, const struct model_file *f,
                       const struct session *s, const Proctor__ModelReply *r)
{
    struct json j;

    (void)f;
    (void)s;
    if (!a->c->json) {
        for (size_t i = 0; i < r->n_tokens; i++) {
            printf("%s%u", i == 0 ? "" : " ", r->tokens[i]);
        }
        putchar('\n');
        return 0;
    }
    json_init(&j);
    json_object(&j, NULL);
    json_array(&j, "tokens");
    for (size_t i = 0; i < r->n_tokens; i++) {
        json_u64(&j, NULL, r->tokens[i]);
    }
    json_close(&j);
    json_close(&j);
    return cli_emit(a->c, &j);
}

int model_run_encode(struct model_args *a)
{
    struct buf text;
    int rc = 0;

    buf_init(&text, LIMIT_CML_TEXT_BYTES);
    a->task.command = PROCTOR__MODEL_COMMAND__MODEL_ENCODE;
    if (strcmp(a->words[1], "-") == 0) {
        rc = files_read_fd(STDIN_FILENO, LIMIT_CML_TEXT_BYTES, &text);
    } else {
        rc = buf_put(&text, a->words[1], strlen(a->words[1]));
    }
    if (rc < 0) {
        rc = cli_fail(a->c, rc, "the text: %s", err_text(rc));
    } else {
        a->task.text = bytes_field(buf_bytes(&text));
        rc = ask_about(a, show_tokens);
    }
    buf_release(&text);
    return rc;
}

/* The very bytes: a token may end in the middle of a character. */
static int show_text(struct model_args *a, const struct model_file *f,
                     const struct session *s, const Proctor__ModelReply *r)
{
    struct json j;

    (void)f;
    (void)s;
    if (!a->c->json) {
        if (isatty(STDOUT_FILENO)) {
            term_put_text(stdout, field_bytes(&r->text), r->text.len);
            putchar('\n');
        } else {
            (void)fwrite(r->text.data, 1, r->text.len, stdout);
        }
        return 0;
    }
    json_init(&j);
    json_object(&j, NULL);
    json_text(&j, "text", field_bytes(&r->text));
    json_hex(&j, "bytes", r->text.data, r->text.len);
    json_close(&j);
    return cli_emit(a->c, &j);
}

int model_run_decode(struct model_args *a)
{
    uint32_t *ids CLEANUP(mem_freep) = calloc(a->words_n, sizeof(*ids));

    if (ids == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    for (size_t i = 1; i < a->words_n; i++) {
        uint64_t v;

        if (args_u64(a->words[i], &v) < 0 || v > UINT32_MAX) {
            return cli_fail(a->c, ERR_INPUT, "\"%.40s\" is no token's number",
                            a->words[i]);
        }
        ids[i - 1] = (uint32_t)v;
    }
    a->task.command = PROCTOR__MODEL_COMMAND__MODEL_DECODE;
    a->task.tokens = ids;
    a->task.n_tokens = a->words_n - 1;
    return ask_about(a, show_text);
}

/* What the worker wrote, sealed since: read once more for its CID, and written
 * whole or not at all. */
static int save(struct model_args *a, const char *path, const struct session *s,
                const Proctor__ModelReply *r)
{
    struct ubytes b = {NULL, (size_t)r->bytes};
    struct json j;
    struct cid cid;
    char text[CID_TEXT_BYTES];
    void *p;
    int rc;

    if (s->answer.fds_n != 1 || r->bytes == 0) {
        return ERR_TRACE(ERR_PROTOCOL);
    }
    p = mmap(NULL, b.n, PROT_READ, MAP_PRIVATE, s->answer.fds[0], 0);
    if (p == MAP_FAILED) {
        return ERR_TRACE(err_from_errno(errno));
    }
    b.p = p;
    cid = cid_of(b);
    rc = a->force ? files_write(path, b) : files_write_new(path, b);
    (void)munmap(p, b.n);
    if (rc < 0) {
        return cli_fail_hint(a->c, rc,
                             rc == ERR_EXISTS ? "--force replaces it" : "",
                             "%.150s: %s", path, err_text(rc));
    }
    cid_text(&cid, text);
    if (!a->c->json) {
        printf("%s  %s\n", text, path);
        return 0;
    }
    json_init(&j);
    json_object(&j, NULL);
    json_str(&j, "path", path);
    json_str(&j, "cid", text);
    json_u64(&j, "bytes", b.n);
    json_str(&j, "type", type_name(a->task.type));
    json_close(&j);
    return cli_emit(a->c, &j);
}

/* Before work that may take minutes. */
static int check_free(const struct model_args *a, const char *path)
{
    struct stat st;

    if (!a->force && lstat(path, &st) == 0) {
        return cli_fail_hint(a->c, ERR_EXISTS, "--force replaces it",
                             "%.150s exists", path);
    }
    return 0;
}

int model_run_init(struct model_args *a)
{
    const Proctor__ModelReply *r = NULL;
    struct session s;
    int rc;

    if (a->init.arch[0] == '\0') {
        return cli_fail_hint(a->c, ERR_INPUT,
                             "--arch llama, qwen3moe, olmoe or gpt-oss",
                             "which architecture?");
    }
    TRY(check_free(a, a->words[0]));
    a->task.command = PROCTOR__MODEL_COMMAND__MODEL_INIT;
    a->task.init = &a->init;
    a->init.output_bytes = LIMIT_WEIGHTS_FILE_BYTES;
    rc = model_ask(&s, a, NULL, &r);
    rc = rc == 0 ? save(a, a->words[0], &s, r) : rc;
    session_close(&s);
    return rc;
}

static int show_quantized(struct model_args *a, const struct model_file *f,
                          const struct session *s, const Proctor__ModelReply *r)
{
    (void)f;
    return save(a, a->words[1], s, r);
}

int model_run_quantize(struct model_args *a)
{
    if (!a->typed) {
        return cli_fail_hint(a->c, ERR_INPUT, "--type f32, f16, bf16 or q8_0",
                             "weights of which type?");
    }
    TRY(check_free(a, a->words[1]));
    a->task.command = PROCTOR__MODEL_COMMAND__MODEL_QUANTIZE;
    a->task.init = &a->init;
    a->init.output_bytes = LIMIT_WEIGHTS_FILE_BYTES;
    return ask_about(a, show_quantized);
}
