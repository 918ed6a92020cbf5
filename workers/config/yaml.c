/* Trees with places on libfyaml's events. Runs in the confined `config` worker.
 * Must never hand libfyaml its default diagnostics: they ask for the terminal,
 * which the filter forbids. */
#include "workers/config/yaml.h"

#include <libfyaml.h>
#include <stdlib.h>
#include <string.h>

#include "proto/limits.h"
#include "proto/utf8.h"
#include "workers/config/yaml_text.h"

struct yaml_reader {
    struct config *c;
    struct ubytes text;
    struct buf broken; /* owned: text, when its lines had to be broken */
    uint32_t line0;
    uint32_t override_i;
    struct fy_diag *diag;     /* owned */
    struct fy_parser *parser; /* owned */
    struct fy_event *event;   /* owned: what peek shows */
    size_t line_start;        /* place cursor: moves along with the events */
    size_t breaks;            /* of yaml_text_break, since line_start */
    size_t at;
    uint32_t line;
    unsigned depth;
};

static void drop_text(struct fy_diag *d, void *user, const char *buf,
                      size_t len)
{
    (void)d;
    (void)user;
    (void)buf;
    (void)len;
}

/* Line and column of byte pos. Events come in order but for a few steps back,
 * so all calls together cost one pass over the text. */
static void find_place(struct yaml_reader *r, size_t pos, uint32_t *out_line,
                       uint32_t *out_col)
{
    const uint8_t *p = r->text.p;

    pos = pos > r->text.n ? r->text.n : pos;
    if (pos < r->at) {
        while (pos < r->line_start) {
            size_t start = r->line_start - 1;

            while (start > 0 && p[start - 1] != '\n') {
                start--;
            }
            r->line_start = start;
            r->line--;
        }
        r->at = r->line_start;
        r->breaks = 0;
    }
    for (; r->at < pos; r->at++) {
        if (p[r->at] == '\n') {
            r->line++;
            r->line_start = r->at + 1;
            r->breaks = 0;
        } else {
            r->breaks += (size_t)yaml_text_is_break(r->text, r->at);
        }
    }
    *out_line = r->line0 + r->line;
    *out_col = (uint32_t)(pos - r->line_start - r->breaks + 1);
}

static void set_place(struct yaml_reader *r, struct yaml_node *n, size_t pos)
{
    if (r->override_i > 0) {
        n->line = 0;
        n->col = r->override_i;
    } else {
        find_place(r, pos, &n->line, &n->col);
    }
}

static size_t event_pos(const struct yaml_reader *r, struct fy_event *e)
{
    const struct fy_mark *m = fy_event_start_mark(e);
    size_t pos = m ? m->input_pos : r->at;

    /* libfyaml's mark of a quoted scalar stands behind the quote. */
    if (e->type == FYET_SCALAR && pos > 0) {
        enum fy_scalar_style style = fy_token_scalar_style(e->scalar.value);

        pos -= style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED;
    }
    return pos;
}

/* Refuses what must not even reach libfyaml, with its byte position. */
static int check_text(struct yaml_reader *r)
{
    struct yaml_text_problem p;
    struct yaml_node at = {0};
    int code = yaml_text_check(r->text, &p);

    if (code == 0) {
        return 0;
    }
    set_place(r, &at, p.pos);
    if (code == ERR_LIMIT) {
        config_limit(r->c, &at, "%s", p.what);
    } else {
        config_fail(r->c, &at, "%s", p.what);
    }
    config_hint(r->c, "%s", p.hint);
    return code;
}

/* libfyaml's first error as a problem. */
static int fail_syntax(struct yaml_reader *r)
{
    void *it = NULL;
    const struct fy_diag_error *e = fy_diag_errors_iterate(r->diag, &it);
    struct yaml_node at = {.col = r->override_i};
    size_t pos = 0;

    if (!e || !e->msg) {
        return ERR_NOMEM; /* it reports everything else */
    }
    if (r->override_i == 0) {
        /* Its columns count characters, ours bytes. */
        int lines = e->line - 1;
        int columns = e->column - 1;

        for (; lines > 0 && pos < r->text.n; pos++) {
            lines -= r->text.p[pos] == '\n' || yaml_text_is_break(r->text, pos);
        }
        while (columns > 0 && pos < r->text.n && r->text.p[pos] != '\n') {
            uint32_t cp;
            size_t n = utf8_next(
                (struct ubytes){r->text.p + pos, r->text.n - pos}, &cp);

            pos += n > 0 ? n : 1;
            columns--;
        }
        find_place(r, pos, &at.line, &at.col);
    }
    return config_fail(r->c, &at, "not well-formed: %s", e->msg);
}

static int refuse(struct yaml_reader *r, const char *what, const char *hint)
{
    struct yaml_node at = {0};

    set_place(r, &at, event_pos(r, r->event));
    config_fail(r->c, &at, "%s", what);
    config_hint(r->c, "%s", hint);
    return ERR_INPUT;
}

static int check_depth(struct yaml_reader *r)
{
    struct yaml_node at = {0};

    if (r->depth < LIMIT_TEXT_DEPTH) {
        r->depth++;
        return 0;
    }
    set_place(r, &at, event_pos(r, r->event));
    return config_limit(r->c, &at, "nested deeper than %d", LIMIT_TEXT_DEPTH);
}

static int refuse_anchor(struct yaml_reader *r)
{
    return refuse(r, "anchors and aliases are not supported",
                  "write the value out where it is used");
}

static int refuse_tag(struct yaml_reader *r)
{
    return refuse(r, "tags are not supported",
                  "leave out the word that begins with !; types follow from "
                  "the key");
}

/* What YAML has and we do not. */
static int check_event(struct yaml_reader *r)
{
    const struct fy_event *e = r->event;

    switch (e->type) {
    case FYET_ALIAS:
        return refuse_anchor(r);
    case FYET_SCALAR:
        return e->scalar.anchor ? refuse_anchor(r)
               : e->scalar.tag  ? refuse_tag(r)
                                : 0;
    case FYET_SEQUENCE_START:
        return e->sequence_start.anchor ? refuse_anchor(r)
               : e->sequence_start.tag  ? refuse_tag(r)
                                        : check_depth(r);
    case FYET_MAPPING_START:
        return e->mapping_start.anchor ? refuse_anchor(r)
               : e->mapping_start.tag  ? refuse_tag(r)
                                       : check_depth(r);
    case FYET_SEQUENCE_END:
    case FYET_MAPPING_END:
        r->depth--;
        return 0;
    case FYET_DOCUMENT_START:
        if (fy_document_state_version_explicit(
                e->document_start.document_state) ||
            fy_document_state_tags_explicit(e->document_start.document_state)) {
            return refuse(r, "directives are not supported",
                          "leave out the lines that begin with %");
        }
        return 0;
    case FYET_NONE:
    case FYET_STREAM_START:
    case FYET_STREAM_END:
    case FYET_DOCUMENT_END:
        break;
    }
    return 0;
}

static int fetch(struct yaml_reader *r)
{
    fy_parser_event_free(r->parser, r->event);
    r->event = fy_parser_parse(r->parser);
    if (!r->event) {
        return fail_syntax(r);
    }
    return check_event(r);
}

static int start_parser(struct yaml_reader *r, enum yaml_syntax syntax)
{
    static const struct fy_diag_cfg quiet = {
        .output_fn = drop_text, .level = FYET_ERROR, .module_mask = ~0u};
    struct fy_parse_cfg cfg = {
        .search_path = "",
        .flags =
            FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_DEFAULT_VERSION_1_2 |
            FYPCF_DISABLE_MMAP_OPT |
            (syntax == YAML_SYNTAX_JSON ? FYPCF_JSON_FORCE : FYPCF_JSON_NONE)};

    r->diag = fy_diag_create(&quiet);
    if (!r->diag) {
        return ERR_NOMEM;
    }
    fy_diag_set_collect_errors(r->diag, true);
    cfg.diag = r->diag;
    r->parser = fy_parser_create(&cfg);
    if (!r->parser ||
        fy_parser_set_string(r->parser, (const char *)r->text.p, r->text.n)) {
        return ERR_NOMEM;
    }
    return 0;
}

static int fail_empty(struct yaml_reader *r)
{
    struct yaml_node at = {.line = r->line0 + 1, .col = 1};

    if (r->override_i > 0) {
        at = (struct yaml_node){.col = r->override_i};
    }
    return config_fail(r->c, &at, "the text is empty");
}

/* Up to the first event of the only document. */
static int open_document(struct yaml_reader *r)
{
    TRY(fetch(r)); /* stream start */
    TRY(fetch(r));
    if (r->event->type == FYET_STREAM_END) {
        return fail_empty(r);
    }
    TRY(fetch(r));
    if (r->event->type == FYET_SCALAR &&
        fy_token_scalar_style(r->event->scalar.value) == FYSS_PLAIN &&
        fy_token_get_text_length(r->event->scalar.value) == 0) {
        return fail_empty(r);
    }
    return 0;
}

static int break_lines(struct yaml_reader *r)
{
    int done = 0;

    TRY(yaml_text_break(r->text, &r->broken, &done));
    if (done) {
        r->text = buf_bytes(&r->broken);
    }
    return 0;
}

int yaml_open(struct config *c, struct ubytes text, enum yaml_syntax syntax,
              uint32_t line0, uint32_t override_i, struct yaml_reader **out)
{
    CLEANUP(yaml_closep) struct yaml_reader *r = calloc(1, sizeof(*r));
    static const uint8_t bom[] = {0xef, 0xbb, 0xbf};

    if (!r) {
        return ERR_NOMEM;
    }
    if (text.n >= sizeof(bom) && memcmp(text.p, bom, sizeof(bom)) == 0) {
        text.p += sizeof(bom);
        text.n -= sizeof(bom);
    }
    r->c = c;
    r->text = text;
    r->line0 = line0;
    r->override_i = override_i;
    r->line = 1;
    buf_init(&r->broken, 2 * text.n);
    if (text.n == 0) {
        return fail_empty(r);
    }
    TRY(break_lines(r));
    TRY(check_text(r));
    TRY(start_parser(r, syntax));
    TRY(open_document(r));
    *out = r;
    r = NULL;
    return 0;
}

void yaml_close(struct yaml_reader *r)
{
    if (!r) {
        return;
    }
    if (r->parser) {
        fy_parser_event_free(r->parser, r->event);
        fy_parser_destroy(r->parser);
    }
    if (r->diag) {
        fy_diag_destroy(r->diag);
    }
    buf_release(&r->broken);
    free(r);
}

void yaml_closep(struct yaml_reader **r)
{
    yaml_close(*r);
}

enum yaml_event yaml_peek(const struct yaml_reader *r)
{
    ASSERT(r != NULL);
    switch (r->event->type) {
    case FYET_SCALAR:
        return YAML_EV_SCALAR;
    case FYET_SEQUENCE_START:
        return YAML_EV_LIST;
    case FYET_MAPPING_START:
        return YAML_EV_MAP;
    case FYET_SEQUENCE_END:
    case FYET_MAPPING_END:
        return YAML_EV_CLOSE;
    case FYET_NONE:
    case FYET_STREAM_START:
    case FYET_STREAM_END:
    case FYET_DOCUMENT_START:
    case FYET_DOCUMENT_END:
    case FYET_ALIAS:
        break;
    }
    return YAML_EV_END;
}

int yaml_step(struct yaml_reader *r, struct yaml_node *out_at)
{
    enum yaml_event e = yaml_peek(r);

    ASSERT(e == YAML_EV_LIST || e == YAML_EV_MAP || e == YAML_EV_CLOSE);
    if (out_at) {
        memset(out_at, 0, sizeof(*out_at));
        out_at->kind = e == YAML_EV_LIST ? YAML_LIST : YAML_MAP;
        set_place(r, out_at, event_pos(r, r->event));
    }
    return fetch(r);
}

/* A node for the event under the cursor, without its entries. */
static struct yaml_node *make_node(struct yaml_reader *r, struct arena *a)
{
    struct yaml_node *n = arena_get(a, sizeof(*n));
    struct fy_token *t;
    const char *text;
    size_t text_n = 0;

    if (!n) {
        return NULL;
    }
    set_place(r, n, event_pos(r, r->event));
    if (r->event->type != FYET_SCALAR) {
        n->kind = r->event->type == FYET_MAPPING_START ? YAML_MAP : YAML_LIST;
        return n;
    }
    t = r->event->scalar.value;
    text = t ? fy_token_get_text(t, &text_n) : "";
    if (!text || text_n > UINT32_MAX) {
        return NULL;
    }
    n->kind = YAML_SCALAR;
    n->plain = !t || fy_token_scalar_style(t) == FYSS_PLAIN;
    n->n = (uint32_t)text_n;
    n->text = arena_text(a, text, text_n);
    return n->text ? n : NULL;
}

int yaml_key(struct yaml_reader *r, struct arena *a, struct yaml_node **out)
{
    struct yaml_node *key;

    if (r->event->type != FYET_SCALAR) {
        return refuse(r, "a key must be a word",
                      "write the key as plain text, e.g. name: value");
    }
    key = make_node(r, a);
    if (!key) {
        return ERR_NOMEM;
    }
    if (key->n != strlen(key->text)) {
        return config_fail(r->c, key, "a key holds a NUL character");
    }
    if (key->plain && strcmp(key->text, "<<") == 0) {
        return refuse(r, "merge keys are not supported", "write the keys out");
    }
    *out = key;
    return fetch(r);
}

static void append(struct yaml_node *parent, struct yaml_node *n)
{
    if (parent->last) {
        parent->last->next = n;
    } else {
        parent->first = n;
    }
    parent->last = n;
    parent->n++;
}

int yaml_tree(struct yaml_reader *r, struct arena *a, struct yaml_node **out)
{
    struct yaml_node *open[LIMIT_TEXT_DEPTH];
    size_t open_n = 0;

    do {
        enum yaml_event e = yaml_peek(r);
        struct yaml_node *key = NULL;
        struct yaml_node *n;

        if (e == YAML_EV_CLOSE) {
            ASSERT(open_n > 0);
            open_n--;
            TRY(fetch(r));
            continue;
        }
        ASSERT(e != YAML_EV_END);
        if (open_n > 0 && open[open_n - 1]->kind == YAML_MAP) {
            TRY(yaml_key(r, a, &key));
        }
        n = make_node(r, a);
        if (!n) {
            return ERR_NOMEM;
        }
        n->key = key;
        if (open_n > 0) {
            append(open[open_n - 1], n);
        } else {
            *out = n;
        }
        if (n->kind != YAML_SCALAR) {
            ASSERT(open_n < LIMIT_TEXT_DEPTH);
            open[open_n++] = n;
        }
        TRY(fetch(r));
    } while (open_n > 0);
    return 0;
}

int yaml_end(struct yaml_reader *r)
{
    if (r->event->type == FYET_DOCUMENT_END) {
        TRY(fetch(r));
    }
    if (r->event->type == FYET_STREAM_END) {
        return 0;
    }
    return refuse(r, "a second document begins here",
                  "one file holds one document; remove the --- line");
}

int yaml_parse(struct config *c, struct ubytes text, enum yaml_syntax syntax,
               uint32_t line0, uint32_t override_i, struct yaml_node **out)
{
    CLEANUP(yaml_closep) struct yaml_reader *r = NULL;

    TRY(yaml_open(c, text, syntax, line0, override_i, &r));
    TRY(yaml_tree(r, &c->scratch, out));
    return yaml_end(r);
}
