/* Data sets for people (loaded.h). Their notes are a worker's words. */
#include "cli/loaded.h"

#include <inttypes.h>
#include <string.h>

#include "cli/object.h"
#include "cli/term.h"
#include "proto/err.h"
#include "proto/pb.h"

#include "train.pb-c.h"

#define NOTE_BYTES 240u

void loaded_print(FILE *out, const char *store, const struct record *r,
                  unsigned indent)
{
    ProtobufCMessage *m CLEANUP(pb_freep) = NULL;
    const Proctor__Dataset *d;
    struct cid c;

    memcpy(c.b, record_hash(r, RF_LOADED_dataset), CID_BYTES);
    if (object_message(store, &c, &proctor__dataset__descriptor, &m) < 0) {
        err_trace_clear();
        fprintf(out, "%" PRIu64 " rows\n", record_u(r, RF_LOADED_rows));
        return;
    }
    d = (const Proctor__Dataset *)m;
    fprintf(out, "%" PRIu64 " rows of %" PRIu32 " %s", d->rows, d->width,
            d->kind == PROCTOR__DATA_KIND__DATA_TEXT ? "tokens" : "numbers");
    if (d->kind == PROCTOR__DATA_KIND__DATA_CLASSIFICATION) {
        fprintf(out, ", %" PRIu32 " classes", d->classes);
    } else if (d->kind == PROCTOR__DATA_KIND__DATA_TEXT) {
        fprintf(out, ", a vocabulary of %" PRIu32, d->classes);
    }
    fputc('\n', out);
    for (size_t i = 0; i < d->n_notes; i++) {
        fprintf(out, "%*s", (int)indent, "");
        term_put_text(out,
                      (struct ubytes){(const uint8_t *)d->notes[i],
                                      strlen(d->notes[i])},
                      NOTE_BYTES);
        fputc('\n', out);
    }
}
