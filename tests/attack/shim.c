/* The calls of shim.def, by way of the linker's --wrap. Test code; must change
 * nothing while it is not armed. */
#include "tests/attack/shim.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proto/zygote.h"

static struct shim own;
struct shim *shim = &own;
/* 1, and 0 in children: the host wipes it. (A filter may forbid getpid.) */
static const volatile int *parent;

void shim_share(void)
{
    shim = mmap(NULL, sizeof(*shim), PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shim == MAP_FAILED) {
        abort();
    }
    {
        int *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (page == MAP_FAILED || madvise(page, 4096, MADV_WIPEONFORK) < 0) {
            abort();
        }
        *page = 1;
        parent = page;
    }
}

void shim_arm(int in_children, enum shim_mode mode, unsigned target, int error)
{
    *shim = (struct shim){.in_children = in_children,
                          .mode = mode,
                          .target = target,
                          .error = error};
    /* Children that are not zygotes ask what the host can do: not of interest. */
    shim->armed = in_children ? SHIM_FROM_CLONE : SHIM_ARMED;
}

void shim_disarm(void)
{
    shim->armed = 0;
}

const char *shim_name(const struct shim *s, unsigned n)
{
    static const char *const names[] = {
#define SHIM(name) #name,
#define SHIM_OWN SHIM
#define SHIM_BY_FIRST SHIM
#include "tests/attack/shim.def"
#undef SHIM_BY_FIRST
#undef SHIM_OWN
#undef SHIM
    };
    static char text[40];
    unsigned call;

    if (n == 0 || n > s->n || n > SHIM_CALLS_MAX) {
        return "none";
    }
    call = s->calls[n - 1];
    if (call >= SHIM_N_ || s->numbers[n - 1] < 0) {
        return call < SHIM_N_ ? names[call] : "?";
    }
    snprintf(text, sizeof(text), "%s %ld", names[call], s->numbers[n - 1]);
    return text;
}

static int is_here(void)
{
    int in_child = parent != NULL && *parent == 0;

    return shim->armed == SHIM_ARMED && in_child == shim->in_children;
}

/* Counts a call; whether it is the one. */
static int is_target(enum shim_call call, long number)
{
    unsigned n;

    if (!is_here()) {
        return 0;
    }
    n = ++shim->n;
    if (n <= SHIM_CALLS_MAX) {
        shim->calls[n - 1] = (uint8_t)call;
        shim->numbers[n - 1] = number;
    }
    return n == shim->target && shim->mode != SHIM_COUNT;
}

static long answer(void)
{
    if (shim->mode == SHIM_SKIP) {
        return 0;
    }
    errno = shim->error;
    return -1;
}

#define PARAMETERS long a, long b, long c, long d, long e, long f, long g
#define SHIM(name)                                                             \
    long __real_##name(PARAMETERS);                                            \
    long __wrap_##name(PARAMETERS);
#define SHIM_OWN SHIM
#define SHIM_BY_FIRST SHIM
#include "tests/attack/shim.def"
#undef SHIM_BY_FIRST
#undef SHIM_OWN
#undef SHIM

static struct sock_filter open_code[] = {
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};

static void filter_open_install(void)
{
    struct sock_fprog program = {.len = 1, .filter = open_code};

    __real_syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, (long)&program, 0,
                   0, 0);
}

/* The program with a rule more: fork is allowed. */
static long filter_rule_install(const struct sock_fprog *right)
{
    static struct sock_filter code[ZYGOTE_FILTER_MAX];
    struct sock_fprog program = {.len = (unsigned short)(right->len + 3),
                                 .filter = code};
    const struct sock_filter rule[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fork, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};

    memcpy(code, rule, sizeof(rule));
    memcpy(code + 3, right->filter, right->len * sizeof(*code));
    return __real_syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0,
                          (long)&program, 0, 0, 0);
}

/* The same bytes in another file. */
static long image_copy(long fd)
{
    int copy =
        (int)__real_memfd_create((long)"copy", MFD_CLOEXEC, 0, 0, 0, 0, 0);
    off_t at = 0;

    while (sendfile(copy, (int)fd, &at, 1 << 20) > 0) {
    }
    return copy;
}

long __wrap_syscall(PARAMETERS)
{
    int target = is_target(SHIM_syscall, a);

    if (a == SYS_seccomp && parent == NULL) {
        shim->armed = 0; /* a worker is narrow now, and may not even ask */
    }
    if (target) {
        return answer();
    }
    if (shim->armed && a == SYS_clone && shim->special == SHIM_STRIP) {
        b &= ~(long)(unsigned)shim->error;
    }
    if (shim->armed == SHIM_FROM_CLONE && a == SYS_clone) {
        shim->armed = SHIM_ARMED;
    }
    if (is_here() && a == SYS_seccomp) {
        switch (shim->special) {
        case SHIM_FILTER_OPEN:
            filter_open_install();
            return 0;
        case SHIM_FILTER_TWICE:
            filter_open_install();
            break;
        case SHIM_FILTER_RULE:
            return filter_rule_install((const struct sock_fprog *)d);
        case SHIM_AS_IT_IS:
        case SHIM_STRIP:
        case SHIM_IMAGE:
            break;
        }
    }
    return __real_syscall(a, b, c, d, e, f, g);
}

long __wrap_dup3(PARAMETERS)
{
    if (is_target(SHIM_dup3, -1)) {
        return answer();
    }
    if (is_here() && shim->special == SHIM_IMAGE && b == ZYGOTE_IMAGE_FD) {
        a = image_copy(a);
    }
    return __real_dup3(a, b, c, d, e, f, g);
}

/* Which of many: prctl(PR_CAPBSET_DROP, 7) is number 2407. */
static long first(enum shim_call call, int a, long b)
{
    return call == SHIM_prctl && a == PR_CAPBSET_DROP ? 100l * a + b : a;
}

/* Their first argument says what they do. */
#define SHIM_OWN(name)
#define SHIM_BY_FIRST(name)                                                    \
    long __wrap_##name(PARAMETERS)                                             \
    {                                                                          \
        return is_target(SHIM_##name, first(SHIM_##name, (int)a, b))           \
                   ? answer()                                                  \
                   : __real_##name(a, b, c, d, e, f, g);                       \
    }
#define SHIM(name)                                                             \
    long __wrap_##name(PARAMETERS)                                             \
    {                                                                          \
        return is_target(SHIM_##name, -1)                                      \
                   ? answer()                                                  \
                   : __real_##name(a, b, c, d, e, f, g);                       \
    }
#include "tests/attack/shim.def"
