/* A domain in one line, for people. Runs in every process; malformed bytes give
 * a text that says so. */
#include "proto/domain.h"

#include <inttypes.h>
#include <string.h>

#include "proto/domain_node.h"
#include "proto/text.h"

static double float_value(uint64_t bits, unsigned width)
{
    double d;
    float f;
    uint32_t low = (uint32_t)(bits & UINT32_MAX);

    if (width == 8) {
        memcpy(&d, &bits, sizeof(d));
        return d;
    }
    memcpy(&f, &low, sizeof(f));
    return (double)f;
}

static void number_text(struct text *t, const struct domain_node *n,
                        const char *name)
{
    if (n->tag == DOMAIN_FLOAT) {
        int digits = n->code == 4 ? 9 : 17;

        text_putf(t, "%s in %.*g..%.*g", name, digits,
                  float_value(n->lo, n->code), digits,
                  float_value(n->hi, n->code));
    } else if ((n->code & TYPE_UNSIGNED) != 0) {
        text_putf(t, "%s in %" PRIu64 "..%" PRIu64, name, n->lo, n->hi);
    } else {
        text_putf(t, "%s in %" PRId64 "..%" PRId64, name, (int64_t)n->lo,
                  (int64_t)n->hi);
    }
}

/* A node without domains inside. */
static void leaf_text(struct text *t, const struct domain_node *n)
{
    char name[64] = "";

    type_text(&n->type, name, sizeof(name));
    switch (n->tag) {
    case DOMAIN_BOOL:
        text_putf(t, "bool");
        return;
    case DOMAIN_INT:
    case DOMAIN_FLOAT:
        number_text(t, n, name);
        return;
    case DOMAIN_CHOICE:
        text_putf(t, "one of %" PRIu32 " values of type %s", n->n, name);
        return;
    case DOMAIN_CORPUS:
        text_putf(t, "%s from corpus %u", name, (unsigned)n->file + 1);
        return;
    case DOMAIN_TUPLE:
        text_putf(t, "()");
        return;
    default:
        text_putf(t, "%s of length %" PRIu64 "..%" PRIu64, name, n->lo, n->hi);
        if (n->tag == DOMAIN_STRING && n->n > 0) {
            text_putf(t, " over %" PRIu32 " characters", n->n);
        }
    }
}

static void close_texts(struct text *t, unsigned *left, unsigned *depth)
{
    while (*depth > 0) {
        left[*depth - 1]--;
        if (left[*depth - 1] > 0) {
            text_putf(t, ", ");
            return;
        }
        text_putf(t, ")");
        (*depth)--;
    }
}

void domain_text(struct ubytes in, char *out, size_t n)
{
    unsigned left[TYPE_DEPTH_MAX];
    unsigned depth = 0;
    struct text t;
    struct rd r;

    text_init(&t, out, n);
    rd_init(&r, in);
    do {
        struct domain_node node;

        domain_node_read(&r, &node);
        if (rd_is_bad(&r) || (node.children > 0 && depth == TYPE_DEPTH_MAX)) {
            text_init(&t, out, n);
            text_putf(&t, "malformed domain");
            return;
        }
        if (node.children == 0) {
            leaf_text(&t, &node);
            close_texts(&t, left, &depth);
            continue;
        }
        if (node.tag == DOMAIN_LIST) {
            text_putf(&t, "lists of length %" PRIu64 "..%" PRIu64 " of ",
                      node.lo, node.hi);
        }
        text_putf(&t, "(");
        left[depth] = node.children;
        depth++;
    } while (depth > 0);
}
