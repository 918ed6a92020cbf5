/* DSSE envelopes. In the person's process; foreign JSON goes through
 * json_read. */
#include "cli/dsse.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "cli/json.h"
#include "cli/json_read.h"
#include "proto/err.h"

int dsse_pae(struct ubytes payload, struct buf *out)
{
    TRY(buf_putf(out, "DSSEv1 %zu %s %zu ", sizeof(DSSE_PAYLOAD_TYPE) - 1,
                 DSSE_PAYLOAD_TYPE, payload.n));
    return buf_put(out, payload.p, payload.n);
}

int dsse_write(struct ubytes payload, const struct pem_public *signer,
               const uint8_t sig[static 64], struct buf *out)
{
    struct ubytes text;
    struct json j;
    int rc;

    json_init(&j);
    json_object(&j, NULL);
    json_str(&j, "payloadType", DSSE_PAYLOAD_TYPE);
    json_base64(&j, "payload", payload);
    json_array(&j, "signatures");
    json_object(&j, NULL);
    json_str(&j, "keyid", signer->id);
    json_base64(&j, "sig", (struct ubytes){sig, 64});
    json_close(&j);
    json_close(&j);
    json_close(&j);
    rc = json_end(&j, &text);
    if (rc == 0) {
        rc = buf_put(out, text.p, text.n);
    }
    json_release(&j);
    return rc;
}

/* Is one of the signatures that key's, over that text? */
static int is_signed(struct json_read *j, struct ubytes pae,
                     const struct pem_public *signer)
{
    size_t n = json_read_count(j, "$.signatures");
    int found = 0;
    size_t i;

    for (i = 0; i < n && n <= DSSE_SIGNATURES_MAX && !found; i++) {
        char path[40];
        struct buf sig;

        (void)snprintf(path, sizeof(path), "$.signatures[%zu].sig", i);
        buf_init(&sig, 4096);
        found = json_read_base64(j, path, &sig) == 0 &&
                buf_len(&sig) == crypto_sign_BYTES &&
                crypto_sign_verify_detached(buf_bytes(&sig).p, pae.p, pae.n,
                                            signer->key) == 0;
        buf_release(&sig);
    }
    return found;
}

/* The payload of the envelope that j reads, if its form is right. */
static int take_payload(struct json_read *j, struct buf *out)
{
    struct buf type;
    int rc;

    buf_init(&type, sizeof(DSSE_PAYLOAD_TYPE));
    rc = json_read_has_no_twins(j) ? json_read_string(j, "$.payloadType", &type)
                                   : ERR_INPUT;
    if (rc == 0 &&
        (buf_len(&type) != sizeof(DSSE_PAYLOAD_TYPE) - 1 ||
         memcmp(buf_bytes(&type).p, DSSE_PAYLOAD_TYPE, buf_len(&type)) != 0)) {
        rc = ERR_INPUT;
    }
    if (rc == 0) {
        rc = json_read_base64(j, "$.payload", out);
    }
    buf_release(&type);
    return rc == 0 || rc == ERR_NOMEM ? rc : DSSE_E_FORM;
}

int dsse_read(struct ubytes envelope, const struct pem_public *signer,
              struct buf *out)
{
    struct json_read *j;
    struct buf payload;
    struct buf pae;
    int rc;

    TRY(json_read_new(&j));
    buf_init(&payload, DSSE_PAYLOAD_BYTES);
    buf_init(&pae, DSSE_PAYLOAD_BYTES + 100);
    rc = json_read_text(j, envelope, DSSE_ENVELOPE_BYTES) == 0
             ? take_payload(j, &payload)
             : DSSE_E_FORM;
    if (rc == 0) {
        rc = dsse_pae(buf_bytes(&payload), &pae);
    }
    if (rc == 0 && !is_signed(j, buf_bytes(&pae), signer)) {
        rc = DSSE_E_SIGNATURE;
    }
    if (rc == 0) {
        rc = buf_put(out, buf_bytes(&payload).p, buf_len(&payload));
    }
    buf_release(&payload);
    buf_release(&pae);
    json_read_free(j);
    return rc;
}
