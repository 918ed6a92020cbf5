/* The hostile image: a worker of any class that does what the task text names.
 * It is started, narrowed and measured exactly as real images are; only
 * hostile_weaken.c, for the cases of row K, differs. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/err.h"
#include "proto/frame.h"

#include "tests/attack/cases.h"
#include "tests/attack/hostile.h"
#include "tests/attack/shim.h"
#include "tests/attack/weaken.h"
#include "workers/lib/worker.h"

#include "worker.pb-c.h"

#define CHANNEL WORKER_CHANNEL_FD
#define NAME_BYTES 160

static uint8_t page[8192] __attribute__((aligned(4096)));
static const struct frame *task; /* for cases that need its descriptor */

static long call(long nr, const long args[static 6])
{
    long a[6];
    long got;

    for (int i = 0; i < 6; i++) {
        a[i] = args[i] == ARG_ZERO   ? (long)page
               : args[i] == ARG_FILE ? (long)"/usr/bin/env"
               : args[i] == ARG_DIR  ? (long)"/"
                                     : args[i];
    }
    got = syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
    return got < 0 ? -errno : got;
}

static long int80_getpid(void)
{
    long got;

    __asm__ volatile("int $0x80" : "=a"(got) : "a"(20l) : "memory");
    return got;
}

static long vsyscall_time(void)
{
    long (*volatile time_at)(long *) =
        (long (*)(long *))(uintptr_t)0xffffffffff600400ul;

    return time_at(NULL);
}

static long error_of(long code)
{
    return code < 0 ? -errno : code;
}

static long file_open(const char *path, int flags)
{
    return error_of(open(path, flags, 0644));
}

static long read_etc_shadow(void)
{
    return file_open("/etc/shadow", O_RDONLY);
}

static long read_proc_self(void)
{
    return file_open("/proc/self/status", O_RDONLY);
}

static long read_sys_kernel(void)
{
    return file_open("/sys/kernel/vmcoreinfo", O_RDONLY);
}

static long open_dev_mem(void)
{
    return file_open("/dev/mem", O_RDONLY);
}

static long write_usr(void)
{
    return file_open("/usr/proctor-was-here", O_CREAT | O_WRONLY);
}

static long write_root(void)
{
    return file_open("/proctor-was-here", O_CREAT | O_WRONLY);
}

static long symlink_out(void)
{
    if (symlink("/etc/passwd", "link") < 0) {
        return -errno;
    }
    return file_open("link", O_RDONLY);
}

static long dotdot_out(void)
{
    return file_open("/usr/../../../etc/passwd", O_RDONLY);
}

static long link_into_work(void)
{
    return error_of(link("/usr/bin/env", "env"));
}

static long unlink_dev_null(void)
{
    return error_of(unlink("/dev/null"));
}

static long exec_in_tmp(void)
{
    char *argv[] = {page[0] == 0 ? (char *)page : NULL, NULL};
    int fd = open("/tmp/program", O_CREAT | O_WRONLY, 0755);

    if (fd < 0 || write(fd, "#!/usr/bin/env\n", 15) != 15 || close(fd) < 0) {
        return -errno;
    }
    execve("/tmp/program", argv, argv + 1);
    return -errno;
}

/* Exit status, or 1000 + signal. */
static long wait_for(pid_t pid)
{
    int status;

    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        return -errno;
    }
    return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Open descriptors other than those below n; fstat is in every profile. */
static long descriptors_beyond(int lowest, int highest)
{
    struct stat st;
    long found = 0;

    for (int fd = 0; fd < 4096; fd++) {
        if (fstat(fd, &st) == 0 && (fd < lowest || fd > highest)) {
            found++;
        }
    }
    return found;
}

static long inherited_descriptors(void)
{
    return descriptors_beyond(CHANNEL, CHANNEL);
}

static long inherited_descriptors_program(void)
{
    return descriptors_beyond(0, CHANNEL);
}

void spin(void)
{
    for (volatile unsigned long i = 0;; i++) {
    }
}

NORETURN static void wait_forever(void)
{
    char c;

    while (read(CHANNEL, &c, 1) == 1) {
    }
    _exit(8);
}

static long descriptor_to_kernel(void)
{
    uint8_t head[FRAME_HEADER_BYTES];
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.bytes = {0}};
    struct iovec iov = {head, sizeof(head)};
    struct msghdr m = {.msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control.bytes,
                       .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    int fd = CHANNEL;

    frame_header_encode((struct frame_header){0, MSG_CONFIG_REPLY, 1}, head);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    if (sendmsg(CHANNEL, &m, 0) < 0) {
        return -errno;
    }
    spin();
}

static long close_channel_and_spin(void)
{
    close(CHANNEL);
    spin();
}

static long spins(void)
{
    spin();
}

static long memory_bomb(void)
{
    for (;;) {
        size_t n = 16u << 20;
        uint8_t *p = mmap(NULL, n, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (p == MAP_FAILED) {
            return -errno;
        }
        for (size_t i = 0; i < n; i += 4096) {
            p[i] = 1;
        }
    }
}

static long brk_bomb(void)
{
    while (sbrk(16 << 20) != (void *)-1) { // NOLINT: brk is the case
    }
    return -errno;
}

static int stack_eat(volatile uint8_t *above)
{
    volatile uint8_t here[1024];

    here[0] = above[0];
    return above[0] == 1 ? 0 : stack_eat(here) + here[1]; // NOLINT: the case
}

static long stack_bomb(void)
{
    volatile uint8_t first[1] = {0};

    return stack_eat(first);
}

static long memory_bomb_group(void)
{
    pid_t pids[4];
    long worst = 0;

    for (size_t i = 0; i < ARRAY_N(pids); i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            memory_bomb();
            sleep(1); /* all of them hold what they got */
            _exit(0);
        }
    }
    for (size_t i = 0; i < ARRAY_N(pids); i++) {
        long end = wait_for(pids[i]);

        worst = end > worst ? end : worst;
    }
    return worst;
}

static long tmpfs_bomb(void)
{
    static char block[1 << 16];
    char name[32];

    signal(SIGXFSZ, SIG_IGN);
    for (int i = 0; i < 64; i++) {
        int fd;

        snprintf(name, sizeof(name), "file-%d", i);
        fd = open(name, O_CREAT | O_WRONLY, 0600);
        while (fd >= 0 && write(fd, block, sizeof(block)) > 0) {
        }
        if (fd < 0 || errno != EFBIG) {
            return -errno;
        }
        close(fd);
    }
    return 0;
}

static long file_size_limit(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        int fd = open("large", O_CREAT | O_WRONLY, 0600);

        _exit(fd < 0 || pwrite(fd, "x", 1, 64 << 20) < 0);
    }
    return wait_for(pid);
}

/* The limit is 8 processes beside the harness. */
static long fork_bomb(void)
{
    for (long n = 0; n < 1000; n++) {
        pid_t pid = fork();

        if (pid == 0) {
            pause();
            _exit(0);
        }
        if (pid < 0) {
            return errno == EAGAIN && n == 8;
        }
    }
    return 0;
}

static long daemon_outlives_harness(void)
{
    if (fork() == 0) {
        setsid();
        if (fork() == 0) {
            spin();
        }
        _exit(0);
    }
    usleep(20000);
    _exit(9);
}

static long never_answers(void)
{
    wait_forever();
}

static long ends_without_answer(void)
{
    _exit(0);
}

static long sealed_weights_write(void)
{
    if (task->fds_n != 1) {
        return 0;
    }
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, task->fds[0],
                0) == MAP_FAILED
               ? -errno
               : 0;
}

static long sealed_weights_read(void)
{
    const uint8_t *p;

    if (task->fds_n != 1) {
        return 0;
    }
    p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, task->fds[0], 0);
    return p == MAP_FAILED ? -errno : p[0];
}

static const struct {
    const char *name;
    long (*run)(void);
} specials[] = {
#define SPECIAL(f)                                                             \
    {                                                                          \
#f, f                                                                  \
    }
    SPECIAL(int80_getpid),
    {"int80_getpid_program", int80_getpid},
    SPECIAL(vsyscall_time),
    SPECIAL(read_etc_shadow),
    SPECIAL(read_proc_self),
    SPECIAL(read_sys_kernel),
    SPECIAL(open_dev_mem),
    SPECIAL(write_usr),
    SPECIAL(write_root),
    SPECIAL(symlink_out),
    SPECIAL(dotdot_out),
    SPECIAL(link_into_work),
    SPECIAL(unlink_dev_null),
    SPECIAL(exec_in_tmp),
    SPECIAL(inherited_descriptors),
    SPECIAL(inherited_descriptors_program),
    SPECIAL(descriptor_to_kernel),
    SPECIAL(close_channel_and_spin),
    SPECIAL(spins),
    SPECIAL(memory_bomb),
    SPECIAL(brk_bomb),
    SPECIAL(stack_bomb),
    SPECIAL(memory_bomb_group),
    SPECIAL(tmpfs_bomb),
    SPECIAL(file_size_limit),
    SPECIAL(fork_bomb),
    SPECIAL(daemon_outlives_harness),
    SPECIAL(never_answers),
    SPECIAL(ends_without_answer),
    SPECIAL(message_of_the_kernel),
    SPECIAL(unknown_message),
    SPECIAL(announces_4_gib),
    SPECIAL(half_a_message),
    SPECIAL(garbage),
    SPECIAL(floods),
    SPECIAL(sealed_weights_write),
    SPECIAL(sealed_weights_read),
};

static long special_run(const char *name)
{
    long answer;

    if (door_run(name, &answer)) {
        return answer;
    }
    for (size_t i = 0; i < ARRAY_N(specials); i++) {
        if (strcmp(specials[i].name, name) == 0) {
            return specials[i].run();
        }
    }
    return UNKNOWN;
}

/* Task CALL_PREFIX: any call, as text. */
static long numbered_run(const char *text)
{
    char *end = (char *)(uintptr_t)text;
    long words[7];

    for (size_t i = 0; i < ARRAY_N(words); i++) {
        words[i] = (long)strtoul(end, &end, 16);
    }
    return call(words[0], words + 1);
}

/* Task "shim": calls that the narrowing made; "shim N": the N-th of them. */
static long shim_tell(const char *text)
{
    unsigned long n = strtoul(text, NULL, 10);

    if (n == 0 || n > SHIM_CALLS_MAX) {
        return (long)shim->n;
    }
    return shim->calls[n - 1] * 10000l + shim->numbers[n - 1] + 1;
}

static long attack_run(const char *name)
{
    if (strncmp(name, "shim", 4) == 0) {
        return shim_tell(name + 4);
    }
    if (strncmp(name, CALL_PREFIX, strlen(CALL_PREFIX)) == 0) {
        return numbered_run(name + strlen(CALL_PREFIX));
    }
    for (size_t i = 0; i < attacks_n; i++) {
        if (strcmp(attacks[i].name, name) == 0 && attacks[i].nr != NR_SPECIAL) {
            return call(attacks[i].nr, attacks[i].args);
        }
    }
    return special_run(name);
}

/* The case's name is the text of a CONFIG_TASK or `takes` of a MODEL_TASK. */
static void name_of(const struct frame *f, char out[static NAME_BYTES])
{
    ProtobufCBinaryData text = {0};

    if (f->info->msg == MSG_CONFIG_TASK) {
        text = ((const Proctor__ConfigTask *)(const void *)f->m)->text;
    } else if (f->info->msg == MSG_MODEL_TASK) {
        text = ((const Proctor__ModelTask *)(const void *)f->m)->takes;
    }
    snprintf(out, NAME_BYTES, "%.*s", (int)text.len, (const char *)text.data);
}

static int serve(int channel_fd, uint8_t *share)
{
    struct frame f;

    (void)share;
    frame_init(&f);
    while (frame_receive(channel_fd, MSG_FROM_KERNEL, &f) == 0) {
        Proctor__ConfigReply reply = PROCTOR__CONFIG_REPLY__INIT;
        Proctor__Problem problem = PROCTOR__PROBLEM__INIT;
        char name[NAME_BYTES];
        char text[32];

        task = &f;
        name_of(&f, name);
        snprintf(text, sizeof(text), "%ld", attack_run(name));
        problem.what = text;
        reply.problem = &problem;
        if (frame_send(channel_fd, MSG_CONFIG_REPLY, &reply.base, NULL, 0) <
            0) {
            return 5;
        }
        frame_release(&f);
    }
    return 0;
}

/* Row K: leaves out one call of the zygote's own start. */
static void zygote_weaken(void)
{
    struct rlimit l = {0, 0};

    getrlimit(RLIMIT_RTTIME, &l);
    if (l.rlim_cur > WEAKEN_ZYGOTE_RTTIME &&
        l.rlim_cur < WEAKEN_ZYGOTE_RTTIME + SHIM_CALLS_MAX) {
        shim_arm(0, SHIM_SKIP, (unsigned)(l.rlim_cur - WEAKEN_ZYGOTE_RTTIME),
                 0);
    }
}

int main(int argc, char **argv)
{
    static struct worker_hooks hooks = {.serve = serve};

    /* argv[0] is worker-CLASS: this image stands in for each of them. */
    if (argc < 1 || strncmp(argv[0], "worker-", 7) != 0) {
        return 2;
    }
    hooks.class_name = argv[0] + 7;
    zygote_weaken();
    return worker_main(&hooks);
}
