/* SyGuS files given as arguments, each read, searched, and its answer checked, in one
 * process: what `proctor synth` has its workers do, without starting a kernel. Prints
 * "FILE milliseconds-of-processor-time status" lines; synth_cvc5.py sums them up.
 * Without arguments: nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/buf.h"
#include "proto/limits.h"
#include "tests/bench/bench.h"
#include "workers/cml/command.h"

static int slurp(const char *path, struct buf *out)
{
    FILE *f = fopen(path, "rbe");
    uint8_t part[4096];
    size_t n;
    int code = f != NULL ? 0 : -1;

    while (code == 0 && (n = fread(part, 1, sizeof(part), f)) > 0) {
        code = buf_put(out, part, n);
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    return code;
}

struct job {
    struct command read;
    struct command found;
    struct command checked;
    Proctor__CmlText texts[2];
    Proctor__CmlText *list[2];
    Proctor__SynthRead ask;
    Proctor__CmlTask task;
};

/* The status of the search; -1: the file was refused, -2: the answer does not fit. */
static int solve(struct job *j, struct ubytes file)
{
    const Proctor__SynthReply *r;
    const Proctor__SynthCheck *k;

    proctor__cml_task__init(&j->task);
    proctor__synth_read__init(&j->ask);
    for (int i = 0; i < 2; i++) {
        proctor__cml_text__init(&j->texts[i]);
        j->list[i] = &j->texts[i];
    }
    j->texts[0].content =
        (ProtobufCBinaryData){file.n, (uint8_t *)(uintptr_t)file.p};
    j->task.texts = j->list;
    j->task.n_texts = 1;
    j->task.synth_read = &j->ask;
    j->task.command = PROCTOR__CML_COMMAND__CML_SYNTH_READ;
    if (command_answer(&j->read, &j->task) < 0 ||
        j->read.reply.synth_problem == NULL) {
        return -1;
    }
    j->task.command = PROCTOR__CML_COMMAND__CML_SYNTH;
    j->task.synth = j->read.reply.synth_problem->task;
    if (command_answer(&j->found, &j->task) < 0 ||
        j->found.reply.synth == NULL) {
        return -1;
    }
    r = j->found.reply.synth;
    if (r->status != PROCTOR__SYNTH_STATUS__SYNTH_FOUND) {
        return (int)r->status;
    }
    j->texts[1].content = r->text;
    j->task.n_texts = 2;
    j->task.command = PROCTOR__CML_COMMAND__CML_SYNTH_READ;
    if (command_answer(&j->checked, &j->task) < 0) {
        return -2;
    }
    k = j->checked.reply.synth_check;
    return k != NULL && k->fit == k->given ? (int)r->status : -2;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        struct job *j = calloc(1, sizeof(*j));
        struct buf file;
        double t;
        int status;

        buf_init(&file, LIMIT_CML_TEXT_BYTES);
        if (j == NULL || slurp(argv[i], &file) < 0) {
            fprintf(stderr, "cannot read %s\n", argv[i]);
            return 1;
        }
        t = cpu_ms();
        command_init(&j->read);
        command_init(&j->found);
        command_init(&j->checked);
        status = solve(j, buf_bytes(&file));
        command_release(&j->read);
        command_release(&j->found);
        command_release(&j->checked);
        printf("%s %.3f %d\n", argv[i], cpu_ms() - t, status);
        free(j);
        buf_release(&file);
    }
    return 0;
}
