/* What only a bundle can get wrong: constants that are not of their type; and the
 * places of things that no text has. Runs in the `cml` worker. */
#include <string.h>

#include "proto/err.h"
#include "proto/text.h"
#include "workers/cml/check_int.h"

/* Does the scalar have the type's own form? */
static int fits(enum cml_primitive p, const struct cml_value *v)
{
    const struct cml_primitive_info *info = cml_primitive_info(p);

    if (p == CML_PRIMITIVE_BOOL) {
        return v->tag == CML_FALSE || v->tag == CML_TRUE;
    }
    return v->tag == (enum cml_tag)info->tag && v->code == info->code;
}

int check_constant(struct checker *c, const struct term *literal, uint32_t type)
{
    const struct term *value = literal->fields[1].kids[0];
    enum cml_primitive p = check_as_primitive(c->dag, type);
    uint32_t own = TYPE_NONE;
    char wants[80];

    check_type_text(c->dag, type, wants, sizeof(wants));
    if (value->kind == CML_UNIT) { /* interned before who names it */
        TRY(check_unit_type(c, value->id, &own));
        return own == type ? 0
                           : check_differ(c, literal, "a unit as a value", own,
                                          type);
    }
    if (p == CML_PRIMITIVES) {
        return check_fail(c, literal, "no constant can be a %s", wants);
    }
    return fits(p, &value->fields[0].value)
               ? 0
               : check_fail(c, literal, "the constant is no %s", wants);
}

/* Writes ".body.statements[0]" for the way from t to bad: is it there?
 * NOLINTNEXTLINE(misc-no-recursion): at most LIMIT_CML_HEIGHT deep */
static int find(const struct term *t, const struct term *bad, struct text *out)
{
    const struct cml_kind_info *k = cml_kind_info(t->kind);

    if (t == bad) {
        return 1;
    }
    for (unsigned f = 0; f < k->fields_n; f++) {
        for (uint32_t i = 0; t->fields[f].kids && i < t->fields[f].n; i++) {
            const struct term *kid = t->fields[f].kids[i];
            struct text here = *out;

            if (kid->kind == CML_UNIT && kid != bad) {
                continue;
            }
            text_putf(out, ".%s", k->fields[f].name);
            if (k->fields[f].shape == CML_NODES) {
                text_putf(out, "[%u]", i);
            }
            if (find(kid, bad, out)) {
                return 1;
            }
            *out = here;
        }
    }
    return 0;
}

void check_tell_path(const struct term *unit, const struct term *bad,
                     struct diag *diag)
{
    char path[DIAG_TEXT_BYTES];
    char what[DIAG_TEXT_BYTES];
    struct text out;

    text_init(&out, path, sizeof(path));
    text_putf(&out, "%.40s", unit->name != NULL ? unit->name : "Unit");
    if (!find(unit, bad, &out)) {
        return;
    }
    memcpy(what, diag->what, sizeof(what));
    if (strlen(path) + strlen(what) + 3 > sizeof(what)) {
        diag_hint(diag, "at %.140s", path);
        return;
    }
    text_init(&out, diag->what, sizeof(diag->what));
    text_putf(&out, "%s: %s", path, what);
}
