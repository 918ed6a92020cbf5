/* proctor runs: series of runs, addressed by position. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/args.h"
#include "cli/place.h"
#include "cli/series.h"
#include "cli/table.h"
#include "cli/term.h"
#include "cli/trainings.h"
#include "proto/err.h"

enum {
    KEY_ALL = 0x2000
};

static const struct argp_option OPTIONS[] = {
    {"all", KEY_ALL, NULL, 0, "replay: every run of the series", 0}, {0}};

#define WORDS_MAX 4

struct runs {
    struct cli *c;
    const char *words[WORDS_MAX]; /* verb, series, ... */
    size_t words_n;
    int all;
    const char *store;
    struct series_all series;
    struct trainings trainings;
    const struct training_run *training; /* the one that is named, or NULL */
    const struct series *s; /* the one that is named, or NULL */
    size_t i;               /* the run that is named, or SIZE_MAX */
    size_t other;           /* compare: the second one */
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct runs *a = state->input;

    if (key == KEY_ALL) {
        a->all = 1;
        return 0;
    }
    if (key != ARGP_KEY_ARG || a->words_n == WORDS_MAX) {
        return ARGP_ERR_UNKNOWN;
    }
    a->words[a->words_n++] = arg;
    return 0;
}

static const struct argp SPEC = {
    OPTIONS,
    parse,
    "list [SERIES]|show SERIES RUN|audit|compare SERIES [RUN RUN]|"
    "replay SERIES RUN|export SERIES DIR",
    "Lists series and their runs, shows one run, checks that all of them are "
    "what was recorded, compares them, makes outputs again, or writes a series "
    "as files.\vA run's name is its position: 0 is the first. list and replay "
    "also take the name of a task that trains. Only replay starts a kernel. "
    "Exit code of audit: 0 clean, 1 a run is unfinished, 5 damaged; of replay: 1 "
    "when bytes differ.",
    NULL,
    NULL,
    NULL};

/* The first digits of a CID, or a mark. */
static const char *digits(const struct cid *c, char out[static 16])
{
    char text[CID_TEXT_BYTES];

    cid_text(c, text);
    (void)snprintf(out, 16, "%.12s", cid_is_zero(c) ? "-" : text);
    return out;
}

static size_t done_n(const struct series *s)
{
    size_t n = 0;

    for (size_t i = 0; i < s->outputs_n; i++) {
        n += s->outputs[i].status == SERIES_DONE;
    }
    return n;
}

static int list_all_text(const struct runs *a)
{
    static const char *const HEADS[] = {"series", "inputs", "outputs", "done",
                                        "last run"};
    struct table t;
    int rc;

    if (a->series.n == 0) {
        puts("no series yet");
        return 0;
    }
    table_init(&t, 5, HEADS);
    for (size_t i = 0; i < a->series.n; i++) {
        const struct series *s = &a->series.v[i];
        char n[3][24];
        const char *cells[] = {
            s->name, n[0], n[1], n[2],
            s->inputs_n == 0 ? "" : series_status_text(s, s->inputs_n - 1)};

        (void)snprintf(n[0], sizeof(n[0]), "%zu", s->inputs_n);
        (void)snprintf(n[1], sizeof(n[1]), "%zu", s->outputs_n);
        (void)snprintf(n[2], sizeof(n[2]), "%zu", done_n(s));
        table_row(&t, cells);
    }
    rc = table_print(&t, stdout, term_has_colour(stdout));
    table_release(&t);
    return rc;
}

static int list_text(const struct runs *a)
{
    static const char *const HEADS[] = {"run",    "state",  "inputs",
                                        "output", "record", "note"};
    const struct series *s = a->s;
    struct table t;
    int rc;

    table_init(&t, 6, HEADS);
    for (size_t i = 0; i < s->inputs_n; i++) {
        const struct series_entry *out =
            i < s->outputs_n ? &s->outputs[i] : NULL;
        char number[24];
        char record[24];
        char text[160];
        char in_digits[16];
        char out_digits[16];
        const char *cells[] = {number,
                               series_status_text(s, i),
                               digits(&s->inputs[i].artifact, in_digits),
                               out == NULL ? "-"
                                           : digits(&out->artifact, out_digits),
                               record,
                               text};

        (void)snprintf(number, sizeof(number), "%zu", i);
        (void)snprintf(record, sizeof(record), "%" PRIu64, s->inputs[i].seq);
        if (out != NULL && out->status != SERIES_DONE) {
            (void)snprintf(text, sizeof(text), "%.150s", out->text);
        } else if (s->first[i] != i) {
            (void)snprintf(text, sizeof(text), "seen: run %zu; %.120s",
                           s->first[i], s->inputs[i].text);
        } else {
            (void)snprintf(text, sizeof(text), "%.150s", s->inputs[i].text);
        }
        table_row(&t, cells);
    }
    rc = table_print(&t, stdout, term_has_colour(stdout));
    table_release(&t);
    return rc;
}

static int list_json(const struct runs *a)
{
    struct json j;

    json_init(&j);
    json_object(&j, NULL);
    json_array(&j, "series");
    for (size_t k = 0; k < a->series.n; k++) {
        const struct series *s = &a->series.v[k];

        if (a->s != NULL && a->s != s) {
            continue;
        }
        json_object(&j, NULL);
        json_str(&j, "name", s->name);
        json_u64(&j, "inputs", s->inputs_n);
        json_u64(&j, "outputs", s->outputs_n);
        json_u64(&j, "done", done_n(s));
        json_bool(&j, "open", series_is_open(s));
        json_array(&j, "runs");
        for (size_t i = 0; a->s != NULL && i < s->inputs_n; i++) {
            series_put_json(&j, &a->series, a->store, s, i);
        }
        json_close(&j);
        json_close(&j);
    }
    json_close(&j);
    json_u64(&j, "trainings", a->trainings.n);
    json_close(&j);
    return cli_emit(a->c, &j);
}

static int list(struct runs *a)
{
    if (a->training != NULL) {
        return trainings_list(a->c, &a->trainings, a->words[1]);
    }
    if (a->c->json) {
        return list_json(a);
    }
    if (a->s != NULL) {
        return list_text(a);
    }
    if (a->trainings.n > 0) {
        TRY(trainings_list(a->c, &a->trainings, NULL));
    }
    return a->series.n > 0 || a->trainings.n == 0 ? list_all_text(a) : 0;
}

static void print_entry(const char *what, const struct series_entry *e)
{
    char text[CID_TEXT_BYTES];
    char sha[65];
    char time[TERM_TIME_BYTES];

    printf("  %-9s record %" PRIu64 ", %s, task %s\n", what, e->seq,
           term_time(e->wall_ns, time), e->task);
    if (!cid_is_zero(&e->artifact)) {
        cid_text(&e->artifact, text);
        hex_text(e->sha256, sizeof(e->sha256), sha);
        printf("            %s, %" PRIu64 " bytes\n            sha256 %s\n",
               text, e->bytes, sha);
    }
}

static void print_line(const char *what, const char *text)
{
    if (text[0] != '\0') {
        printf("  %-9s ", what);
        term_put_text(
            stdout, (struct ubytes){(const uint8_t *)text, strlen(text)}, 1000);
        putchar('\n');
    }
}

static int show_text(const struct runs *a, const char *measured)
{
    const struct series_entry *in = &a->s->inputs[a->i];
    size_t parent_i = 0;
    const struct series *parent = series_by_ref(&a->series, in->ref, &parent_i);
    char text[CID_TEXT_BYTES];

    printf("%s[%zu]: %s\n", a->s->name, a->i, series_status_text(a->s, a->i));
    print_entry("inputs", in);
    print_line("note", in->text);
    if (parent != NULL) {
        printf("  from      %s[%zu]\n", parent->name, parent_i);
    }
    if (a->s->first[a->i] != a->i) {
        printf("  seen      the same inputs as run %zu\n", a->s->first[a->i]);
    }
    cid_text(&in->program, text);
    printf("  program   %s\n", text);
    if (a->i < a->s->outputs_n) {
        print_entry("output", &a->s->outputs[a->i]);
        print_line("why", a->s->outputs[a->i].text);
    }
    print_line("measured", measured);
    return 0;
}

static int show(struct runs *a)
{
    CLEANUP(buf_release) struct buf measured;
    struct json j;

    buf_init(&measured, 1u << 20);
    if (a->c->json) {
        json_init(&j);
        series_put_json(&j, &a->series, a->store, a->s, a->i);
        return cli_emit(a->c, &j);
    }
    TRY(series_put_measured(&a->series, a->store, a->s, a->i, &measured));
    return show_text(a, (const char *)buf_bytes(&measured).p);
}

/* "= 0" when run i has the CID that an earlier one has, else its digits. */
static void same_as(const struct runs *a, size_t i,
                    const struct cid *(*of)(const struct series *s, size_t i),
                    char out[static 32])
{
    const struct cid *c = of(a->s, i);
    char text[16];

    for (size_t k = a->i == SIZE_MAX ? 0 : a->i; k < i; k++) {
        const struct cid *o = of(a->s, k);

        if ((a->i == SIZE_MAX || k == a->i) && c != NULL && o != NULL &&
            cid_is_equal(c, o) && !cid_is_zero(c)) {
            (void)snprintf(out, 32, "= %zu", k);
            return;
        }
    }
    (void)snprintf(out, 32, "%s", c == NULL ? "-" : digits(c, text));
}

static const struct cid *inputs_of(const struct series *s, size_t i)
{
    return &s->inputs[i].artifact;
}

static const struct cid *program_of(const struct series *s, size_t i)
{
    return &s->inputs[i].program;
}

static const struct cid *output_of(const struct series *s, size_t i)
{
    return i < s->outputs_n ? &s->outputs[i].artifact : NULL;
}

static int compare_row(const struct runs *a, struct table *t, size_t i)
{
    CLEANUP(buf_release) struct buf measured;
    char number[24];
    char in[32];
    char program[32];
    char out[32];
    const char *cells[] = {
        number, series_status_text(a->s, i), in, program, out, NULL};

    buf_init(&measured, 1u << 20);
    TRY(series_put_measured(&a->series, a->store, a->s, i, &measured));
    cells[5] = (const char *)buf_bytes(&measured).p;
    (void)snprintf(number, sizeof(number), "%zu", i);
    same_as(a, i, inputs_of, in);
    same_as(a, i, program_of, program);
    same_as(a, i, output_of, out);
    table_row(t, cells);
    return 0;
}

/* All runs, or the two that are named. */
static int compare(struct runs *a)
{
    static const char *const HEADS[] = {"run",     "state",  "inputs",
                                        "program", "output", "measured"};
    struct table t;
    int rc = 0;

    if (a->c->json) {
        struct json j;

        json_init(&j);
        json_object(&j, NULL);
        json_array(&j, "runs");
        for (size_t i = 0; i < a->s->inputs_n; i++) {
            if (a->i == SIZE_MAX || i == a->i || i == a->other) {
                series_put_json(&j, &a->series, a->store, a->s, i);
            }
        }
        json_close(&j);
        json_close(&j);
        return cli_emit(a->c, &j);
    }
    table_init(&t, 6, HEADS);
    for (size_t i = 0; rc == 0 && i < a->s->inputs_n; i++) {
        if (a->i == SIZE_MAX || i == a->i || i == a->other) {
            rc = compare_row(a, &t, i);
        }
    }
    rc = rc ? rc : table_print(&t, stdout, term_has_colour(stdout));
    table_release(&t);
    return rc;
}

static int audit(struct runs *a)
{
    return series_audit_report(a->c, a->store);
}

static int replay(struct runs *a)
{
    if (a->training != NULL) {
        return a->words_n == 3
                   ? trainings_replay(a->c, a->store, a->training)
                   : cli_fail(a->c, ERR_INPUT, "name one run of the task");
    }
    if (a->all == (a->i != SIZE_MAX)) {
        return cli_fail(a->c, ERR_INPUT, "name one run, or --all");
    }
    return series_replay(a->c, a->store, a->s, a->i);
}

static int export_files(struct runs *a)
{
    return series_export(a->c, a->store, &a->series, a->s, a->words[2]);
}

static const struct verb {
    const char *name;
    const char *usage;
    size_t words_min; /* the verb included */
    size_t words_max;
    int loads;   /* the series are read before */
    int numbers; /* words behind the series are runs */
    int (*run)(struct runs *a);
} VERBS[] = {
    {"list", "list [SERIES]", 1, 2, 1, 0, list},
    {"show", "show SERIES RUN", 3, 3, 1, 1, show},
    {"audit", "audit", 1, 1, 0, 0, audit},
    {"compare", "compare SERIES [RUN RUN]", 2, 4, 1, 1, compare},
    {"replay", "replay SERIES RUN | --all", 2, 3, 1, 1, replay},
    {"export", "export SERIES DIR", 3, 3, 1, 0, export_files}};

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; name != NULL && i < ARRAY_N(VERBS); i++) {
        if (strcmp(VERBS[i].name, name) == 0) {
            return &VERBS[i];
        }
    }
    return NULL;
}

static int read_run(struct runs *a, const char *word, size_t *out)
{
    uint64_t i;

    if (args_u64(word, &i) != 0) {
        return cli_fail(a->c, ERR_INPUT, "\"%.40s\" is not the number of a run",
                        word);
    }
    if (i >= a->s->inputs_n) {
        return cli_fail(a->c, ERR_NOT_FOUND, "%.80s has no run %" PRIu64 ": it has %zu, from 0",
                        a->s->name, i, a->s->inputs_n);
    }
    *out = (size_t)i;
    return 0;
}

/* A task that trains, where no series has that name. */
static int resolve_training(struct runs *a)
{
    uint64_t i = UINT64_MAX;

    if (a->words_n > 2 && args_u64(a->words[2], &i) != 0) {
        return cli_fail(a->c, ERR_INPUT, "\"%.40s\" is not the number of a run",
                        a->words[2]);
    }
    a->training = trainings_find(&a->trainings, a->words[1],
                                 i == UINT64_MAX ? SIZE_MAX : (size_t)i);
    return a->training != NULL
               ? 0
               : cli_fail(a->c, ERR_NOT_FOUND, "%.80s has no run %" PRIu64,
                          a->words[1], i);
}

static int is_series(const struct runs *a, const char *name)
{
    for (size_t i = 0; i < a->series.n; i++) {
        if (strcmp(a->series.v[i].name, name) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Series and runs that the words name. */
static int resolve(struct runs *a, const struct verb *v)
{
    if (a->words_n > 1 && (v->run == list || v->run == replay) &&
        !is_series(a, a->words[1]) &&
        trainings_find(&a->trainings, a->words[1], SIZE_MAX) != NULL) {
        return resolve_training(a);
    }
    if (a->words_n > 1) {
        a->s = series_find(&a->series, a->words[1], &a->c->d);
        if (a->s == NULL) {
            return a->c->d.code;
        }
    }
    if (v->numbers && a->words_n > 2) {
        TRY(read_run(a, a->words[2], &a->i));
    }
    if (v->numbers && a->words_n > 3) {
        TRY(read_run(a, a->words[3], &a->other));
        if (a->other < a->i) {
            size_t i = a->i;

            a->i = a->other;
            a->other = i;
        }
    }
    return 0;
}

int cmd_runs(struct cli *c, int argc, char **argv)
{
    struct runs a = {.c = c, .i = SIZE_MAX, .other = SIZE_MAX};
    const struct verb *v;
    struct place place;
    int rc = args_parse(c, &SPEC, argc, argv, &a);

    if (rc != 0) {
        return rc;
    }
    v = find_verb(a.words[0]);
    if (v == NULL) {
        return cli_fail_hint(c, ERR_INPUT, "proctor runs --help",
                             "say `list`, `show`, `audit`, `compare`, `replay` "
                             "or `export`");
    }
    if (a.words_n < v->words_min || a.words_n > v->words_max) {
        return cli_fail_hint(c, ERR_INPUT,
                             "`proctor runs list` lists the series, `proctor "
                             "runs list SERIES` its runs",
                             "too %s words: proctor runs %s",
                             a.words_n < v->words_min ? "few" : "many",
                             v->usage);
    }
    TRY(place_open(c->store, &place, &c->d));
    a.store = place.path;
    if (v->loads) {
        rc = series_load(a.store, &a.series, &c->d);
        rc = rc ? rc : trainings_load(a.store, &a.trainings, &c->d);
        rc = rc ? rc : resolve(&a, v);
    }
    rc = rc ? rc : v->run(&a);
    series_release(&a.series);
    trainings_release(&a.trainings);
    return rc;
}
