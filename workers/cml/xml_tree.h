/* XML as a tree of the elements that CML has, with places: the restricted subset of
 * docs/cml.md. Foreign bytes; whatever else XML allows is refused by name. */
#ifndef WORKERS_CML_XML_TREE_H
#define WORKERS_CML_XML_TREE_H

#include "proto/cml.h"

enum xml_tag {
#define ELEMENT(tag, name, counts, text) XML_##tag,
#include "workers/cml/xml.def"
    XML_SCALAR, /* named as a primitive type: <Float>0.85</Float> */
    XML_TAGS
};

struct xml_attr {
    const char *name; /* without "cml:" */
    struct ubytes value; /* a NUL behind it */
};

struct element {
    enum xml_tag tag;
    enum cml_primitive primitive; /* of XML_SCALAR */
    uint32_t line;
    uint32_t col;
    uint32_t kids_n;
    uint32_t attrs_n;
    struct xml_attr *attrs;
    struct ubytes text; /* of what may hold text and has no kids */
    struct element *kids;
    struct element *last; /* of the kids */
    struct element *next;
};

/* Where the bytes of made XML come from: from byte `at` of it on, byte `from` of the
 * file. */
struct xml_span {
    size_t at;
    size_t from;
};

struct xml_map {
    struct ubytes file;
    const struct xml_span *spans; /* rising; the first is at 0 */
    size_t n;
};

/* Is there an element of this name (without "cml:")? If not, *out_near is the one
 * that may be meant, or NULL. */
int xml_is_tag(const char *name, const char **out_near);
/* Does the attribute count in an element of this name? Else it is metadata. */
int xml_attr_counts(const char *tag, const char *attr);
/* "Unit"; of XML_SCALAR the primitive's name. */
const char *xml_tag_name(const struct element *e);
const struct xml_attr *xml_attr(const struct element *e, const char *name);
/* The root, in a. path is borrowed for places; map tells them when the XML is no
 * file, else it is NULL. 0, ERR_INPUT (place, hint),
 * ERR_LIMIT, ERR_NOMEM. */
int xml_tree_read(struct arena *a, struct ubytes in, const char *path,
                  const struct xml_map *map, struct element **out, struct diag *diag) MUST_USE;

#endif
