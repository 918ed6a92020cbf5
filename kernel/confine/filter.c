/* Profile rules to BPF, by libseccomp. Runs in the kernel process only; must
 * never hand out a filter from which a rule is missing. */
#include "kernel/confine/filter.h"

#include <errno.h>
#include <malloc.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "proto/err.h"

/* Many times what libseccomp takes for the largest filter. */
enum { RESERVE_BYTES = 4 << 20 };

/* libseccomp 2.5.4 does not survive an allocation that fails in its compiler: it
 * crashes, spins, or leaves a rule out and says nothing. So the heap is made to
 * hold what it will ask for before it is called. */
static int memory_reserve(void)
{
    void *p;

    (void)mallopt(M_MMAP_THRESHOLD, 2 * RESERVE_BYTES);
    (void)mallopt(M_TRIM_THRESHOLD, 4 * RESERVE_BYTES);
    p = malloc(RESERVE_BYTES);
    free(p);
    return p == NULL ? ERR_TRACE(ERR_NOMEM) : 0;
}

static int rule_put(scmp_filter_ctx ctx, const struct rule *r, const char *call)
{
    struct scmp_arg_cmp args[RULE_ARGS_MAX];
    uint32_t action = SCMP_ACT_ALLOW;
    int nr = seccomp_syscall_resolve_name(call);

    ASSERT(r->args_n <= RULE_ARGS_MAX);
    if (nr < 0) {
        return ERR_CONFINE; /* a name this host's architecture lacks */
    }
    if (r->action == RULE_ERRNO) {
        action = SCMP_ACT_ERRNO((unsigned)r->error);
    }
    for (unsigned i = 0; i < r->args_n; i++) {
        args[i] = SCMP_CMP64(r->args[i].arg_i, SCMP_CMP_MASKED_EQ,
                             r->args[i].mask, r->args[i].value);
    }
    return seccomp_rule_add_exact_array(ctx, action, nr, r->args_n, args) == 0
               ? 0
               : ERR_CONFINE;
}

static int list_put(scmp_filter_ctx ctx, const struct rule_list *l,
                    const char **out_bad)
{
    for (size_t i = 0; i < l->n; i++) {
        for (const char *const *c = l->rules[i].calls; *c != NULL; c++) {
            if (rule_put(ctx, &l->rules[i], *c) < 0) {
                *out_bad = *c;
                return ERR_TRACE(ERR_CONFINE);
            }
        }
    }
    return 0;
}

static int code_read(int fd, struct filter *out)
{
    off_t bytes = lseek(fd, 0, SEEK_END);
    size_t n;

    if (bytes <= 0 || bytes % (off_t)sizeof(struct sock_filter) != 0) {
        return ERR_TRACE(ERR_CONFINE);
    }
    n = (size_t)bytes / sizeof(struct sock_filter);
    if (n > BPF_MAXINSNS) {
        return ERR_TRACE(ERR_CONFINE);
    }
    out->code = malloc((size_t)bytes);
    if (out->code == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    if (pread(fd, out->code, (size_t)bytes, 0) != bytes) {
        filter_release(out);
        return ERR_TRACE(ERR_IO);
    }
    out->n = (unsigned)n;
    return 0;
}

/* seccomp_export_bpf writes to a descriptor. */
static int code_export(scmp_filter_ctx ctx, struct filter *out)
{
    int fd CLEANUP(fd_closep) = memfd_create("filter", MFD_CLOEXEC);

    if (fd < 0) {
        return ERR_TRACE(err_from_errno(errno));
    }
    if (seccomp_export_bpf(ctx, fd) != 0) {
        return ERR_TRACE(ERR_CONFINE);
    }
    return code_read(fd, out);
}

int filter_make(const struct rule_list *const *lists, size_t lists_n,
                struct filter *out, const char **out_bad)
{
    scmp_filter_ctx ctx;
    int code = 0;

    *out = (struct filter){0};
    *out_bad = "seccomp_init";
    TRY(memory_reserve());
    errno = 0;
    ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (ctx == NULL) {
        return ERR_TRACE(ERR_NOMEM);
    }
    if (seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) !=
            0 ||
        seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2) != 0) {
        seccomp_release(ctx);
        return ERR_TRACE(ERR_CONFINE);
    }
    for (size_t i = 0; i < lists_n && code == 0; i++) {
        code = list_put(ctx, lists[i], out_bad);
    }
    if (code == 0) {
        *out_bad = "seccomp_export_bpf";
        code = code_export(ctx, out);
    }
    if (errno == ENOMEM) { /* whatever it said: a rule may be missing */
        filter_release(out);
        code = ERR_TRACE(ERR_NOMEM);
    }
    seccomp_release(ctx);
    return code;
}

void filter_release(struct filter *f)
{
    free(f->code);
    *f = (struct filter){0};
}
