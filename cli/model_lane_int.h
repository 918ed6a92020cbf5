/* Shared by model_lane.c (what is asked) and model_lane_report.c (what came). */
#ifndef CLI_MODEL_LANE_INT_H
#define CLI_MODEL_LANE_INT_H

#include "cli/json.h"
#include "cli/model_lane.h"
#include "cli/request.h"
#include "cli/session.h"

#define MODEL_LANE_ID "lane"
#define MODEL_LANE_NUMBERS 9
#define MODEL_LANE_CHOICES 256

struct model_lane {
    struct cli *c;
    const char *op;
    int is_generate;
    char *weights, *prompt; /* borrowed, like all words */
    char *choices[MODEL_LANE_CHOICES];
    size_t choices_n;
    char *numbers[MODEL_LANE_NUMBERS];
    char *schema, *regex, *gbnf, *draft, *policy;
    struct buf typed; /* the prompt, from the standard input */
    char *stops[LIMIT_STOPS];
    size_t stops_n;
    int is_cml, has_grammar;
    struct request request;
    struct client_file served[4];
    size_t served_n;
    struct session session;
    int streamed; /* the text was shown as it came */
};

#define MODEL_LANE_LABEL "(a model's task)"
#define MODEL_LANE_POLICY "(its own policy)"

/* Reads the prompt "-" from the standard input. ERR_LIMIT, ERR_INPUT, ERR_IO. */
int model_lane_read_prompt(struct model_lane *a) MUST_USE;
/* A session_retell, ctx: struct model_lane: what the graph in memory calls things
 * becomes what the person called them. */
void model_lane_retell(const void *ctx, struct diag *d);
/* Is the reason for which there is no text a fault of a file or word that the
 * person gave? Then sets d, with the file's name, if nothing was said yet, and
 * returns ERR_INPUT, else 0. */
int model_lane_blame(const struct model_lane *a, const char *reason,
                     struct diag *d) MUST_USE;

/* Text of a model for a terminal: line breaks and tabs as they are, other controls
 * escaped. */
void model_lane_put_text(struct ubytes s);
int model_lane_report(struct model_lane *a, const char *store) MUST_USE;

#endif
