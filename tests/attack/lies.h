/* What a worker may say or do to the kernel's protocol, and what that must be
 * called. Shared by the lying image (liar.c), which does it, and protocol.c, which
 * runs it through the kernel's own evaluation and judges.
 *
 * LIE(name, step, act, milliseconds of limits.wall, answers that count, words of
 * the ending; "" = a good end; "a|b" = either). Each worker is asked LIE_INPUTS
 * questions; the honest answer to x is x + 1. */
#ifndef TESTS_ATTACK_LIES_H
#define TESTS_ATTACK_LIES_H

#define LIE_INPUTS 10u
/* The image learns its lie from its own memory limit: nothing else reaches it
 * before it is measured. */
#define LIE_BASE_BYTES (256ull << 20)

enum lie_step {
    AT_START, /* before it reads its task */
    AT_TASK,  /* read, not yet said to be ready */
    AT_READY, /* said so, not yet asked */
    AT_BATCH, /* asked, not yet answered */
    AT_REPLY, /* answered */
    AT_ALL
};

enum lie_act {
    HONEST,
    EXIT,           /* with status 0 */
    CRASH,          /* as if killed there */
    CLOSE,          /* the channel, and stays */
    HANG,           /* for ever, in a read */
    SPIN,           /* for ever, in a loop */
    REPLY,          /* a right answer */
    REPLY_WRONG,    /* another one */
    REPLY_LATE,     /* after the deadline */
    READY,          /* TASK_READY */
    READY_PROBLEM,  /* with a problem full of escapes */
    OTHER_ID,       /* answers another batch */
    OTHER_KIND,     /* another message of workers */
    KERNELS_KIND,   /* a message that only the kernel may send */
    NO_KIND,        /* a number that no message has */
    LENGTH_MAX,     /* announces 4 GiB */
    LENGTH_OVER,    /* announces one byte more than its kind may have */
    HALF_HEADER,    /* and ends */
    HALF_BODY,      /* and ends */
    DRIBBLE,        /* a right answer, byte by byte */
    NOT_CANONICAL,  /* a body that protobuf takes and we do not */
    UNKNOWN_FIELD,  /* the same */
    FLOOD_READY,    /* TASK_READY without end */
    FLOOD_REPLY,    /* replies without end */
    FLOOD_BYTES,    /* any bytes without end */
    FD_ANNOUNCED,   /* a descriptor where none may be */
    FD_SILENT,      /* the same, not announced in the header */
    FD_LATE,        /* with the body's last byte */
    FD_MANY,        /* forty at once */
    CLAIM_OVER,     /* one byte more than the memory holds */
    CLAIM_MAX,      /* 4 GiB - 1 */
    CLAIM_WRAP,     /* so that place + length wraps to the inputs */
    CLAIM_ALL,      /* all of the memory, behind right answers */
    CLAIM_NONE,     /* no byte */
    CLAIM_SHORT,    /* one byte less than there is */
    COUNT_MAX,      /* 2^32 - 1 values */
    VALUE_LENGTH,   /* a value of 2^32 - 1 bytes */
    TOO_FEW,        /* answers, said to be all */
    TOO_MANY,       /* answers */
    ECHO,           /* the inputs' own bytes */
    TEXT_LONG,      /* last words over their limit */
    TEXT_ESCAPES,   /* last words for the terminal */
    FLIP_ANSWERS,   /* goes on swapping right for wrong answers */
    FLIP_LENGTHS,   /* goes on swapping lengths, with the reply under way */
    UNMAP,          /* its memory, then claims answers */
    REMOVE_PAGES,   /* of the memory */
    MAP_LONGER,     /* than the memory is, and touches that */
    MAKE_CODE       /* of it */
};

#define LIES                                                                   \
    LIE(honest, AT_ALL, HONEST, 20000, 10, "")                                 \
    LIE(exit_at_start, AT_START, EXIT, 20000, 0,                               \
        "left without an answer|measured short|before it was ready")           \
    LIE(exit_at_task, AT_TASK, EXIT, 20000, 0, "left without an answer")       \
    LIE(exit_at_ready, AT_READY, EXIT, 20000, 0, "left without an answer")     \
    LIE(exit_at_batch, AT_BATCH, EXIT, 20000, 0, "left without an answer")     \
    LIE(exit_at_reply, AT_REPLY, EXIT, 20000, 10, "")                          \
    LIE(crash_at_start, AT_START, CRASH, 20000, 0,                             \
        "killed by signal 4|measured short|before it was ready")               \
    LIE(crash_at_task, AT_TASK, CRASH, 20000, 0, "killed by signal 4")         \
    LIE(crash_at_ready, AT_READY, CRASH, 20000, 0, "killed by signal 4")       \
    LIE(crash_at_batch, AT_BATCH, CRASH, 20000, 0, "killed by signal 4")       \
    LIE(crash_at_reply, AT_REPLY, CRASH, 20000, 10, "")                        \
    LIE(close_at_start, AT_START, CLOSE, 1800, 0,                               \
        "closed its channel and|measured short")                               \
    LIE(close_at_task, AT_TASK, CLOSE, 1800, 0, "closed its channel and")       \
    LIE(close_at_ready, AT_READY, CLOSE, 1800, 0, "closed its channel and")     \
    LIE(close_at_batch, AT_BATCH, CLOSE, 1800, 0, "closed its channel and")     \
    LIE(close_at_reply, AT_REPLY, CLOSE, 1800, 10, "")                          \
    LIE(hang_at_start, AT_START, HANG, 1800, 0, "limits.wall")                  \
    LIE(hang_at_task, AT_TASK, HANG, 1800, 0, "limits.wall")                    \
    LIE(hang_at_ready, AT_READY, HANG, 1800, 0, "limits.wall")                  \
    LIE(hang_at_batch, AT_BATCH, HANG, 1800, 0, "limits.wall")                  \
    LIE(hang_at_reply, AT_REPLY, HANG, 1800, 10, "")                            \
    LIE(spin_at_batch, AT_BATCH, SPIN, 1800, 0, "limits.wall")                  \
    LIE(spin_at_reply, AT_REPLY, SPIN, 1800, 10, "")                            \
    LIE(late_answer, AT_BATCH, REPLY_LATE, 700, 0, "limits.wall")              \
    LIE(answer_before_task, AT_START, REPLY, 20000, 0,                         \
        "out of turn|without an answer")                                       \
    LIE(answer_before_ready, AT_TASK, REPLY, 20000, 0, "out of turn")          \
    LIE(answer_unasked, AT_READY, REPLY, 20000, 0, "out of turn")              \
    LIE(answer_twice, AT_REPLY, REPLY, 20000, 10, "")                          \
    LIE(answer_twice_wrong, AT_REPLY, REPLY_WRONG, 20000, 10, "")              \
    LIE(ready_before_task, AT_START, READY, 20000, 10, "|without an answer")   \
    LIE(ready_twice, AT_READY, READY, 20000, 0, "out of turn")                 \
    LIE(ready_when_asked, AT_BATCH, READY, 20000, 0, "out of turn")            \
    LIE(problem_and_answer, AT_TASK, READY_PROBLEM, 20000, 0,                  \
        "cannot be run: ?[2J?]0;owned")                                        \
    LIE(other_id, AT_BATCH, OTHER_ID, 20000, 0, "out of turn")                 \
    LIE(other_kind, AT_BATCH, OTHER_KIND, 20000, 0, "out of turn")             \
    LIE(kernels_kind, AT_BATCH, KERNELS_KIND, 20000, 0, "broke the protocol")  \
    LIE(no_kind, AT_BATCH, NO_KIND, 20000, 0, "broke the protocol")            \
    LIE(length_max, AT_BATCH, LENGTH_MAX, 20000, 0, "broke the protocol")      \
    LIE(length_over, AT_BATCH, LENGTH_OVER, 20000, 0, "broke the protocol")    \
    LIE(half_header, AT_BATCH, HALF_HEADER, 20000, 0, "broke the protocol")    \
    LIE(half_body, AT_BATCH, HALF_BODY, 20000, 0, "broke the protocol")        \
    LIE(dribble, AT_BATCH, DRIBBLE, 20000, 10, "")                             \
    LIE(not_canonical, AT_BATCH, NOT_CANONICAL, 20000, 0,                      \
        "broke the protocol")                                                  \
    LIE(unknown_field, AT_BATCH, UNKNOWN_FIELD, 20000, 0,                      \
        "broke the protocol")                                                  \
    LIE(flood_ready, AT_TASK, FLOOD_READY, 20000, 0, "out of turn")            \
    LIE(flood_reply, AT_BATCH, FLOOD_REPLY, 20000, 10, "")                     \
    LIE(flood_bytes, AT_BATCH, FLOOD_BYTES, 20000, 0, "broke the protocol")    \
    LIE(fd_announced, AT_BATCH, FD_ANNOUNCED, 20000, 0, "broke the protocol")  \
    LIE(fd_silent, AT_BATCH, FD_SILENT, 20000, 0, "broke the protocol")        \
    LIE(fd_late, AT_BATCH, FD_LATE, 20000, 0, "broke the protocol")            \
    LIE(fd_many, AT_BATCH, FD_MANY, 20000, 0, "broke the protocol")            \
    LIE(claim_over, AT_BATCH, CLAIM_OVER, 20000, 0, "more answers than its")   \
    LIE(claim_max, AT_BATCH, CLAIM_MAX, 20000, 0, "more answers than its")     \
    LIE(claim_wrap, AT_BATCH, CLAIM_WRAP, 20000, 0, "more answers than its")   \
    LIE(claim_all, AT_BATCH, CLAIM_ALL, 20000, 0, "no valid encoding")         \
    LIE(claim_none, AT_BATCH, CLAIM_NONE, 20000, 0, "no valid encoding")       \
    LIE(claim_short, AT_BATCH, CLAIM_SHORT, 20000, 0, "no valid encoding")     \
    LIE(count_max, AT_BATCH, COUNT_MAX, 20000, 0, "no valid encoding")         \
    LIE(value_length, AT_BATCH, VALUE_LENGTH, 20000, 0, "no valid encoding")   \
    LIE(too_few, AT_BATCH, TOO_FEW, 20000, 5, "to be done after 5 of 10")      \
    LIE(too_many, AT_BATCH, TOO_MANY, 20000, 0, "no valid encoding")           \
    LIE(echo, AT_BATCH, ECHO, 20000, 0, "no valid encoding")                   \
    LIE(text_long, AT_BATCH, TEXT_LONG, 20000, 0, "broke the protocol")        \
    LIE(text_escapes, AT_BATCH, TEXT_ESCAPES, 20000, 9, "with status 1")       \
    LIE(flip_answers, AT_BATCH, FLIP_ANSWERS, 20000, 10, "")                   \
    LIE(flip_lengths, AT_BATCH, FLIP_LENGTHS, 20000, 10,                       \
        "|no valid encoding")                                                  \
    LIE(unmap, AT_BATCH, UNMAP, 20000, 0, "no valid encoding")                 \
    LIE(remove_pages, AT_BATCH, REMOVE_PAGES, 20000, 0, "killed by signal 31") \
    LIE(map_longer, AT_BATCH, MAP_LONGER, 20000, 0, "killed by signal 7")      \
    LIE(make_code, AT_BATCH, MAKE_CODE, 20000, 0, "killed by signal 31")

#endif
