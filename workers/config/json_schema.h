/* Shared by the files of the JSON Schema reader. */
#ifndef WORKERS_CONFIG_JSON_SCHEMA_H
#define WORKERS_CONFIG_JSON_SCHEMA_H

#include "workers/config/grammar_forms.h"
#include "workers/config/schema.h"

enum json_type {
    JSON_NULL,
    JSON_BOOLEAN,
    JSON_INTEGER,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT,
    JSON_TYPES
};

enum key {
    KEY_TYPE,
    KEY_REF,
    KEY_ENUM,
    KEY_CONST,
    KEY_ANY_OF,
    KEY_ONE_OF,
    KEY_MINIMUM,
    KEY_MAXIMUM,
    KEY_ABOVE,
    KEY_BELOW,
    KEY_MIN_LENGTH,
    KEY_MAX_LENGTH,
    KEY_PATTERN,
    KEY_FORMAT,
    KEY_ITEMS,
    KEY_PREFIX,
    KEY_MIN_ITEMS,
    KEY_MAX_ITEMS,
    KEY_PROPERTIES,
    KEY_REQUIRED,
    KEY_ADDITIONAL,
    KEYS
};

/* A keyword, and the type that it speaks of; JSON_TYPES: none. */
struct json_key {
    const char *name;
    enum json_type of;
};

extern const struct json_key json_keys[KEYS];

/* Branches of a oneOf, which must have no text in common. */
struct json_apart {
    const struct yaml_node *at;
    const struct gx *branches; /* an ALT */
    struct json_apart *next;
};

/* A schema that a $ref names; its rule gets its body when all else was read. */
struct json_target {
    const char *pointer;
    const struct yaml_node *schema;
    uint32_t rule;
    struct json_target *next;
};

struct json_schema {
    struct grammar *g;
    struct config *c;
    const struct yaml_node *root;
    struct json_target *targets; /* not yet read */
    struct json_apart *aparts;
    struct gx *any; /* any value; NULL: not yet made */
};

/* json_schema.c. The value of a key in a map, or NULL. */
const struct yaml_node *json_entry(const struct yaml_node *map, const char *name,
                                   size_t n);
int json_is_text(const struct yaml_node *n);
/* The word false; n may be NULL. */
int json_is_false(const struct yaml_node *n);
int json_schema_gx(struct json_schema *j, const struct yaml_node *n,
                   struct gx **out) MUST_USE;
/* json_types.c: values of one type, held to what the keys say of it. v: the value
 * of each key, or NULL; at: the schema. */
int json_type_gx(struct json_schema *j, const struct yaml_node **v,
                 const struct yaml_node *at, enum json_type type,
                 struct gx **out) MUST_USE;

/* json_text.c: JSON in the one spelling that is let through. NULL: no memory. */
struct gx *json_separator(struct grammar *g, char sign);
struct gx *json_number(struct grammar *g);
struct gx *json_integer(struct grammar *g, const int64_t *lo,
                        const int64_t *hi);
/* A string of min to max characters, with its quotes. */
struct gx *json_string(struct grammar *g, uint32_t min, uint32_t max);
struct gx *json_quoted(struct grammar *g, struct gx *inner);
struct gx *json_word(struct grammar *g, struct ubytes utf8);
/* A key that is none of these, which are maps' keys in a list of entries. */
struct gx *json_other_key(struct grammar *g, const struct yaml_node *map);
struct gx *json_member(struct grammar *g, struct gx *key, struct gx *value);
struct gx *json_any(struct json_schema *j);
/* The one text of a value that stands in the schema. 0, ERR_NOMEM, or the
 * problem. */
int json_constant(struct json_schema *j, const struct yaml_node *n,
                  struct gx **out) MUST_USE;
/* Its type; a number is INTEGER if it is written as one. JSON_TYPES: none. */
enum json_type json_type_of(const struct yaml_node *n);

#endif
