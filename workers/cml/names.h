/* Names of binders, made fit for the text form. */
#ifndef WORKERS_CML_NAMES_H
#define WORKERS_CML_NAMES_H

#include "workers/cml/document.h"

/* Where a variable means a binder that a nearer one of the same name hides, the
 * nearer one gets another name: the text form has names alone. ERR_NOMEM. */
int names_unhide(struct document *d) MUST_USE;

#endif
