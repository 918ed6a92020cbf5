/* The table of worker classes, and its form for people. Runs in the kernel and
 * in tests; holds no state. */
#include "kernel/confine/profile.h"

#include <string.h>

#include "proto/err.h"
#include "proto/share.h"

#include "kernel/confine/profile_table.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)

struct class_row {
    const char *name;
    int own_root;
    const struct rule_list *worker;
    const struct rule_list *fork;
    struct profile_limits limits;
};

/* Ceilings, with reasons: a graph file of 48 MiB takes about 30 times that in a
 * parser; OpenBLAS maps 128 MiB before its first product, weights go to 1 GiB;
 * an interpreter maps 40 MiB before main and needs few descriptors. */
static const struct class_row rows[] = {
    {"config",
     0,
     &rules_pure,
     &rules_fork_pure,
     {.cpu_s = 60,
      .as_bytes = 4 * GIB,
      .as_extra_bytes = 32 * MIB,
      .file_bytes = 0,
      .processes = 1,
      .files = 16,
      .stack_bytes = 8 * MIB,
      .work_bytes = 0}},
    {"program",
     1,
     &rules_program,
     &rules_fork_own,
     {.cpu_s = 600,
      .as_bytes = 4 * GIB,
      .file_bytes = 256 * MIB,
      .processes = 64,
      .files = 256,
      .stack_bytes = 8 * MIB,
      .work_bytes = 256 * MIB,
      .share_bytes = SHARE_BYTES}},
    {"model",
     0,
     &rules_pure,
     &rules_fork_pure,
     {.cpu_s = 600,
      .as_bytes = 8 * GIB,
      .as_extra_bytes = 256 * MIB,
      .file_bytes = 0,
      .processes = 1,
      .files = 16,
      .stack_bytes = 8 * MIB,
      .work_bytes = 0,
      .share_bytes = SHARE_BYTES}},
};

static struct profile profiles[ARRAY_N(rows)];

const struct profile *profile_at(size_t i)
{
    struct profile *p;

    if (i >= ARRAY_N(rows)) {
        return NULL;
    }
    p = &profiles[i];
    if (p->name == NULL) {
        p->own_root = rows[i].own_root;
        p->worker = *rows[i].worker;
        p->zygote[0] = *rows[i].worker;
        p->zygote[1] = rules_startup;
        p->zygote[2] = rules_zygote;
        p->zygote[3] = rules_narrow;
        p->zygote[4] = *rows[i].fork;
        p->limits = rows[i].limits;
        p->name = rows[i].name;
    }
    return p;
}

const struct profile *profile_find(const char *class_name)
{
    for (size_t i = 0; i < ARRAY_N(rows); i++) {
        if (strcmp(rows[i].name, class_name) == 0) {
            return profile_at(i);
        }
    }
    return NULL;
}

static int rule_print(const struct rule *r, struct buf *out)
{
    if (r->action == RULE_ERRNO) {
        TRY(buf_putf(out, "errno %d  %s", r->error, r->call));
    } else {
        TRY(buf_putf(out, "allow    %s", r->call));
    }
    for (unsigned i = 0; i < r->args_n; i++) {
        TRY(buf_putf(out, "%s arg%u & %#llx == %#llx", i == 0 ? " if" : " and",
                     r->args[i].arg_i, (unsigned long long)r->args[i].mask,
                     (unsigned long long)r->args[i].value));
    }
    return buf_putf(out, "\n");
}

static int list_print(const char *title, struct rule_list l, struct buf *out)
{
    TRY(buf_putf(out, "\n[%s]\n", title));
    for (size_t i = 0; i < l.n; i++) {
        TRY(rule_print(&l.rules[i], out));
    }
    return 0;
}

static int limits_print(const struct profile *p, struct buf *out)
{
    const struct profile_limits *l = &p->limits;

    return buf_putf(
        out,
        "\n[limits]\ncpu %llus\naddress_space %llu\nof_the_image %llu\n"
        "file %llu\n"
        "processes %llu\nfiles %llu\nstack %llu\nwork %llu\nshared %llu\n"
        "core 0\nmemlock 0\nmsgqueue 0\n",
        (unsigned long long)l->cpu_s, (unsigned long long)l->as_bytes,
        (unsigned long long)l->as_extra_bytes,
        (unsigned long long)l->file_bytes, (unsigned long long)l->processes,
        (unsigned long long)l->files, (unsigned long long)l->stack_bytes,
        (unsigned long long)l->work_bytes, (unsigned long long)l->share_bytes);
}

int profile_print(const struct profile *p, struct buf *out)
{
    static const char *const titles[PROFILE_LISTS_MAX] = {
        NULL,
        "zygote: start of the image",
        "zygote: its loop",
        "zygote: a worker giving rights up",
        "zygote: making a worker",
        NULL};

    TRY(buf_putf(out,
                 "# Confinement of class %s, as kernel/confine has it. Made "
                 "by a test;\n# do not edit. A call without a rule that holds "
                 "kills the process; of\n# several that hold, one that allows "
                 "wins.\n\n[root]\n%s\n",
                 p->name,
                 p->own_root
                     ? "tmpfs, read-only; declared paths bound read-only; "
                       "/work, /tmp, /dev/null"
                     : "tmpfs, empty, read-only"));
    TRY(limits_print(p, out));
    TRY(list_print("worker: final filter", p->worker, out));
    for (size_t i = 1; i < PROFILE_LISTS_MAX; i++) {
        if (p->zygote[i].n > 0) {
            ASSERT(titles[i] != NULL);
            TRY(list_print(titles[i], p->zygote[i], out));
        }
    }
    return 0;
}
