/* Globs as a small automaton: the set of places in the pattern that the text so
 * far may have reached, moved on byte by byte. Kernel process; sees patterns of
 * the policy and names of hostile graphs, so its cost must not depend on luck:
 * nothing is ever tried twice. */
#include "kernel/admit/glob.h"

#include <string.h>

enum glob_kind {
    GLOB_LITERAL,
    GLOB_ONE,
    GLOB_STAR,
    GLOB_ANY,
    GLOB_FOLDERS
};

struct glob_part {
    unsigned char kind;
    char c; /* GLOB_LITERAL */
};

struct glob {
    struct glob_part part[GLOB_BYTES_MAX];
    size_t n;
    /* reached[i]: part i comes next; reached[n]: the pattern is used up. */
    unsigned char now[GLOB_BYTES_MAX + 1];
    unsigned char next[GLOB_BYTES_MAX + 1];
};

/* NUL-terminated text of at most GLOB_BYTES_MAX bytes? */
static int is_short(const char *s)
{
    return strnlen(s, GLOB_BYTES_MAX + 1) <= GLOB_BYTES_MAX;
}

static void compile(struct glob *g, const char *pattern)
{
    const char *p = pattern;

    while (*p != '\0') {
        struct glob_part *part = &g->part[g->n++];
        int at_start = p == pattern || p[-1] == '/';

        *part = (struct glob_part){GLOB_LITERAL, *p};
        if (*p == '?') {
            part->kind = GLOB_ONE;
            p++;
        } else if (*p != '*') {
            p++;
        } else if (p[1] != '*') {
            part->kind = GLOB_STAR;
            p++;
        } else if (at_start && p[2] == '/') {
            part->kind = GLOB_FOLDERS;
            p += 3;
        } else {
            part->kind = GLOB_ANY;
            p += strspn(p, "*");
        }
    }
}

/* Marks part i, and those behind it that may match nothing. */
static void reach(const struct glob *g, unsigned char *set, size_t i)
{
    while (!set[i]) {
        set[i] = 1;
        if (i == g->n || g->part[i].kind == GLOB_LITERAL ||
            g->part[i].kind == GLOB_ONE) {
            return;
        }
        i++;
    }
}

/* Where part i may be after byte c. */
static void step(struct glob *g, size_t i, char c)
{
    unsigned char continued = ((unsigned char)c & 0xc0u) == 0x80u;

    switch ((enum glob_kind)g->part[i].kind) {
    case GLOB_LITERAL:
        if (g->part[i].c == c) {
            reach(g, g->next, i + 1);
        }
        return;
    case GLOB_ONE:
        if (c != '/' && !continued) {
            reach(g, g->next, i + 1);
        }
        return;
    case GLOB_STAR:
        if (c != '/') {
            reach(g, g->next, i);
        }
        return;
    case GLOB_ANY:
        reach(g, g->next, i);
        return;
    case GLOB_FOLDERS:
        /* Inside a folder's name the next part cannot begin. */
        g->next[i] = 1;
        if (c == '/') {
            reach(g, g->next, i + 1);
        }
        return;
    }
}

/* The bytes that continue a character belong to the `?` before. */
static void step_continued(struct glob *g, size_t i)
{
    if (i > 0 && g->part[i - 1].kind == GLOB_ONE) {
        reach(g, g->next, i);
    }
}

/* One byte of text; false when no place is left. */
static int step_all(struct glob *g, char c)
{
    int continued = ((unsigned char)c & 0xc0u) == 0x80u;
    int any = 0;

    memset(g->next, 0, g->n + 1);
    for (size_t i = 0; i <= g->n; i++) {
        if (!g->now[i]) {
            continue;
        }
        any = 1;
        if (continued) {
            step_continued(g, i);
        }
        if (i < g->n) {
            step(g, i, c);
        }
    }
    memcpy(g->now, g->next, g->n + 1);
    return any;
}

int glob_match(const char *pattern, const char *text)
{
    struct glob g;

    if (!is_short(pattern) || !is_short(text)) {
        return 0;
    }
    /* Most patterns begin with plain letters: the cheap answer first. */
    while (*pattern != '\0' && *pattern == *text && *pattern != '*' &&
           *pattern != '?' && pattern[1] != '*') {
        pattern++;
        text++;
    }
    if (strpbrk(pattern, "*?") == NULL) {
        return strcmp(pattern, text) == 0;
    }
    if (*pattern != '*' && *pattern != '?' && *pattern != *text) {
        return 0;
    }
    g.n = 0;
    compile(&g, pattern);
    memset(g.now, 0, g.n + 1);
    reach(&g, g.now, 0);
    for (; *text != '\0'; text++) {
        if (!step_all(&g, *text)) {
            return 0;
        }
    }
    return g.now[g.n];
}
