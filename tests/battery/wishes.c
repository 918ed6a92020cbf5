/* Random wishes. Tests only. */
#include "tests/battery/wishes.h"

#include <stdio.h>

struct wish *wish_draw(struct account *a, uint32_t most)
{
    static const struct sampling samplings[] = {
        {0, 0, 0, 0},  {0, 0, 0, 0},   {0.8, 0, 0, 0},  {1.5, 0, 0, 0},
        {1, 20, 0, 0}, {1, 0, 0.9, 0}, {1, 0, 0, 0.05}, {0.7, 40, 0.95, 0.02},
    };
    static const char *const words[] = {"one ", "two ",   "red, ",
                                        "and ", "blue. ", "\n"};
    struct wish *w = keep(sizeof(*w));
    char *prompt = keep(400);
    size_t n = 0, repeats = 2 + below(a, 3), length = 2 + below(a, 6);
    uint32_t chosen[8];

    for (size_t i = 0; i < length; i++) {
        chosen[i] = below(a, ARRAY_N(words));
    }
    for (size_t i = 0; i < repeats * length; i++) {
        n += (size_t)snprintf(prompt + n, 400 - n, "%s",
                              words[chosen[i % length]]);
    }
    w->prompt = prompt;
    w->sampling = samplings[below(a, ARRAY_N(samplings))];
    w->key = draw(a);
    w->most = most;
    return w;
}
