/* Battery routes: every kernel that was proven on this host gives the same bits
 * in the whole forward pass. Tests only. */
#include "tests/battery/plain.h"

#include <stdio.h>
#include <string.h>

#include "workers/nn/panel.h"

#define TOKENS_N 90u /* over a tile of 61 */

static void under(struct account *a, const struct plain *p,
                  enum panel_route route)
{
    static const char *const names[PANEL_ROUTES_N] = {[PANEL_SCALAR] = "scalar",
                                                      [PANEL_AVX2] = "avx2",
                                                      [PANEL_AVX512] = "avx512",
                                                      [PANEL_OPENBLAS] =
                                                          "openblas"};
    struct pass *pass = pass_make(p->little, TOKENS_N, 1);
    const void *mark = keep_mark();
    struct cache c = cache_make(p->little, TOKENS_N, TOKENS_N);
    struct watch w;

    watch_init(&w, a, &p, names[route]);
    forward(a, pass, p, &c, TOKENS_N - 5, &w.traps, w.schedule);
    while (c.n < TOKENS_N) {
        forward(a, pass, p, &c, (size_t)c.n + 1, &w.traps, w.schedule);
    }
    same_cache(a, p, &c, w.schedule);
    a->schedules++;
    keep_back(mark);
}

/* Forces a route where it was proven, for each type; counts those forced. */
static size_t force(enum panel_route route)
{
    size_t n = 0;

    for (size_t t = 0; t < WEIGHT_TYPES_N; t++) {
        if (panels_proved((enum weight_type)t, route)) {
            MUST(panels_force((enum weight_type)t, route));
            n++;
        }
    }
    return n;
}

static void one_model(struct account *a, size_t kind, size_t type)
{
    const struct little *l = little_make(a, kind, type, 32, 500 + kind);
    const struct plain *p;

    (void)force(PANEL_SCALAR);
    p = plain_run(a, l, tokens_draw(a, l, TOKENS_N), TOKENS_N);
    for (int r = PANEL_ROUTES_N - 1; r >= 0; r--) {
        if (force((enum panel_route)r) > 0) {
            under(a, p, (enum panel_route)r);
        }
    }
}

static void run(struct account *a)
{
    every_model(a, 0, one_model);
}

const struct battery battery_routes = {
    .name = "routes",
    .mechanism = "numerics",
    .compares =
        "logits, residual rows and cache under every proven kernel against the "
        "scalar chain",
    .over =
        "all kinds and types; a prompt over a tile of 61 and decoding; scalar, "
        "AVX2, AVX-512, OpenBLAS, as far as this host has them",
    .saboteurs = {"route-slice"},
    .run = run,
    .by_host = 1,
};
