/* Asking a confined worker of class cml on behalf of an export: units of files, and
 * readable forms of artifacts. */
#ifndef CLI_EXPORT_UNITS_H
#define CLI_EXPORT_UNITS_H

#include "cli/export_out.h"
#include "cli/projection.h"

/* Every unit of the files into p, under its name. */
int export_units_add(const struct export_out *x,
                     struct projection *p) MUST_USE;
/* A text for every name in p's manifest, if it has one: what is no unit has
 * none. */
int export_units_text(const struct export_out *x,
                      struct projection *p) MUST_USE;

#endif
