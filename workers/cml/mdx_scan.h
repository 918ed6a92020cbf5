/* MDX taken apart: its blocks as one XML text, with places, and the prose between
 * them. */
#ifndef WORKERS_CML_MDX_SCAN_H
#define WORKERS_CML_MDX_SCAN_H

#include "proto/arena.h"
#include "proto/buf.h"
#include "proto/diag.h"

#include "workers/cml/xml_tree.h"

struct mdx {
    struct buf xml;         /* <CML>, every block, </CML> */
    struct xml_span *spans; /* owned; of xml */
    size_t spans_n;
    size_t spans_cap;
    struct ubytes *prose;   /* owned; before each block, and behind the last */
    size_t prose_n;         /* blocks + 1 */
    size_t prose_cap;
};

void mdx_init(struct mdx *m);
void mdx_release(struct mdx *m);
/* in: UTF-8 within its limit. 0, ERR_INPUT (place, hint), ERR_NOMEM, ERR_LIMIT. */
int mdx_scan(struct mdx *m, struct arena *a, struct ubytes in, const char *path,
             struct diag *diag) MUST_USE;

#endif
