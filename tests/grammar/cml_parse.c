/* Does the parser of CML's text form take a text? One in hexadecimal a line; an
 * answer each: ok, or what is wrong. Names are not looked up: document_resolve is
 * replaced (-Wl,--wrap). */
#include <stdio.h>
#include <string.h>

#include "proto/cid.h"
#include "proto/cml.h"
#include "workers/cml/text.h"

#define LINE_BYTES (4u << 20)

int __wrap_document_resolve(struct document *d, struct diag *diag);
int __wrap_document_resolve(struct document *d, struct diag *diag)
{
    (void)d;
    (void)diag;
    return 0;
}

int main(void)
{
    static char line[LINE_BYTES];

    while (fgets(line, sizeof(line), stdin) != NULL) {
        size_t n = strcspn(line, "\n") / 2;
        struct cml_dag dag;
        struct document d;
        struct diag diag;

        line[2 * n] = '\0';
        if (hex_parse(line, 2 * n, (uint8_t *)line) < 0) {
            return 2;
        }
        diag_init(&diag);
        cml_dag_init(&dag);
        document_init(&d, &dag, "in");
        if (text_parse(&d, (struct ubytes){(const uint8_t *)line, n}, &diag) ==
            0) {
            printf("ok\n");
        } else {
            printf("%u:%u %s\n", diag.at.line, diag.at.col, diag.what);
        }
        fflush(stdout);
        document_release(&d);
        cml_dag_release(&dag);
    }
    return 0;
}
