/* Changing the ledger's key. Kernel process, which sees neither key: the signer
 * makes the new one into keys/key.new before anything is signed.
 *
 * Must never leave a ledger without its key: keys/key is replaced only when the
 * KEY record is durable, and keys/key.new removed only when it is durable that
 * there is none (recovery does both, too). */
#include "kernel/store/ledger_int.h"

#include <string.h>

#include "proto/disk.h"
#include "proto/err.h"

int ledger_make_key(int keys, const char *name, int *out_fd)
{
    int code = disk_unlink(keys, name);

    TRY(code == ERR_NOT_FOUND ? 0 : code);
    return disk_create(keys, name, 0600, out_fd);
}

int ledger_settle_keys(struct ledger *l, int is_turned)
{
    int keys CLEANUP(fd_closep) = -1;
    int code;

    TRY(disk_open_dir(store_dir_fd(l->store), "keys", &keys));
    if (is_turned) {
        TRY(disk_rename(keys, LEDGER_KEY_NEXT, keys, "key", 1));
        return disk_sync_dir(keys);
    }
    code = disk_unlink(keys, LEDGER_KEY_NEXT);
    return code == ERR_NOT_FOUND ? 0 : code;
}

static int turn_steps(struct ledger *l, const char *signer, uint64_t *out_seq,
                      struct diag *d)
{
    struct signer_public public;
    uint8_t old_key[32];
    uint8_t sigs[128];
    struct record r;

    memcpy(old_key, l->key, sizeof(old_key));
    signer_client_stop(&l->signer);
    TRY(ledger_start_signer(l, signer, LEDGER_KEYS_TURN, &public, d));
    TRY(signer_client_begin(&l->signer, &l->check.frontier, l->check.last_sig));
    TRY(signer_client_turn(&l->signer, l->key, sigs));
    record_init(&r, RECORD_KEY);
    record_set_hash(&r, RF_KEY_old_key, old_key);
    record_set_hash(&r, RF_KEY_new_key, l->key);
    record_set_bytes(&r, RF_KEY_old_signature, (struct ubytes){sigs, 64});
    record_set_bytes(&r, RF_KEY_new_signature, (struct ubytes){sigs + 64, 64});
    TRY(ledger_roll(l, &r, out_seq));
    return ledger_settle_keys(l, 1);
}

int ledger_turn(struct ledger *l, const char *signer, uint64_t *out_seq,
                struct diag *d)
{
    int code;

    diag_init(d);
    code = l->stopped != 0 ? ERR_TRACE(ERR_IO) : ledger_flush(l);
    if (code == 0) {
        code = turn_steps(l, signer, out_seq, d);
    }
    return code == 0 ? 0 : ledger_stop(l, code);
}
