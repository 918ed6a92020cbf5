/* The one call of OpenBLAS that keeps contract 1 on some cores. Runs in
 * workers. Must never call it with more than OPENBLAS_SMALL multiply-adds: it
 * would leave the path that was proven, map 128 MiB inside the filter, or spin
 * when it cannot. */
#include <stdlib.h>

#include "workers/nn/math_impl.h"
#include "workers/nn/panel_impl.h"

#define OPENBLAS_SMALL 1000000u
_Static_assert(PANEL_TILE *PANEL_WIDTH *PANEL_SLICE <= OPENBLAS_SMALL,
               "every call stays on the small path");

/* Of cblas.h, OpenBLAS 0.3.21. Row-major = 101, no transposition = 111,
 * transposition = 112. */
extern void cblas_sgemm(int order, int trans_a, int trans_b, int m, int n,
                        int k, float alpha, const float *a, int lda,
                        const float *b, int ldb, float beta, float *c, int ldc);

/* How OpenBLAS chooses its kernels, asked for once more: 0.3.21 takes a
 * processor newer than itself for a Haswell, whose kernels do not keep the
 * contract. */
extern void gotoblas_dynamic_init(void);
extern void gotoblas_dynamic_quit(void);

void panel_openblas(const struct slice *s)
{
    ASSERT(s->m * s->k * s->n <= OPENBLAS_SMALL && s->x_row == 1);
    cblas_sgemm(101, 112, 111, (int)s->m, (int)s->n, (int)s->k, 1.0f, s->x,
                (int)s->x_step, s->w, (int)s->ldw, s->adds ? 1.0f : 0.0f, s->y,
                (int)s->ldy);
    if (s->ends) {
        math_canonical(s->y, s->ldy, s->m, s->n);
    }
}

int panel_openblas_retake(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f") &&
        __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") &&
        setenv("OPENBLAS_CORETYPE", "SkylakeX", 1) == 0) {
        gotoblas_dynamic_quit();
        gotoblas_dynamic_init();
        (void)unsetenv("OPENBLAS_CORETYPE");
        return 1;
    }
#endif
    return 0;
}
