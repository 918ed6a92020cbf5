/* Hostile programs of class program, which has more doors than the pure classes:
 * files, children, threads, limits. Each function tries one and says how it went.
 * Linked into the hostile image. */
#include "tests/attack/hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/base.h"

static long error_of(long code)
{
    return code < 0 ? -errno : code;
}

/* The 32-bit door of processors that have it in 64-bit mode. */
static long sysenter(void)
{
    long got;

    __asm__ volatile("push %%rbp; mov %%rsp, %%rbp; sysenter; pop %%rbp"
                     : "=a"(got)
                     : "a"(20l)
                     : "rcx", "rdx", "memory");
    return got;
}

static long vsyscall(uintptr_t at)
{
    long (*volatile entry)(void *, void *, void *) =
        (long (*)(void *, void *, void *))at;

    return entry(NULL, NULL, NULL);
}

static long vsyscall_gettimeofday(void)
{
    return vsyscall(0xffffffffff600000ul);
}

static long vsyscall_getcpu(void)
{
    return vsyscall(0xffffffffff600800ul);
}

/* Families for which socket(2) does not end the process; 1 (AF_UNIX) is answered
 * EACCES. */
static long socket_families(void)
{
    long open_doors = 0;

    for (int family = 0; family < 64; family++) {
        int status = 0;
        pid_t pid = fork();

        if (pid == 0) {
            _exit(socket(family, SOCK_RAW, 0) < 0 && errno == EACCES ? 1 : 2);
        }
        waitpid(pid, &status, 0);
        if (family == AF_UNIX) {
            open_doors += !WIFEXITED(status) || WEXITSTATUS(status) != 1;
        } else {
            open_doors += !WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS;
        }
    }
    return open_doors;
}

static long is_nosuid(const char *path)
{
    struct statvfs fs;

    return statvfs(path, &fs) < 0 ? -errno : (fs.f_flag & ST_NOSUID) != 0;
}

static long usr_is_nosuid(void)
{
    return is_nosuid("/usr");
}

static long work_is_nosuid(void)
{
    return is_nosuid("/work") && is_nosuid("/tmp");
}

static long inode_bomb(void)
{
    char name[32];

    for (int i = 0; i < 100000; i++) {
        int fd;

        snprintf(name, sizeof(name), "inode-%d", i);
        fd = open(name, O_CREAT | O_WRONLY, 0600);
        if (fd < 0) {
            return -errno;
        }
        close(fd);
    }
    return 0;
}

static long deep_directories(void)
{
    for (int i = 0; i < 100000; i++) {
        if (mkdir("d", 0700) < 0 || chdir("d") < 0) {
            return -errno;
        }
    }
    return 0;
}

static long fd_bomb(void)
{
    for (int i = 0; i < 100000; i++) {
        if (dup(0) < 0) {
            return -errno;
        }
    }
    return 0;
}

static long pipe_bomb(void)
{
    for (int i = 0; i < 100000; i++) {
        int pair[2];

        if (pipe(pair) < 0) {
            return -errno;
        }
    }
    return 0;
}

static int work_file(void)
{
    signal(SIGXFSZ, SIG_IGN);
    return open("file", O_CREAT | O_RDWR, 0600);
}

static long fallocate_beyond(void)
{
    return error_of(fallocate(work_file(), 0, 0, 1l << 40));
}

static long sparse_beyond(void)
{
    return error_of(ftruncate(work_file(), 1l << 40));
}

static long tmpfile_beyond(void)
{
    int fd = open("/work", O_TMPFILE | O_RDWR, 0600);

    signal(SIGXFSZ, SIG_IGN);
    return fd < 0 ? -errno : error_of(pwrite(fd, "x", 1, 1l << 40));
}

static long core_dump(void)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        raise(SIGABRT);
    }
    waitpid(pid, &status, 0);
    return WCOREDUMP(status) || access("core", F_OK) == 0;
}

static long limit_raise(__rlimit_resource_t resource)
{
    struct rlimit l = {RLIM_INFINITY, RLIM_INFINITY};

    return error_of(setrlimit(resource, &l));
}

static long raise_core(void)
{
    return limit_raise(RLIMIT_CORE);
}

static long raise_memory(void)
{
    return limit_raise(RLIMIT_AS);
}

static long raise_processes(void)
{
    return limit_raise(RLIMIT_NPROC);
}

static long raise_cpu(void)
{
    return limit_raise(RLIMIT_CPU);
}

static long map(size_t n, int flags)
{
    return mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1,
                0) == MAP_FAILED
               ? -errno
               : 0;
}

static long memory_noreserve(void)
{
    return map((size_t)1 << 40, MAP_PRIVATE | MAP_NORESERVE);
}

static long memory_shared(void)
{
    return map((size_t)1 << 40, MAP_SHARED);
}

static long map_exec_of(const char *path)
{
    int fd = open(path, O_CREAT | O_RDWR, 0700);

    if (fd < 0 || ftruncate(fd, 4096) < 0) {
        return -errno;
    }
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) ==
                   MAP_FAILED
               ? -errno
               : 0;
}

static long map_exec_in_tmp(void)
{
    return map_exec_of("/tmp/code");
}

/* Programs may compile what they run; it never leaves this worker. */
static long map_exec_in_work(void)
{
    return map_exec_of("code");
}

static long map_over_host(void)
{
    return mmap((void *)0xffff800000000000ul, 4096, PROT_READ,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED
               ? -errno
               : 0;
}

static long map_page_zero(void)
{
    return mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
                -1, 0) == MAP_FAILED
               ? -errno
               : 0;
}

static long chmod_usr(void)
{
    return error_of(chmod("/usr/bin/env", 04777));
}

static long truncate_usr(void)
{
    return error_of(truncate("/usr/bin/env", 0));
}

static long rename_usr(void)
{
    return error_of(rename("/usr/bin/env", "/usr/bin/env2"));
}

static long utimes_usr(void)
{
    return error_of(utimensat(AT_FDCWD, "/usr/bin/env", NULL, 0));
}

static long link_tmp_to_work(void)
{
    close(open("/tmp/a", O_CREAT | O_WRONLY, 0600));
    return error_of(link("/tmp/a", "a"));
}

static long open_of(const char *path)
{
    return error_of(open(path, O_RDWR));
}

static long open_dev_tty(void)
{
    return open_of("/dev/tty");
}

static long open_dev_kmsg(void)
{
    return open_of("/dev/kmsg");
}

static long open_dev_shm(void)
{
    return open_of("/dev/shm/x");
}

static long open_host(void)
{
    return open_of("/host/etc/passwd");
}

static long open_proc_1_root(void)
{
    return open_of("/proc/1/root");
}

static long fork_in_children(void)
{
    long worst = 0;

    for (int i = 0; i < 4; i++) {
        if (fork() == 0) {
            for (;;) {
                if (fork() == 0) {
                    pause();
                }
            }
        }
    }
    worst = fork() < 0 ? -errno : 0;
    return worst == 0 ? -EAGAIN : worst;
}

static long ignores_signals(void)
{
    for (int i = 1; i < 65; i++) {
        signal(i, SIG_IGN);
    }
    while (pause() < 0) {
    }
    return 0;
}

static long stops_itself(void)
{
    kill(getpid(), SIGSTOP); /* process 1 of its namespace cannot be */
    return 1;
}

static long child_stopped(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        raise(SIGSTOP);
        _exit(0);
    }
    waitpid(pid, NULL, WUNTRACED);
    return 1; /* and it ends with us */
}

/* Runs a Python text in a child: its exit status, 1000 + signal, or an errno. */
static long python(const char *code)
{
    char text[256];
    char name[] = "python3", isolated[] = "-I", command[] = "-c";
    char *argv[] = {name, isolated, command, text, NULL};
    char *envp[] = {NULL};
    int status;
    pid_t pid;

    snprintf(text, sizeof(text), "%s", code);
    pid = fork();
    if (pid == 0) {
        execve("/usr/bin/python3", argv, envp);
        _exit(99);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        return -errno;
    }
    return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

static long python_socket(void)
{
    return python("import socket; socket.socket()");
}

static long python_memfd(void)
{
    return python("import os; os.memfd_create('x')");
}

static long python_works(void)
{
    return python("import hashlib, json, subprocess, sys, threading\n"
                  "t = threading.Thread(target=lambda: None)\n"
                  "t.start(); t.join()\n"
                  "subprocess.run(['/usr/bin/true'], check=True)\n"
                  "open('a', 'w').write('b')\n"
                  "sys.exit(42)");
}

static long python_shadow(void)
{
    return python("open('/etc/shadow')");
}

static long python_ptrace(void)
{
    return python("import ctypes; ctypes.CDLL(None).ptrace(0, 0, 0, 0)");
}

static long python_unshare(void)
{
    return python("import ctypes; ctypes.CDLL(None).unshare(0x10000000)");
}

static long python_mount(void)
{
    return python(
        "import ctypes; ctypes.CDLL(None).mount(b'', b'/', b'', 0, 0)");
}

static long python_kill_all(void)
{
    return python("import os\n"
                  "try:\n os.kill(-1, 9)\n"
                  "except ProcessLookupError:\n os._exit(5)\n"
                  "except PermissionError:\n os._exit(6)\n");
}

static long python_thread_bomb(void)
{
    return python("import os, threading, time\n"
                  "try:\n"
                  " for i in range(99):\n"
                  "  threading.Thread(target=time.sleep, args=(9,)).start()\n"
                  "except RuntimeError:\n os._exit(5)\n");
}

static long python_memory_bomb(void)
{
    return python("import os\n"
                  "try:\n x = bytearray(1 << 40)\n"
                  "except MemoryError:\n os._exit(5)\n");
}

static long python_exec_memory(void)
{
    return python("import mmap\n"
                  "mmap.mmap(-1, 4096, prot=7)");
}

static long python_network(void)
{
    return python("import urllib.request as r; r.urlopen('http://127.0.0.1')");
}

static const struct {
    const char *name;
    long (*run)(void);
} doors[] = {
#define DOOR(f)                                                                \
    {                                                                          \
#f, f                                                                  \
    }
    DOOR(sysenter),
    {"sysenter_program", sysenter},
    DOOR(vsyscall_gettimeofday),
    DOOR(vsyscall_getcpu),
    DOOR(socket_families),
    DOOR(usr_is_nosuid),
    DOOR(work_is_nosuid),
    DOOR(inode_bomb),
    DOOR(deep_directories),
    DOOR(fd_bomb),
    DOOR(pipe_bomb),
    DOOR(fallocate_beyond),
    DOOR(sparse_beyond),
    DOOR(tmpfile_beyond),
    DOOR(core_dump),
    DOOR(raise_core),
    DOOR(raise_memory),
    DOOR(raise_processes),
    DOOR(raise_cpu),
    DOOR(memory_noreserve),
    DOOR(memory_shared),
    DOOR(map_exec_in_tmp),
    DOOR(map_exec_in_work),
    DOOR(map_over_host),
    {"map_over_host_program", map_over_host},
    DOOR(map_page_zero),
    DOOR(chmod_usr),
    DOOR(truncate_usr),
    DOOR(rename_usr),
    DOOR(utimes_usr),
    DOOR(link_tmp_to_work),
    DOOR(open_dev_tty),
    DOOR(open_dev_kmsg),
    DOOR(open_dev_shm),
    DOOR(open_host),
    DOOR(open_proc_1_root),
    DOOR(fork_in_children),
    DOOR(ignores_signals),
    DOOR(stops_itself),
    DOOR(child_stopped),
    DOOR(python_socket),
    DOOR(python_memfd),
    DOOR(python_works),
    DOOR(python_shadow),
    DOOR(python_ptrace),
    DOOR(python_unshare),
    DOOR(python_mount),
    DOOR(python_kill_all),
    DOOR(python_thread_bomb),
    DOOR(python_memory_bomb),
    DOOR(python_exec_memory),
    DOOR(python_network),
};

int door_run(const char *name, long *out)
{
    for (size_t i = 0; i < ARRAY_N(doors); i++) {
        if (strcmp(doors[i].name, name) == 0) {
            *out = doors[i].run();
            return 1;
        }
    }
    return 0;
}
