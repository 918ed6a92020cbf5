/* What a person means by an ID: a record's number, or a content identifier by
 * all or the first digits of it. */
#ifndef CLI_ID_H
#define CLI_ID_H

#include "cli/index.h"
#include "proto/cid.h"

#define ID_DIGITS_MIN 8

struct id {
    int is_record;
    uint64_t seq;
    struct cid cid;
};

/* The form alone: "#12" and "12" are records when below size or shorter than
 * ID_DIGITS_MIN; else 8 to 64 hex digits (either case), which are copied to
 * out_digits in lower case. 0 record, ID_E_DIGITS, or ERR_INPUT. */
enum {
    ID_E_DIGITS = 1
};
int id_parse(const char *text, uint64_t size, uint64_t *out_seq,
             char out_digits[static CID_TEXT_BYTES]) MUST_USE;

/* Looks it up: objects of the store and hashes that records name. ERR_INPUT
 * (no ID, or several begin like this; d lists them), ERR_NOT_FOUND. */
int id_find(const char *store, struct index *ix, const char *text,
            struct id *out, struct diag *d) MUST_USE;

#endif
