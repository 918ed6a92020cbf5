/* The worker's compilers and the stepper by pipe, for oracles in other languages
 * (tests/grammar/oracle.py). One request a line, one answer a line; bytes in
 * hexadecimal, "-" is none.
 *   G FORM TEXT      compiles: ok BYTES STATES REGULAR | no LINE COL KIND WHAT
 *   B -              the bytes of the automaton
 *   T TEXT           yes | part (can go on) | no OFFSET | limit OFFSET
 *   E ALPHABET N     texts of the language up to N bytes over it, in order; "!" and
 *                    a text: one that can neither end nor go on */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/automaton.h"
#include "proto/buf.h"
#include "proto/cid.h"
#include "proto/err.h"
#include "workers/config/config.h"

#define LINE_BYTES (4u << 20)
#define TEXT_MAX 64

static struct automaton *automaton;
static struct buf bytes;
static char line[LINE_BYTES];

static size_t unhex(char *text, uint8_t **out)
{
    size_t n = strcmp(text, "-") == 0 ? 0 : strlen(text) / 2;

    *out = (uint8_t *)text;
    for (size_t i = 0; i < n; i++) {
        if (hex_parse((const char[]){text[2 * i], text[2 * i + 1], 0}, 2,
                      &(*out)[i]) < 0) {
            exit(2);
        }
    }
    return n;
}

static void print_hex(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        printf("%02x", p[i]);
    }
    printf(n == 0 ? "- " : " ");
}

static void compile(unsigned form, const uint8_t *text, size_t n)
{
    Proctor__ConfigTask task;
    Proctor__ConfigReply reply;
    struct config c;

    automaton_free(automaton);
    automaton = NULL;
    proctor__config_task__init(&task);
    task.kind = PROCTOR__CONFIG_KIND__CONFIG_AUTOMATON;
    task.grammar = (Proctor__GrammarForm)form;
    task.text.data = (uint8_t *)(uintptr_t)text;
    task.text.len = n;
    if (config_answer(&c, &task, &reply) != 0) {
        exit(2);
    }
    if (reply.problem != NULL) {
        printf("no %u %u %u %s | %s\n", reply.problem->line, reply.problem->col,
               reply.problem->kind, reply.problem->what, reply.problem->hint);
    } else {
        struct ubytes b = {reply.automaton.data, reply.automaton.len};
        unsigned calls = 0;
        struct rd r;
        unsigned states;

        if (automaton_read(b, &automaton) != 0) {
            exit(3);
        }
        buf_reset(&bytes);
        if (buf_put(&bytes, b.p, b.n) < 0) {
            exit(2);
        }
        rd_init(&r, b);
        (void)rd_u32(&r);
        states = rd_u16(&r);
        for (unsigned s = 0; s < states; s++) {
            unsigned ranges;
            unsigned of;

            (void)rd_u8(&r);
            ranges = rd_u16(&r);
            of = rd_u16(&r);
            calls += of;
            (void)rd_take(&r, 4 * (ranges + of));
        }
        printf("ok %zu %u %u\n", b.n, states, calls == 0);
    }
    config_release(&c);
}

static void test(const uint8_t *text, size_t n)
{
    struct automaton_at at;

    automaton_start(automaton, &at);
    for (size_t i = 0; i < n; i++) {
        int code = automaton_step(automaton, &at, text[i]);

        if (code < 0) {
            printf("%s %zu\n", code == ERR_LIMIT ? "limit" : "no", i);
            return;
        }
    }
    printf("%s\n", automaton_accepts(automaton, &at) ? "yes" : "part");
}

static void enumerate(const uint8_t *alphabet, size_t alphabet_n, size_t max)
{
    static struct automaton_at at[TEXT_MAX + 1];
    size_t next[TEXT_MAX + 1] = {0};
    uint8_t text[TEXT_MAX];
    size_t n = 0;

    automaton_start(automaton, &at[0]);
    for (;;) {
        if (next[n] == 0 && automaton_accepts(automaton, &at[n])) {
            print_hex(text, n);
        } else if (next[n] == 0 && !automaton_can_go_on(automaton, &at[n])) {
            printf("!");
            print_hex(text, n);
        }
        if (n == max || next[n] == alphabet_n) {
            if (n == 0) {
                break;
            }
            n--;
            continue;
        }
        text[n] = alphabet[next[n]++];
        if (automaton_next(automaton, &at[n], text[n], &at[n + 1]) == 0) {
            next[++n] = 0;
        }
    }
    printf("\n");
}

int main(void)
{
    buf_init(&bytes, LINE_BYTES);
    while (fgets(line, sizeof(line), stdin) != NULL) {
        char *command = strtok(line, " \n");
        char *first = strtok(NULL, " \n");
        char *second = strtok(NULL, " \n");
        uint8_t *p;
        size_t n;

        if (command == NULL || first == NULL) {
            return 2;
        }
        if (command[0] == 'G' && second != NULL) {
            n = unhex(second, &p);
            compile((unsigned)atoi(first), p, n);
        } else if (command[0] == 'B') {
            print_hex(buf_bytes(&bytes).p, buf_len(&bytes));
            printf("\n");
        } else if (command[0] == 'T' && automaton != NULL) {
            n = unhex(first, &p);
            test(p, n);
        } else if (command[0] == 'E' && second != NULL && automaton != NULL) {
            n = unhex(first, &p);
            enumerate(p, n, (size_t)atoi(second));
        } else {
            return 2;
        }
        fflush(stdout);
    }
    return 0;
}
