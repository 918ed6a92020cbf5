/* Inside of the disk model: disk_record.c notes calls, disk_state.c makes states
 * of the notes. Test code. */
#ifndef TESTS_CRASH_DISK_MODEL_INT_H
#define TESTS_CRASH_DISK_MODEL_INT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "disk_model.h"

#define FILES_MAX 4096u
#define NAME_BYTES 80
#define NONE UINT32_MAX

enum op_kind {
    OP_NAME,
    OP_MOVE,
    OP_REMOVE,
    OP_WRITE,
    OP_SIZE,
    OP_SYNC,
    OP_DROP, /* a sync that failed: unsynced bytes of the file are lost */
    OP_ALL
};

struct op {
    enum op_kind kind;
    uint32_t file; /* written, sized or synced; or that the name stands for */
    uint32_t dir, dir_to;
    char name[NAME_BYTES], name_to[NAME_BYTES];
    uint64_t off;
    uint8_t *bytes; /* owned */
    size_t n;
};

/* A file or folder of the recording. */
struct node {
    ino_t ino;
    int is_dir;
    mode_t mode;
    int is_gone;  /* its number may be somebody else's by now */
    int is_whole; /* bytes were written by another process: as at the end */
    struct buf_ {
        uint8_t *p;
        size_t n;
    } start; /* when the recording began */
    uint32_t parent;
    char name[NAME_BYTES]; /* then; "" = was not there */
};

#define SITES_MAX 64u
#define ALIASES_N 16u

/* A place in the code that syncs. */
struct site {
    uint64_t hash; /* of its callers */
    char what[DISK_SITE_BYTES];
};

struct recording {
    int is_on;
    size_t sector;
    struct site sites[SITES_MAX];
    size_t sites_n, lie;
    unsigned fail_sync; /* so many syncs from now */
    int no_direct;
    struct { /* a file as O_DIRECT shows it stands in for the file */
        ino_t ino;
        uint32_t node;
    } aliases[ALIASES_N];
    unsigned aliases_n;
    char dir[256];
    dev_t dev;
    struct node nodes[FILES_MAX];
    uint32_t nodes_n;
    struct op *ops;
    size_t ops_n, ops_cap;
};
extern struct recording rec;

/* A file's bytes without those that failed syncs lost; the caller frees. */
uint8_t *disk_state_of_file(uint32_t file, size_t *out_n);
/* Says what and ends the test. */
NORETURN void disk_give_up(const char *what);
/* p, which is not NULL. */
void *disk_must(void *p);
/* Copies a name that is not too long. */
void disk_name_copy(char out[static NAME_BYTES], const char *name);

#endif
