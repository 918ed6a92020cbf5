/* Preloaded into proctor-kernel: the n-th allocation fails, or all from the n-th
 * on. Passive in every other process. Test only; never part of the product.
 *
 *   PROCTOR_FAIL_COUNT  a file of FILE_BYTES, mapped and shared: struct counts in
 *                       this machine's order. Without it nothing is counted or
 *                       failed
 *   PROCTOR_FAIL_AT     n, from 1; 0 or unset: none fails, and for each stack of
 *                       callers the file gets the first n that came from it
 *   PROCTOR_FAIL_ON     set: persistent
 *
 * The file outlives the process, however that ends. A child that the kernel
 * forks counts nothing and fails nothing: the n of one run names one place.
 * libseccomp's own calls are left alone: it survives no failure, for which the
 * kernel reserves its memory first (kernel/confine/filter.c), and a failing
 * malloc that ignores what the heap holds would not show that. */
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define TARGET "proctor-kernel"
#define FILE_BYTES 65536u
#define SLOTS_N 65536u /* a power of two, many times the sites */
#define DEPTH_MAX 32
#define CALLER __builtin_return_address(0)

/* The C library's own, under the names that it keeps for interposers. */
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t each);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t align, size_t n);

struct counts {
    uint64_t calls;
    uint64_t failed;
    uint64_t sites_n; /* stacks of callers seen */
    uint64_t first[FILE_BYTES / 8 - 3];
};
_Static_assert(sizeof(struct counts) == FILE_BYTES, "the file's layout");

static struct counts *counts; /* NULL: passive */
static uint64_t fail_at;
static int fail_on;
static pid_t target;
static uint64_t slots[SLOTS_N]; /* hashes of stacks; 0 = free */

static uintptr_t spared_from; /* libseccomp's code */
static uintptr_t spared_to;

static int find_spared(struct dl_phdr_info *o, size_t size, void *ctx)
{
    (void)size;
    (void)ctx;
    if (strstr(o->dlpi_name, "/libseccomp.so") == NULL) {
        return 0;
    }
    for (int i = 0; i < o->dlpi_phnum; i++) {
        if (o->dlpi_phdr[i].p_type == PT_LOAD &&
            (o->dlpi_phdr[i].p_flags & PF_X) != 0) {
            spared_from = o->dlpi_addr + o->dlpi_phdr[i].p_vaddr;
            spared_to = spared_from + o->dlpi_phdr[i].p_memsz;
        }
    }
    return 1;
}

__attribute__((constructor)) static void start(void)
{
    const char *file = getenv("PROCTOR_FAIL_COUNT");
    const char *at = getenv("PROCTOR_FAIL_AT");
    void *frames[2];
    void *p;
    int fd;

    if (file == NULL || strcmp(program_invocation_short_name, TARGET) != 0) {
        return;
    }
    fail_at = at == NULL ? 0 : strtoull(at, NULL, 10);
    fail_on = getenv("PROCTOR_FAIL_ON") != NULL;
    target = getpid();
    (void)dl_iterate_phdr(find_spared, NULL);
    (void)backtrace(frames, 2); /* loads the unwinder, which allocates */
    fd = open(file, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        _exit(99);
    }
    p = mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    (void)close(fd);
    if (p == MAP_FAILED) {
        _exit(99);
    }
    counts = p;
}

/* Notes the stack of callers if it is a new one. */
static void note_site(void)
{
    void *frames[DEPTH_MAX];
    int n = backtrace(frames, DEPTH_MAX);
    uint64_t h = 0xcbf29ce484222325u;
    size_t i;

    for (int k = 0; k < n; k++) {
        h = (h ^ (uint64_t)(uintptr_t)frames[k]) * 0x100000001b3u;
        h ^= h >> 29;
    }
    h |= 1;
    for (i = h % SLOTS_N; slots[i] != 0 && slots[i] != h;) {
        i = (i + 1) % SLOTS_N;
    }
    if (slots[i] == 0 &&
        counts->sites_n < sizeof(counts->first) / sizeof(counts->first[0])) {
        slots[i] = h;
        counts->first[counts->sites_n++] = counts->calls;
    }
}

/* True when this call is to fail; errno says so. */
static int fails(const void *caller)
{
    if (counts == NULL || getpid() != target ||
        ((uintptr_t)caller >= spared_from && (uintptr_t)caller < spared_to)) {
        return 0;
    }
    counts->calls++;
    if (fail_at == 0) {
        note_site();
        return 0;
    }
    if (counts->calls < fail_at || (counts->calls > fail_at && !fail_on)) {
        return 0;
    }
    counts->failed++;
    errno = ENOMEM;
    return 1;
}

EXPORT void *malloc(size_t n)
{
    return fails(CALLER) ? NULL : __libc_malloc(n);
}

EXPORT void *calloc(size_t n, size_t each)
{
    return fails(CALLER) ? NULL : __libc_calloc(n, each);
}

EXPORT void *realloc(void *p, size_t n)
{
    return fails(CALLER) ? NULL : __libc_realloc(p, n);
}

/* glibc's own would call its realloc past ours. */
EXPORT void *reallocarray(void *p, size_t n, size_t each)
{
    size_t bytes;

    if (fails(CALLER) || __builtin_mul_overflow(n, each, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return __libc_realloc(p, bytes);
}

EXPORT void *aligned_alloc(size_t align, size_t n)
{
    return fails(CALLER) ? NULL : __libc_memalign(align, n);
}

EXPORT int posix_memalign(void **out, size_t align, size_t n)
{
    void *p = fails(CALLER) ? NULL : __libc_memalign(align, n);

    if (p == NULL) {
        return ENOMEM;
    }
    *out = p;
    return 0;
}

static char *copy_text(const char *s, size_t n)
{
    char *copy = __libc_malloc(n + 1);

    if (copy != NULL) {
        memcpy(copy, s, n);
        copy[n] = '\0';
    }
    return copy;
}

EXPORT char *strndup(const char *s, size_t max)
{
    return fails(CALLER) ? NULL : copy_text(s, strnlen(s, max));
}

EXPORT char *strdup(const char *s)
{
    return fails(CALLER) ? NULL : copy_text(s, strlen(s));
}
