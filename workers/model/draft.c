/* Prompt look-up. */
#include "workers/model/draft.h"

#include <string.h>

/* How many tokens before end equal those before n. end < n. */
static size_t match(const uint32_t *tokens, size_t end, size_t n)
{
    size_t most = end < DRAFT_MATCH_MAX ? end : DRAFT_MATCH_MAX, k = 0;

    while (k < most && tokens[end - 1 - k] == tokens[n - 1 - k]) {
        k++;
    }
    return k;
}

size_t draft_look_up(const uint32_t *tokens, size_t n, uint32_t *out,
                     size_t most)
{
    size_t lowest = n > DRAFT_LOOK_BACK ? n - DRAFT_LOOK_BACK : 0;
    size_t longest = DRAFT_MATCH_MIN - 1, from = 0, count;

    if (n <= DRAFT_MATCH_MIN || most == 0) {
        return 0;
    }
    for (size_t end = n - 1; end > lowest && longest < DRAFT_MATCH_MAX; end--) {
        if (tokens[end - 1] == tokens[n - 1]) {
            size_t k = match(tokens, end, n);

            if (k > longest) {
                longest = k;
                from = end;
            }
        }
    }
    if (longest < DRAFT_MATCH_MIN) {
        return 0;
    }
    count = n - from < most ? n - from : most;
    memcpy(out, tokens + from, count * sizeof(*out));
    return count;
}
