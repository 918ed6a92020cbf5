/* Envelopes and statements from anybody. The corpus holds a real envelope, its
 * payload, and keys that fit: so inputs near them get as far as the objects. None
 * is ever taken as checked, for the candidate's file is not given. */
#include <stdint.h>
#include <string.h>

#include "cli/dsse.h"
#include "cli/export_check.h"
#include "cli/json_read.h"
#include "proto/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct pem_public SIGNER = {
    .key = {
        0xd7, 0xea, 0x04, 0x13, 0x4f, 0x4a, 0x1e, 0xdd, 0xf5, 0xeb, 0x71,
        0x2d, 0x1d, 0x65, 0xfb, 0x9a, 0x36, 0xc2, 0x3b, 0x33, 0x68, 0xd3,
        0xa4, 0x61, 0x85, 0x11, 0xe8, 0xf3, 0xbd, 0x8c, 0x99, 0x6c,
    }};
static const char VKEY[] =
    "proctor/"
    "49fb372984ddb680+3794ced8+ARTL1pOCwjYssDeCRazndhy5bU5smJYCZCjN+S94Es7Q";

static void judge(struct ubytes payload)
{
    struct statement s;
    struct vkey log;
    struct diag d;
    int rc;

    ASSERT(note_vkey_parse(VKEY, log.origin, log.key) == 0);
    diag_init(&d);
    statement_init(&s);
    rc = export_check(payload, &log, NULL, 0, &s, &d);
    ASSERT(rc != 0);
    ASSERT(rc == ERR_NOMEM || d.what[0] != '\0');
    statement_release(&s);
}

static void differ(struct ubytes text)
{
    static const char empty[] = "{}";
    char where[JSON_READ_PATH_BYTES];
    struct json_read *j;

    ASSERT(json_read_new(&j) == 0);
    if (json_read_text(j, text, 1u << 20) == 0) {
        json_read_difference(
            j, text, (struct ubytes){(const uint8_t *)empty, sizeof(empty) - 1},
            where);
        (void)json_read_has_no_twins(j);
    }
    json_read_free(j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ubytes in = {data, size};
    struct buf payload;

    buf_init(&payload, DSSE_PAYLOAD_BYTES);
    if (dsse_read(in, &SIGNER, &payload) == 0) {
        judge(buf_bytes(&payload));
    }
    judge(in);
    differ(in);
    buf_release(&payload);
    return 0;
}
