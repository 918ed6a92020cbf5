# Confinement of class train, as kernel/confine has it. Made by a test;
# do not edit. A call without a rule that holds kills the process; of
# several that hold, one that allows wins.

[root]
tmpfs, empty, read-only

[limits]
cpu 86400s
address_space 17179869184
of_the_image 268435456
file 0
processes 1
files 64
stack 8388608
work 0
shared 8388608
core 0
memlock 0
msgqueue 0

[worker: final filter]
allow    read
allow    write
allow    recvmsg
allow    sendmsg
allow    recvfrom
allow    sendto
allow    close
allow    fstat
allow    newfstatat if arg3 & 0xffffffff == 0x1000
allow    lseek
allow    mmap if arg2 & 0x4 == 0
allow    mprotect if arg2 & 0x4 == 0
allow    munmap
allow    mremap
allow    madvise if arg2 & 0xffffffff == 0x4
allow    madvise if arg2 & 0xffffffff == 0xe
allow    brk
allow    getrandom
allow    clock_gettime
allow    exit_group
errno 1  mbind

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
allow    clone if arg0 & 0xffffffffffffffff == 0x1011
errno 13  openat if arg2 & 0x10000 == 0
allow    openat if arg2 & 0xffffffff == 0x90000
