/* proctor synth: from examples to a unit of CML. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/args.h"
#include "cli/synth.h"
#include "proto/err.h"
#include "proto/limits.h"

enum {
    KEY_TYPES = 0x3000,
    KEY_COLUMN,
    KEY_GRAMMAR,
    KEY_BUDGET,
    KEY_SIZE,
    KEY_HOLD_OUT,
    KEY_ORACLE,
    KEY_DOMAIN,
    KEY_SYGUS,
    KEY_ANY
};

static const struct argp_option OPTIONS[] = {
    {"types", KEY_TYPES, "TYPES", 0,
     "Types of a table: 'u64, string -> [i64]' (else those that fit all cells)",
     0},
    {"column", KEY_COLUMN, "NAME", 0,
     "The column of the outputs (else the last)", 0},
    {"grammar", KEY_GRAMMAR, "NAME", 0,
     "What a table's program is made of: bv, int, string or list (else as its "
     "types say)", 0},
    {"budget", KEY_BUDGET, "N", 0,
     "Evaluations that the search may take (else 400000000)", 0},
    {"size", KEY_SIZE, "N", 0,
     "Operators, parameters and constants of the largest program looked at", 0},
    {"hold-out", KEY_HOLD_OUT, "SHARE", 0,
     "Share of the examples, 0 to 0.9, that the search is not shown", 0},
    {"oracle", KEY_ORACLE, "WORK", 0,
     "What knows all answers: FILE.py:NAME, FILE.cml:NAME or a program", 0},
    {"domain", KEY_DOMAIN, "DOMAINS", 0,
     "With --oracle: inputs to examine on, as in proctor-graph(5) (else all of "
     "the types)", 0},
    {"any", KEY_ANY, NULL, 0,
     "The first program that fits will do: do not look for others", 0},
    {"sygus", KEY_SYGUS, NULL, 0,
     "Print the answer to a SyGuS file as SMT-LIB's define-fun", 0},
    {"output", 'o', "FILE", 0, "Write the unit there", 0},
    {0}};

static int parse_number(struct synth *x, const char *what, const char *arg,
                        uint64_t max, uint64_t *out)
{
    if (args_u64(arg, out) < 0 || *out == 0 || *out > max) {
        (void)cli_fail(x->c, ERR_INPUT, "%s: \"%.40s\" is no number from 1 to %llu",
                       what, arg, (unsigned long long)max);
        return EINVAL;
    }
    return 0;
}

static int parse_share(struct synth *x, const char *arg)
{
    char *end = NULL;
    double v = strtod(arg, &end);

    if (end == arg || *end != '\0' || !(v >= 0 && v <= 0.9)) {
        (void)cli_fail(x->c, ERR_INPUT,
                       "--hold-out: \"%.40s\" is no share from 0 to 0.9", arg);
        return EINVAL;
    }
    x->hold_out = (uint32_t)(v * 1000 + 0.5);
    return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct synth *x = state->input;

    switch (key) {
    case ARGP_KEY_ARG:
        if (x->file != NULL) {
            (void)cli_fail(x->c, ERR_INPUT, "one file, not \"%.80s\" too", arg);
            return EINVAL;
        }
        x->file = arg;
        return 0;
    case KEY_TYPES:
        x->types = arg;
        return 0;
    case KEY_COLUMN:
        x->column = arg;
        return 0;
    case KEY_GRAMMAR:
        x->grammar = arg;
        return 0;
    case KEY_BUDGET:
        return parse_number(x, "--budget", arg, UINT64_C(1) << 40, &x->budget);
    case KEY_SIZE:
        return parse_number(x, "--size", arg, 200, &x->size);
    case KEY_HOLD_OUT:
        return parse_share(x, arg);
    case KEY_ORACLE:
        x->oracle = arg;
        return 0;
    case KEY_DOMAIN:
        x->domain = arg;
        return 0;
    case KEY_SYGUS:
        x->as_smt = 1;
        return 0;
    case KEY_ANY:
        x->any = 1;
        return 0;
    case 'o':
        x->out = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp SPEC = {
    OPTIONS,
    parse,
    "FILE",
    "Looks for a program that fits examples: those of a SyGuS file (.sl, "
    "version 1 or 2), or the rows of a CSV or JSON table. The answer is a unit of "
    "CML, or that there is none, that the examples contradict each other, or "
    "that they are too few."
    "\vFILE - is the standard input. Without an oracle nothing is claimed but "
    "that the examples fit. With one, each proposal is examined, and a "
    "counterexample becomes an example, at most 64 times; the exams stand in the "
    "store's ledger.",
    NULL,
    NULL,
    NULL};

static void init(struct synth *x, struct cli *c)
{
    memset(x, 0, sizeof(*x));
    x->c = c;
    buf_init(&x->text, LIMIT_CML_TEXT_BYTES);
    frame_init(&x->read);
    frame_init(&x->found);
    frame_init(&x->checked);
    frame_init(&x->rival);
    ledger_entry_init(&x->verdict);
}

static void release(struct synth *x)
{
    synth_end_asks(x);
    frame_release(&x->read);
    frame_release(&x->found);
    frame_release(&x->checked);
    frame_release(&x->rival);
    values_builder_release(&x->inputs);
    values_builder_release(&x->outputs);
    buf_release(&x->text);
    exam_text_release(&x->evidence);
    ledger_entry_release(&x->verdict);
    while (x->disclosed_n > 0) {
        x->disclosed_n--;
        free(x->disclosed[x->disclosed_n].input);
        free(x->disclosed[x->disclosed_n].expected);
    }
    free(x->store);
}

static int work(struct synth *x)
{
    if (x->file == NULL) {
        return cli_fail_hint(x->c, ERR_INPUT, "proctor synth --help",
                             "which file of examples?");
    }
    if (x->domain != NULL && x->oracle == NULL) {
        return cli_fail_hint(x->c, ERR_INPUT, "--oracle FILE.py:NAME",
                             "--domain says what an oracle is asked");
    }
    TRY(synth_read(x));
    if (x->oracle != NULL) {
        return synth_examine(x);
    }
    TRY(synth_solve(x));
    if (x->outcome == SYNTH_UNSURE) {
        TRY(synth_find_rival(x));
    }
    return x->outcome == SYNTH_FITS || x->outcome == SYNTH_UNSURE
               ? synth_check(x)
               : 0;
}

int cmd_synth(struct cli *c, int argc, char **argv)
{
    struct synth *x = malloc(sizeof(*x));
    int rc;

    if (x == NULL) {
        return cli_fail(c, ERR_NOMEM, "out of memory");
    }
    init(x, c);
    rc = args_parse(c, &SPEC, argc, argv, x);
    if (rc == 0) {
        rc = work(x);
    }
    if (rc <= 0) {
        rc = synth_report(x, rc);
    }
    release(x);
    free(x);
    return rc;
}
