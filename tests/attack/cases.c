/* The table of escape cases. Data only. */
#include "tests/attack/cases.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "proto/base.h"

/* Kill: a system call that ends the process. */
#define K(row, name, class, nr, ...)                                           \
    {                                                                          \
        row, name, class, END_SIGSYS, 0, nr, {__VA_ARGS__}, NULL               \
    }
/* Answer: a system call that returns value. */
#define R(row, name, class, value, nr, ...)                                    \
    {                                                                          \
        row, name, class, END_ANSWER, value, nr, {__VA_ARGS__}, NULL           \
    }
/* Special: a function of the image. */
#define S(row, name, class, end, value)                                        \
    {                                                                          \
        row, name, class, end, value, NR_SPECIAL, {0}, NULL                    \
    }

#define C "config"
#define P "program"
#define M "model"
#define RWX (PROT_READ | PROT_WRITE | PROT_EXEC)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define HIGH (1l << 32)
#define X32 0x40000000l

const struct attack attacks[] = {
    /* A: other doors into the same kernel. */
    S('A', "int80_getpid", C, END_SIGNAL, SIGSYS),
    S('A', "int80_getpid_program", P, END_SIGNAL, SIGSYS),
    K('A', "x32_write", C, X32 + 1, 2, ARG_ZERO, 1),
    K('A', "x32_execve", P, X32 + 520, ARG_FILE, 0, 0),
    S('A', "vsyscall_time", C, END_SIGNAL, 0),
    K('A', "number_minus_1", C, -1l, 0),
    K('A', "number_2_31", C, 1l << 31, 0),
    K('A', "number_548", C, 548, 0),
    K('A', "number_past_end", P, 1023, 0),
    R('A', "madvise_high_junk", C, 0, SYS_madvise, ARG_ZERO, 4096,
      MADV_DONTNEED | HIGH),
    /* B: processes. */
    K('B', "fork", C, SYS_fork, 0),
    K('B', "vfork_number", C, SYS_vfork, 0),
    K('B', "clone_thread", C, SYS_clone, CLONE_VM | CLONE_FILES, 0),
    K('B', "clone_newuser", P, SYS_clone, CLONE_NEWUSER | SIGCHLD, 0),
    K('B', "clone_newnet_high", P, SYS_clone, HIGH | CLONE_NEWNET | SIGCHLD),
    K('B', "clone3", C, SYS_clone3, ARG_ZERO, 88),
    R('B', "clone3_program", P, -ENOSYS, SYS_clone3, ARG_ZERO, 88),
    K('B', "execve", C, SYS_execve, ARG_FILE, 0, 0),
    K('B', "execveat_image_again", C, SYS_execveat, 4, ARG_ZERO, 0, 0, 0x1000),
    K('B', "execveat_program", P, SYS_execveat, 4, ARG_ZERO, 0, 0, 0x1000),
    K('B', "setns", P, SYS_setns, 3, 0),
    K('B', "unshare_user", P, SYS_unshare, CLONE_NEWUSER),
    K('B', "unshare_files", C, SYS_unshare, CLONE_FILES),
    K('B', "ptrace_traceme", C, SYS_ptrace, 0, 0, 0, 0),
    K('B', "ptrace_attach_program", P, SYS_ptrace, 16, 1, 0, 0),
    K('B', "process_vm_readv", P, SYS_process_vm_readv, 1, 0, 0, 0, 0, 0),
    K('B', "process_vm_writev", C, SYS_process_vm_writev, 1, 0, 0, 0, 0, 0),
    K('B', "process_madvise", C, 440, 3, 0, 0, 0, 0),
    K('B', "kcmp", P, SYS_kcmp, 1, 1, 0, 0, 0),
    K('B', "pidfd_open", P, SYS_pidfd_open, 1, 0),
    K('B', "pidfd_getfd", C, SYS_pidfd_getfd, 3, 3, 0),
    /* C: deep doors. */
    K('C', "io_uring_setup", C, SYS_io_uring_setup, 1, ARG_ZERO),
    K('C', "io_uring_setup_program", P, SYS_io_uring_setup, 1, ARG_ZERO),
    K('C', "bpf_prog_load", P, SYS_bpf, BPF_PROG_LOAD, ARG_ZERO, 64),
    K('C', "perf_event_open", P, SYS_perf_event_open, ARG_ZERO, 0, -1, -1, 0),
    K('C', "userfaultfd_user_mode", P, SYS_userfaultfd, 1),
    K('C', "keyctl", P, SYS_keyctl, 0, 0),
    K('C', "add_key", C, SYS_add_key, ARG_ZERO, ARG_ZERO, 0, 0, 0),
    K('C', "modify_ldt", C, SYS_modify_ldt, 0, ARG_ZERO, 16),
    K('C', "personality_read_implies_exec", P, SYS_personality, 0x0400000),
    K('C', "iopl", C, SYS_iopl, 3),
    K('C', "kexec_load", P, SYS_kexec_load, 0, 0, 0, 0),
    K('C', "finit_module", P, SYS_finit_module, 3, ARG_ZERO, 0),
    K('C', "mount", P, SYS_mount, ARG_DIR, ARG_DIR, 0, MS_ASYNC, 0),
    K('C', "fsopen", P, SYS_fsopen, ARG_ZERO, 0),
    K('C', "open_tree", P, SYS_open_tree, -100, ARG_DIR, 1),
    K('C', "fanotify_init", P, SYS_fanotify_init, 0, 0),
    K('C', "name_to_handle_at", P, SYS_name_to_handle_at, -100, ARG_DIR,
      ARG_ZERO, ARG_ZERO, 0),
    K('C', "open_by_handle_at", P, SYS_open_by_handle_at, 3, ARG_ZERO, 0),
    K('C', "landlock_create_ruleset", C, SYS_landlock_create_ruleset, 0, 0, 1),
    K('C', "seccomp_new_listener", P, SYS_seccomp, 1, 8, ARG_ZERO),
    K('C', "prctl_set_seccomp", C, SYS_prctl, 22, 2, ARG_ZERO),
    K('C', "prctl_dumpable", P, SYS_prctl, 4, 1),
    K('C', "pivot_root", P, SYS_pivot_root, ARG_DIR, ARG_DIR),
    K('C', "chroot", P, SYS_chroot, ARG_DIR),
    K('C', "setresuid", P, SYS_setresuid, 0, 0, 0),
    K('C', "capset", P, SYS_capset, ARG_ZERO, ARG_ZERO),
    K('C', "sethostname", P, SYS_sethostname, ARG_ZERO, 1),
    K('C', "settimeofday", P, SYS_settimeofday, ARG_ZERO, 0),
    K('C', "reboot", P, SYS_reboot, 0, 0, 0, 0),
    /* D: files. */
    K('D', "open", C, SYS_open, ARG_FILE, O_RDONLY),
    K('D', "openat", C, SYS_openat, -100, ARG_DIR, O_RDONLY | O_DIRECTORY),
    K('D', "openat2", C, 437, -100, ARG_DIR, ARG_ZERO, 24),
    K('D', "openat_opath", C, SYS_openat, -100, ARG_DIR, O_PATH),
    K('D', "mknod", P, SYS_mknod, ARG_FILE, S_IFCHR | 0600, 0x101),
    K('D', "chdir", C, SYS_chdir, ARG_DIR),
    K('D', "inotify_init", P, SYS_inotify_init1, 0),
    K('D', "statx", C, 332, -100, ARG_DIR, 0, 0, ARG_ZERO),
    R('D', "newfstatat_path", C, -ENOENT, SYS_newfstatat, -100, ARG_FILE,
      ARG_ZERO, AT_EMPTY_PATH),
    R('D', "root_listing", P, -EACCES, SYS_openat, -100, ARG_DIR,
      O_RDONLY | O_DIRECTORY),
    R('D', "openat2_program", P, -ENOSYS, 437, -100, ARG_DIR, ARG_ZERO, 24),
    S('D', "read_etc_shadow", P, END_ANSWER, -ENOENT),
    S('D', "read_proc_self", P, END_ANSWER, -ENOENT),
    S('D', "read_sys_kernel", P, END_ANSWER, -ENOENT),
    S('D', "open_dev_mem", P, END_ANSWER, -ENOENT),
    S('D', "write_usr", P, END_ANSWER, -EROFS),
    S('D', "write_root", P, END_ANSWER, -EROFS),
    S('D', "symlink_out", P, END_ANSWER, -ENOENT),
    S('D', "dotdot_out", P, END_ANSWER, -ENOENT),
    S('D', "link_into_work", P, END_ANSWER, -EXDEV),
    S('D', "exec_in_tmp", P, END_ANSWER, -EACCES),
    S('D', "unlink_dev_null", P, END_ANSWER, -EROFS),
    /* E: network and messages between processes. */
    K('E', "socket_inet", C, SYS_socket, AF_INET, SOCK_STREAM, 0),
    K('E', "socket_inet_program", P, SYS_socket, AF_INET, SOCK_STREAM, 0),
    K('E', "socket_inet6_udp", P, SYS_socket, AF_INET6, SOCK_DGRAM, 0),
    K('E', "socket_netlink", P, SYS_socket, AF_NETLINK, SOCK_RAW, 0),
    K('E', "socket_packet", P, SYS_socket, AF_PACKET, SOCK_RAW, 0),
    R('E', "socket_unix", P, -EACCES, SYS_socket, AF_UNIX, SOCK_STREAM, 0),
    K('E', "socket_unix_pure", C, SYS_socket, AF_UNIX, SOCK_STREAM, 0),
    K('E', "socket_vsock", P, SYS_socket, 40, SOCK_STREAM, 0),
    K('E', "socketpair", P, SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, ARG_ZERO),
    K('E', "shmget", P, SYS_shmget, 0, 4096, 0600),
    K('E', "semget", C, SYS_semget, 0, 1, 0600),
    K('E', "msgget", P, SYS_msgget, 0, 0600),
    K('E', "mq_open", P, SYS_mq_open, ARG_FILE, O_RDWR | O_CREAT, 0600, 0),
    K('E', "kill_all", C, SYS_kill, -1, SIGKILL),
    K('E', "tgkill_zygote", C, SYS_tgkill, 1, 1, SIGKILL),
    R('E', "kill_all_program", P, -ESRCH, SYS_kill, -1, SIGKILL),
    R('E', "kill_harness", P, 0, SYS_kill, 1, SIGKILL),
    K('E', "rt_sigqueueinfo", P, SYS_rt_sigqueueinfo, 1, SIGUSR1, ARG_ZERO),
    K('E', "prlimit_other", P, SYS_prlimit64, 2, 7, 0, ARG_ZERO),
    S('E', "python_socket", P, END_ANSWER, 1000 + SIGSYS),
    S('E', "python_memfd", P, END_ANSWER, 1000 + SIGSYS),
    S('E', "python_works", P, END_ANSWER, 42),
    /* F: descriptors. */
    S('F', "inherited_descriptors", C, END_ANSWER, 0),
    S('F', "inherited_descriptors_program", P, END_ANSWER, 0),
    K('F', "dup2_over_channel", C, SYS_dup2, 3, 0),
    K('F', "fcntl_setown", P, SYS_fcntl, 3, F_SETOWN, 1),
    K('F', "fcntl_setown_high", P, SYS_fcntl, 3, F_SETOWN | HIGH, 1),
    K('F', "fcntl_lease", P, SYS_fcntl, 3, 1024, 0),
    K('F', "fcntl_pipe_size", P, SYS_fcntl, 3, 1031, 1 << 20),
    S('F', "descriptor_to_kernel", C, END_CUT, 0),
    S('F', "close_channel_and_spin", C, END_SIGNAL, 0),
    K('F', "memfd_create", P, SYS_memfd_create, ARG_ZERO, 0),
    /* G: memory. */
    K('G', "mmap_rwx", C, SYS_mmap, 0, 4096, RWX, ANON, -1, 0),
    K('G', "mmap_exec", C, SYS_mmap, 0, 4096, PROT_EXEC, ANON, -1, 0),
    K('G', "mmap_exec_high", C, SYS_mmap, 0, 4096, HIGH | RWX, ANON, -1, 0),
    K('G', "mmap_rwx_program", P, SYS_mmap, 0, 4096, RWX, ANON, -1, 0),
    K('G', "mmap_anon_exec_program", P, SYS_mmap, 0, 4096,
      PROT_READ | PROT_EXEC, ANON, -1, 0),
    K('G', "mprotect_exec", C, SYS_mprotect, ARG_ZERO, 4096,
      PROT_READ | PROT_EXEC),
    K('G', "mprotect_exec_program", P, SYS_mprotect, ARG_ZERO, 4096, RWX),
    K('G', "pkey_mprotect", P, SYS_pkey_mprotect, ARG_ZERO, 4096, RWX, -1),
    K('G', "mlockall", P, SYS_mlockall, 3),
    K('G', "shmat_exec", P, SYS_shmat, 0, 0, 0100000),
    K('G', "remap_file_pages", C, SYS_remap_file_pages, ARG_ZERO, 4096, 0, 0),
    S('G', "memory_bomb", C, END_ANSWER, -ENOMEM),
    S('G', "brk_bomb", C, END_ANSWER, -ENOMEM),
    S('G', "stack_bomb", C, END_SIGNAL, SIGSEGV),
    S('G', "memory_bomb_group", P, END_ANSWER, 1000 + SIGKILL),
    S('G', "tmpfs_bomb", P, END_ANSWER, -ENOSPC),
    /* H: futex. */
    K('H', "futex_lock_pi", P, SYS_futex, ARG_ZERO, FUTEX_LOCK_PI, 0, 0),
    K('H', "futex_lock_pi_private_high", P, SYS_futex, ARG_ZERO,
      HIGH | FUTEX_LOCK_PI | FUTEX_PRIVATE_FLAG, 0, 0),
    K('H', "futex_requeue_pi", P, SYS_futex, ARG_ZERO, FUTEX_CMP_REQUEUE_PI, 1,
      0, ARG_ZERO, 0),
    K('H', "futex_any_pure", C, SYS_futex, ARG_ZERO, FUTEX_WAKE, 1),
    R('H', "futex_wake_benign", P, 0, SYS_futex, ARG_ZERO, FUTEX_WAKE, 1),
    /* I: terminals. */
    K('I', "tiocsti", P, SYS_ioctl, 0, TIOCSTI, ARG_ZERO),
    K('I', "tiocsti_high", P, SYS_ioctl, 0, HIGH | TIOCSTI, ARG_ZERO),
    K('I', "tioclinux", P, SYS_ioctl, 0, 0x541c, ARG_ZERO),
    K('I', "tiocsctty", P, SYS_ioctl, 0, TIOCSCTTY, 0),
    K('I', "ioctl_pure", C, SYS_ioctl, 3, FIONREAD, ARG_ZERO),
    /* L: life and protocol. */
    S('L', "never_answers", C, END_TIMEOUT, SIGKILL),
    S('L', "ends_without_answer", C, END_EXIT, 0),
    S('L', "message_of_the_kernel", C, END_CUT, 0),
    S('L', "unknown_message", C, END_CUT, 0),
    S('L', "announces_4_gib", C, END_CUT, 0),
    S('L', "half_a_message", C, END_EXIT, 7),
    S('L', "garbage", C, END_CUT, 0),
    S('L', "spins", C, END_SIGNAL, SIGXCPU),
    S('L', "daemon_outlives_harness", P, END_EXIT, 9),
    S('L', "fork_bomb", P, END_ANSWER, 1),
    S('L', "file_size_limit", P, END_ANSWER, 1000 + SIGXFSZ),
    S('L', "sealed_weights_write", M, END_ANSWER, -EPERM),
    S('L', "sealed_weights_read", M, END_ANSWER, 7),
};
const size_t attacks_n = ARRAY_N(attacks);
