# Confinement of class program, as kernel/confine has it. Made by a test;
# do not edit. A call without a rule that holds kills the process; of
# several that hold, one that allows wins.

[root]
tmpfs, read-only; declared paths bound read-only; /work, /tmp, /dev/null

[limits]
cpu 600s
address_space 4294967296
of_the_image 0
file 268435456
processes 64
files 256
stack 8388608
work 268435456
shared 8388608
core 0
memlock 0
msgqueue 0

[worker: final filter]
allow    read
allow    write
allow    readv
allow    writev
allow    pread64
allow    pwrite64
allow    preadv
allow    pwritev
allow    preadv2
allow    pwritev2
allow    recvmsg
allow    sendmsg
allow    recvfrom
allow    sendto
allow    lseek
allow    sendfile
allow    copy_file_range
allow    pipe
allow    pipe2
allow    eventfd2
allow    poll
allow    ppoll
allow    select
allow    pselect6
allow    epoll_create1
allow    epoll_ctl
allow    epoll_wait
allow    epoll_pwait
allow    open
allow    openat
errno 38  openat2
allow    creat
allow    close
allow    close_range
allow    stat
allow    lstat
allow    fstat
allow    newfstatat
allow    statx
allow    statfs
allow    fstatfs
allow    access
allow    faccessat
allow    faccessat2
allow    getdents64
allow    readlink
allow    readlinkat
allow    getcwd
allow    chdir
allow    fchdir
allow    mkdir
allow    mkdirat
allow    rmdir
allow    unlink
allow    unlinkat
allow    rename
allow    renameat
allow    renameat2
allow    link
allow    linkat
allow    symlink
allow    symlinkat
allow    chmod
allow    fchmod
allow    fchmodat
allow    umask
allow    truncate
allow    ftruncate
allow    fallocate
allow    fsync
allow    fdatasync
allow    fadvise64
allow    flock
allow    utimensat
errno 1  chown
errno 1  fchown
errno 1  lchown
errno 1  fchownat
errno 95  getxattr
errno 95  lgetxattr
errno 95  fgetxattr
errno 95  listxattr
errno 95  llistxattr
errno 95  flistxattr
allow    dup
allow    dup2
allow    dup3
allow    fcntl if arg1 & 0xffffffff == 0
allow    fcntl if arg1 & 0xffffffff == 0x406
allow    fcntl if arg1 & 0xffffffff == 0x1
allow    fcntl if arg1 & 0xffffffff == 0x2
allow    fcntl if arg1 & 0xffffffff == 0x3
allow    fcntl if arg1 & 0xffffffff == 0x4
allow    fcntl if arg1 & 0xffffffff == 0x5
allow    fcntl if arg1 & 0xffffffff == 0x6
allow    fcntl if arg1 & 0xffffffff == 0x7
allow    fcntl if arg1 & 0xffffffff == 0x24
allow    fcntl if arg1 & 0xffffffff == 0x25
allow    fcntl if arg1 & 0xffffffff == 0x26
allow    fcntl if arg1 & 0xffffffff == 0x408
allow    ioctl if arg1 & 0xffffffff == 0x5401
allow    ioctl if arg1 & 0xffffffff == 0x5413
allow    ioctl if arg1 & 0xffffffff == 0x541b
allow    ioctl if arg1 & 0xffffffff == 0x5421
allow    ioctl if arg1 & 0xffffffff == 0x5451
allow    ioctl if arg1 & 0xffffffff == 0x5450
allow    mmap if arg2 & 0x4 == 0
allow    mmap if arg2 & 0x6 == 0x4 and arg3 & 0x20 == 0
allow    mprotect if arg2 & 0x4 == 0
allow    munmap
allow    mremap
allow    msync
allow    mincore
allow    brk
allow    membarrier
allow    madvise if arg2 & 0xffffffff == 0
allow    madvise if arg2 & 0xffffffff == 0x1
allow    madvise if arg2 & 0xffffffff == 0x2
allow    madvise if arg2 & 0xffffffff == 0x3
allow    madvise if arg2 & 0xffffffff == 0x4
allow    madvise if arg2 & 0xffffffff == 0x8
allow    madvise if arg2 & 0xffffffff == 0xe
allow    madvise if arg2 & 0xffffffff == 0xf
allow    madvise if arg2 & 0xffffffff == 0x10
allow    madvise if arg2 & 0xffffffff == 0x11
errno 1  mbind
errno 1  get_mempolicy
allow    clone if arg0 & 0x7e023000 == 0
errno 38  clone3
allow    fork
allow    vfork
allow    execve
allow    exit
allow    exit_group
allow    wait4
allow    waitid
allow    kill
allow    tkill
allow    tgkill
allow    getpid
allow    getppid
allow    gettid
allow    getuid
allow    geteuid
allow    getgid
allow    getegid
allow    getresuid
allow    getresgid
allow    getgroups
allow    getpgrp
allow    getpgid
allow    setpgid
allow    getsid
allow    setsid
allow    set_tid_address
allow    set_robust_list
allow    rseq
allow    arch_prctl if arg0 & 0xffffffff == 0x1002
allow    arch_prctl if arg0 & 0xffffffff == 0x1003
allow    arch_prctl if arg0 & 0xffffffff == 0x3001
allow    prctl if arg0 & 0xffffffff == 0xf
allow    prctl if arg0 & 0xffffffff == 0x10
allow    prctl if arg0 & 0xffffffff == 0x1
allow    prctl if arg0 & 0xffffffff == 0x3
allow    prctl if arg0 & 0xffffffff == 0x53564d41
allow    futex if arg1 & 0xfffffe7f == 0
allow    futex if arg1 & 0xfffffe7f == 0x1
allow    futex if arg1 & 0xfffffe7f == 0x3
allow    futex if arg1 & 0xfffffe7f == 0x4
allow    futex if arg1 & 0xfffffe7f == 0x5
allow    futex if arg1 & 0xfffffe7f == 0x9
allow    futex if arg1 & 0xfffffe7f == 0xa
allow    sched_yield
allow    sched_getaffinity
allow    sched_getparam
allow    sched_getscheduler
allow    sched_get_priority_max
allow    sched_get_priority_min
errno 1  sched_setaffinity
errno 1  sched_setscheduler
allow    getpriority
errno 1  setpriority
allow    prlimit64 if arg0 & 0xffffffff == 0
allow    getrlimit
allow    setrlimit
allow    getrusage
errno 13  socket if arg0 & 0xffffffff == 0x1
allow    rt_sigaction
allow    rt_sigprocmask
allow    rt_sigreturn
allow    rt_sigpending
allow    rt_sigsuspend
allow    rt_sigtimedwait
allow    sigaltstack
allow    pause
allow    restart_syscall
allow    alarm
allow    setitimer
allow    getitimer
allow    nanosleep
allow    clock_nanosleep
allow    clock_gettime
allow    clock_getres
allow    gettimeofday
allow    time
allow    times
allow    getcpu
allow    sysinfo
allow    uname
allow    getrandom

[zygote: start of the image]
allow    arch_prctl
allow    set_tid_address
allow    set_robust_list
allow    rseq
allow    prlimit64
allow    sched_getaffinity
allow    uname
allow    sysinfo
allow    prctl if arg0 & 0xffffffff == 0xf
errno 13  readlink
errno 13  readlinkat

[zygote: its loop]
allow    execveat if arg0 & 0xffffffff == 0x4 and arg4 & 0xffffffff == 0x1000
allow    ppoll
allow    wait4
allow    rt_sigaction
allow    rt_sigprocmask
allow    rt_sigreturn
allow    restart_syscall

[zygote: a worker giving rights up]
allow    dup3
allow    close_range
allow    setsid
allow    umask
allow    setgroups
allow    setresgid
allow    setresuid
allow    capset
allow    prctl if arg0 & 0xffffffff == 0x17
allow    prctl if arg0 & 0xffffffff == 0x18
allow    prctl if arg0 & 0xffffffff == 0x2f
allow    prctl if arg0 & 0xffffffff == 0x1c
allow    prctl if arg0 & 0xffffffff == 0x1b
allow    prctl if arg0 & 0xffffffff == 0x4
allow    prctl if arg0 & 0xffffffff == 0x26
allow    landlock_create_ruleset
allow    landlock_add_rule
allow    landlock_restrict_self
allow    seccomp if arg0 & 0xffffffff == 0x1 and arg1 & 0xffffffff == 0

[zygote: making a worker]
allow    clone if arg0 & 0xffffffffffffffff == 0x20021011
allow    mount
allow    mount_setattr
allow    umount2
allow    pivot_root
