/* Confinement measured from outside: what the host says about a worker that
 * waits for its first byte, compared with what its profile demands. The report
 * of an unbroken worker depends on class, image and limits alone, so that equal
 * workers have equal digests. Takes part of a millisecond; runs in the kernel. */
#ifndef KERNEL_CONFINE_MEASURE_H
#define KERNEL_CONFINE_MEASURE_H

#include <sys/types.h>

#include "proto/cid.h"
#include "proto/diag.h"
#include "proto/zygote.h"

#include "kernel/confine/filter.h"
#include "kernel/confine/host.h"

#include "evidence.pb-c.h"

#define MEASURE_NS_N 7
#define MEASURE_LIMITS_MAX 12

/* The namespaces of a process, held open: that pins their inodes, and looking at
 * one costs the host a third. */
struct measure_held {
    int fd[MEASURE_NS_N]; /* owned */
    ino_t inode[MEASURE_NS_N];
};
void measure_held_init(struct measure_held *h);
/* Of a process that cannot go away. 0 or ERR_CONFINE (errno says why); release
 * it in both cases. */
int measure_held_open(pid_t pid, struct measure_held *h) MUST_USE;
void measure_held_release(struct measure_held *h);

/* What must be found. All borrowed. */
struct measure_want {
    const char *class_name;
    pid_t pid; /* on the host, from pidfd */
    int pidfd;
    const struct measure_held *own; /* of the kernel, which never leaves them */
    pid_t zygote_pid;
    uint32_t uid_base; /* host uid of the zygote: its request->uid is 0 */
    int image_fd;
    struct cid image;
    const struct filter *zygote_filter;
    const struct filter *worker_filter;
    const uint8_t *filters_sha256; /* of both, in this order */
    const struct zygote_request *request; /* as sent */
    const char *roots;
    ino_t channel;           /* inode of the worker's end */
    int share_fd;            /* when request->share_bytes > 0 */
    int channel_fd;          /* our end of it; not read here */
    const struct host *host;
    const char *cgroup;      /* "v1", "v2" or "none" */
    const char *cgroup_name; /* end of its group's path; "" = in none */
};

/* A report and everything it points to; not to be copied. */
struct measured {
    Proctor__Confinement report;
    char *namespaces_[MEASURE_NS_N];
    char *descriptors_[4];
    char *limits_[MEASURE_LIMITS_MAX];
    char limit_text_[MEASURE_LIMITS_MAX][40];
    char profile_[32];
    char root_[1024];
    char shared_[48];
    char class_[ZYGOTE_CLASS_BYTES];
    char cgroup_[8];
    char seen_[12];
    uint8_t filter_[32];
    uint8_t image_[CID_BYTES];
};

/* SHA-256 over both filters, for filters_sha256. */
void measure_hash(const struct filter *zygote, const struct filter *worker,
                  uint8_t out[static 32]);

/* 0, or ERR_CONFINE with d naming the layer, what was found and what was
 * expected. The worker is running again (waiting) in the first case; in the
 * second the caller kills it. */
int measure(const struct measure_want *w, struct measured *m,
            struct diag *d) MUST_USE;

/* Host pid behind a pidfd; 0 when it is gone. */
pid_t measure_pid(int pidfd);

#endif
