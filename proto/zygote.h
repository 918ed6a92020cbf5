/* What the kernel and the first code of a worker image say to each other: how a
 * zygote is asked for workers, and how a narrowed worker reports for measuring.
 * Trusted at both ends and of one build on one host, so fixed structs are copied
 * whole; nothing that came from outside ever travels here.
 *
 * Zygote socket (SOCK_SEQPACKET, descriptor ZYGOTE_FD of the zygote): kernel
 * sends zygote_request + filter + roots with the worker's channel attached, and
 * its shared memory when it has one; the zygote sends zygote_event. Channel
 * (SOCK_STREAM): the worker's first bytes are one worker_hello, then frames
 * (proto/frame.h) in both directions; where filters are watched the kernel's
 * first is a byte for which the worker waits. */
#ifndef PROTO_ZYGOTE_H
#define PROTO_ZYGOTE_H

#include <linux/filter.h>

#include "proto/base.h"

#define ZYGOTE_FD 3              /* its control socket; a worker's channel */
#define ZYGOTE_IMAGE_FD 4        /* closed by the exec it is for */
#define ZYGOTE_MAGIC 0x50727a33u /* "Prz3": changes with any struct below */
#define ZYGOTE_ROOTS_MAX 64
#define ZYGOTE_ROOTS_BYTES 8192u
#define ZYGOTE_FILTER_MAX 4096u /* BPF_MAXINSNS */
#define ZYGOTE_CLASS_BYTES 16
#define ZYGOTE_FDS_MAX 2 /* of a request: channel, shared memory */

/* Everything that confines a worker happens in one of these steps; a failed one
 * is reported by number and shown by name. STEP(NAME, layer as people see it).
 * The first group runs in the zygote before exec, the second in the worker. */
#define CONFINE_STEPS                                                          \
    STEP(NONE, "none")                                                         \
    STEP(MAPS, "user namespace: uid and gid map")                              \
    STEP(ZYGOTE_UID, "user namespace: become its root")                        \
    STEP(PRIVATE, "mount namespace: private propagation")                      \
    STEP(ROOT_TMPFS, "root: tmpfs")                                            \
    STEP(PIVOT, "root: pivot_root")                                            \
    STEP(OLD_ROOT, "root: detach the host's tree")                             \
    STEP(ROOT_RDONLY, "root: read-only")                                       \
    STEP(DEV_NULL, "descriptors: /dev/null")                                   \
    STEP(DESCRIPTORS, "descriptors: close all others")                         \
    STEP(SESSION, "own session")                                               \
    STEP(PERSONALITY, "personality")                                           \
    STEP(DEATH_SIGNAL, "death signal")                                         \
    STEP(ZYGOTE_CAPS, "capabilities of the zygote")                            \
    STEP(NO_NEW_PRIVS, "no_new_privs")                                         \
    STEP(ZYGOTE_FILTER, "seccomp: filter of the zygote")                       \
    STEP(EXEC, "execute the image")                                            \
    STEP(REQUEST, "request to the zygote")                                     \
    STEP(CLONE, "clone the worker")                                            \
    STEP(SIGNALS, "signal handlers and mask")                                  \
    STEP(SHARE, "shared memory")                                               \
    STEP(BIND, "root: bind a declared path")                                   \
    STEP(WORK, "root: /work and /tmp")                                         \
    STEP(LIMITS, "resource limits")                                            \
    STEP(BOUNDING, "capabilities: bounding set")                               \
    STEP(AMBIENT, "capabilities: ambient set")                                 \
    STEP(GROUPS, "groups")                                                     \
    STEP(SECUREBITS, "capabilities: securebits")                               \
    STEP(UID, "own uid")                                                       \
    STEP(CAPS, "capabilities: zero")                                           \
    STEP(UNDUMPABLE, "undumpable")                                             \
    STEP(LANDLOCK, "landlock")                                                 \
    STEP(FILTER, "seccomp: filter of the worker")

enum confine_step {
#define STEP(name, text) STEP_##name,
    CONFINE_STEPS
#undef STEP
        STEP_N_
};

/* Seconds between RLIMIT_CPU's soft end, whose SIGXCPU names the limit that was
 * met, and its hard one, SIGKILL, for who ignores the first. */
#define ZYGOTE_CPU_GRACE_S 1
#define ZYGOTE_SIGNALS 64 /* RLIMIT_SIGPENDING */

struct zygote_request {
    uint32_t magic;
    uint32_t ordinal;     /* of the worker; chosen by the kernel */
    uint32_t uid;         /* in the zygote's user namespace; gid is the same */
    uint32_t own_root;    /* class program: own pid and mount namespace */
    uint64_t cpu_s;       /* RLIMIT_CPU */
    uint64_t as_bytes;    /* RLIMIT_AS */
    uint64_t file_bytes;  /* RLIMIT_FSIZE */
    uint64_t processes;   /* RLIMIT_NPROC */
    uint64_t files;       /* RLIMIT_NOFILE */
    uint64_t stack_bytes; /* RLIMIT_STACK */
    uint64_t work_bytes;  /* size of /work and of /tmp */
    uint64_t share_bytes; /* proto/share.h; 0 = none, and no descriptor */
    uint32_t filter_n;    /* instructions of the final filter, which follow */
    uint32_t roots_bytes; /* then absolute real paths, each NUL-terminated */
    uint32_t watched;     /* says hello before its filter is on, and waits for
                             one byte: the kernel watches it being installed */
    uint32_t zero;
};

enum zygote_event_kind {
    ZYGOTE_UP = 1,  /* the zygote runs its image; class_name set */
    ZYGOTE_BROKEN,  /* it could not; step and error say why. Last event */
    ZYGOTE_STARTED, /* a worker's process exists; a pidfd is attached */
    ZYGOTE_REFUSED, /* it does not; step and error */
    ZYGOTE_EXITED   /* reaped: status, cpu_us, max_rss_bytes */
};

struct zygote_event {
    uint32_t magic;
    uint32_t kind;
    uint32_t ordinal;
    uint32_t step;
    int32_t error;   /* errno */
    int32_t status;  /* as of wait(2) */
    uint64_t cpu_us; /* user and system, with reaped children */
    uint64_t max_rss_bytes;
    char class_name[ZYGOTE_CLASS_BYTES];
};

struct worker_hello {
    uint32_t magic;
    uint32_t step; /* STEP_NONE: narrowed, waiting to be measured */
    int32_t error;
    uint32_t landlock_abi; /* of the domain it entered */
};

_Static_assert(sizeof(struct zygote_request) == 96, "no padding");
_Static_assert(sizeof(struct zygote_event) == 56, "no padding");
_Static_assert(sizeof(struct worker_hello) == 16, "no padding");
_Static_assert(ZYGOTE_FILTER_MAX == BPF_MAXINSNS, "the host's own maximum");

#endif
