/* YAML 1.2 and JSON as trees with places, on libfyaml's event stream.
 *
 * Stricter than YAML: one document, at most LIMIT_TEXT_DEPTH deep, no anchors,
 * aliases, tags, directives or merge keys, keys are plain words, no key twice
 * (schema.h), valid UTF-8 without NUL and other control characters. Everything
 * refused is named. Depth is counted on events: nothing recurses on input. */
#ifndef WORKERS_CONFIG_YAML_H
#define WORKERS_CONFIG_YAML_H

#include "workers/config/config.h"

enum yaml_kind {
    YAML_SCALAR,
    YAML_LIST,
    YAML_MAP
};

/* A node; memory of the arena it was built in. */
struct yaml_node {
    uint8_t kind;
    uint8_t plain;          /* scalar: neither quoted nor a block */
    uint32_t line;          /* 1-based; 0: from the override number `col` */
    uint32_t col;           /* 1-based, bytes */
    uint32_t n;             /* scalar: bytes of text; else entries */
    const char *text;       /* scalar: NUL-terminated */
    struct yaml_node *key;  /* entry of a map: its key */
    struct yaml_node *next; /* next entry of the same list or map */
    struct yaml_node *first, *last; /* list or map: entries */
};

enum yaml_event {
    YAML_EV_SCALAR,
    YAML_EV_LIST,
    YAML_EV_MAP,
    YAML_EV_CLOSE, /* of the innermost list or map */
    YAML_EV_END    /* of the document */
};

enum yaml_syntax {
    YAML_SYNTAX_YAML,
    YAML_SYNTAX_JSON
};

struct yaml_reader;

/* Checks the bytes and reads up to the first node. Borrows text. line0: lines
 * before text in the file (for corpora); override: number when the text is the
 * value of one, else 0. Also refuses an empty document. */
int yaml_open(struct config *c, struct ubytes text, enum yaml_syntax syntax,
              uint32_t line0, uint32_t override_i,
              struct yaml_reader **out) MUST_USE;
void yaml_close(struct yaml_reader *r);
void yaml_closep(struct yaml_reader **r);

/* Event that comes next. */
enum yaml_event yaml_peek(const struct yaml_reader *r);
/* Steps over LIST, MAP or CLOSE; *out_at (if not NULL) gets the place. */
int yaml_step(struct yaml_reader *r, struct yaml_node *out_at) MUST_USE;
/* Reads the next node whole, into arena a. */
int yaml_tree(struct yaml_reader *r, struct arena *a,
              struct yaml_node **out) MUST_USE;
/* Reads a map's next key (peek was not CLOSE). */
int yaml_key(struct yaml_reader *r, struct arena *a,
             struct yaml_node **out) MUST_USE;
/* Demands that the document, and with it the text, ends here. */
int yaml_end(struct yaml_reader *r) MUST_USE;

/* All in one: the only document of a text. */
int yaml_parse(struct config *c, struct ubytes text, enum yaml_syntax syntax,
               uint32_t line0, uint32_t override_i,
               struct yaml_node **out) MUST_USE;

#endif
