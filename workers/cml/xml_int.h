/* Shared by the files of the XML reader. */
#ifndef WORKERS_CML_XML_INT_H
#define WORKERS_CML_XML_INT_H

#include "workers/cml/document.h"
#include "workers/cml/xml_tree.h"

#define XML_SCOPE_MAX 1024

struct reader {
    struct document *doc;
    struct arena *a; /* the document's */
    struct diag *diag;
    const char *scope[XML_SCOPE_MAX]; /* names of binders; the last is nearest */
    uint32_t scope_n;
    uint32_t depth; /* of terms */
};

int xml_fail(struct reader *r, const struct element *e, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
struct term *xml_term(struct reader *r, enum cml_kind kind,
                      const struct element *e);
/* One more term below; each 0 has its xml_leave. */
int xml_enter(struct reader *r, const struct element *e) MUST_USE;
void xml_leave(struct reader *r);
int xml_bind(struct reader *r, const struct element *e, const char *name)
    MUST_USE;
/* Distance to the binder of this name, or -1. */
int64_t xml_index(const struct reader *r, const char *name);
/* The text of an attribute that must be there. */
int xml_need(struct reader *r, const struct element *e, const char *attr,
             const char **out) MUST_USE;
/* The same, as a name: of the form that the text form has. */
int xml_need_name(struct reader *r, const struct element *e, const char *attr,
                  const char **out) MUST_USE;
/* The kid at *k, which must be one of this tag; moves on. */
int xml_take(struct reader *r, const struct element *e, struct element **k,
             enum xml_tag tag, struct element **out) MUST_USE;
/* No kid is left at k. */
int xml_finish(struct reader *r, const struct element *e,
               const struct element *k) MUST_USE;
/* The type of e: attribute "type" or the kid at *k, else NULL. */
int xml_type_of(struct reader *r, const struct element *e, struct element **k,
                struct term **out) MUST_USE;
int xml_type(struct reader *r, const struct element *e, struct term **out)
    MUST_USE;
int xml_expression(struct reader *r, struct element *e, struct term **out)
    MUST_USE;
/* The one expression that e holds. */
int xml_inside(struct reader *r, const struct element *e, struct term **out)
    MUST_USE;
int xml_block(struct reader *r, const struct element *e, struct term **out)
    MUST_USE;
int xml_match(struct reader *r, struct element *e, struct term **out) MUST_USE;
int xml_loop(struct reader *r, struct element *e, struct term **out) MUST_USE;
/* A <Unit>, into the document. */
int xml_unit(struct reader *r, const struct element *e) MUST_USE;
/* Attribute doc as comment lines; NULL when there is none. */
int xml_comment(struct reader *r, const struct element *e, const char **out)
    MUST_USE;
/* Name, type and first value, as they are there; binds nothing. */
int xml_binding(struct reader *r, const struct element *e, int nameless,
                struct term **out) MUST_USE;

#endif
