/* The batteries' command line:
 *
 *     battery list                 names
 *     battery points               "battery point" lines: who catches which
 *     battery run NAME [POINT]     prints its account as JSON; exit 0: no
 *                                  difference. POINT (built with
 *                                  PROCTOR_SABOTAGE only): a mechanism is broken
 *     battery dump KIND TYPE FILE  writes FILE.gguf and FILE.dump (dump.h)
 *     battery resume FILE          the other process of the battery park
 *
 * PROCTOR_FULL makes runs longer. Tests only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/battery/battery.h"
#include "tests/battery/dump.h"
#include "tests/battery/resume.h"
#include "workers/nn/panel.h"
#include "workers/nn/sabotage.h"

#ifdef PROCTOR_SABOTAGE
enum sabotage sabotage_now;
#endif

struct point {
    const char *name, *breaks;
};
#define POINT_ROW(point, name, breaks) {name, breaks},
static const struct point points[] = {SABOTAGE_POINTS(POINT_ROW)};

static int find_point(const char *name)
{
    for (size_t i = 0; i < ARRAY_N(points); i++) {
        if (strcmp(points[i].name, name) == 0) {
            return (int)i;
        }
    }
    fprintf(stderr, "battery: no point \"%s\" in sabotage.h\n", name);
    exit(2);
}

static const struct battery *find_battery(const char *name)
{
    for (size_t i = 0; batteries[i] != NULL; i++) {
        if (strcmp(batteries[i]->name, name) == 0) {
            return batteries[i];
        }
    }
    fprintf(stderr, "battery: no battery \"%s\"\n", name);
    exit(2);
}

static void print_account(const struct battery *b, const struct account *a,
                          const char *point)
{
    uint8_t truth[BLAKE3_BYTES];

    printf("{\"battery\": \"%s\"", b->name);
    if (point != NULL) {
        printf(", \"point\": \"%s\", \"breaks\": \"%s\", \"caught\": ", point,
               points[find_point(point)].breaks);
        printf(a->differences != 0 ? "\"%s\"}\n" : "null}\n", a->first);
        return;
    }
    printf(", \"mechanism\": \"%s\", \"compares\": \"%s\", \"over\": \"%s\"",
           b->mechanism, b->compares, b->over);
    printf(b->by_host ? ", \"by_host\": true" : "");
    printf(", \"models\": %llu, \"schedules\": %llu, \"positions\": %llu"
           ", \"bits\": %llu, \"differences\": %llu, \"truth\": \"",
           (unsigned long long)a->models, (unsigned long long)a->schedules,
           (unsigned long long)a->positions, (unsigned long long)a->bits,
           (unsigned long long)a->differences);
    blake3_final(&a->truth, truth);
    for (size_t i = 0; i < sizeof(truth); i++) {
        printf("%02x", truth[i]);
    }
    printf("\"%s%s}\n", a->report[0] != '\0' ? ", \"report\": " : "",
           a->report);
    if (a->differences != 0) {
        fprintf(stderr, "%s: %s\n", b->name, a->first);
    }
}

static int run(const char *name, const char *point)
{
    static struct account a;
    const struct battery *b = find_battery(name);

    if (point != NULL) {
        int i = find_point(point);

#ifdef PROCTOR_SABOTAGE
        sabotage_now = (enum sabotage)(SABOTAGE_NONE + 1 + i);
#else
        (void)i;
        fprintf(stderr, "battery: this build breaks nothing\n");
        return 2;
#endif
    }
    a.battery = b->name;
    a.full = getenv("PROCTOR_FULL") != NULL;
    for (const char *c = name; *c != '\0'; c++) {
        a.random = a.random * 31 + (uint8_t)*c;
    }
    blake3_init(&a.truth);
    if (setjmp(a.stop) == 0) {
        b->run(&a);
    }
    keep_release();
    print_account(b, &a, point);
    return a.differences == 0 ? 0 : 1;
}

static int list(int with_points)
{
    for (size_t i = 0; batteries[i] != NULL; i++) {
        const struct battery *b = batteries[i];

        if (!with_points) {
            printf("%s\n", b->name);
            continue;
        }
        for (size_t j = 0; j < ARRAY_N(b->saboteurs); j++) {
            if (b->saboteurs[j] != NULL) {
                (void)find_point(b->saboteurs[j]);
                printf("%s %s\n", b->name, b->saboteurs[j]);
            }
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";

    if (argc == 2 && strcmp(command, "list") == 0) {
        return list(0);
    }
    if (argc == 2 && strcmp(command, "points") == 0) {
        return list(1);
    }
    must(nn_prove(), "nn_prove");
    if ((argc == 3 || argc == 4) && strcmp(command, "run") == 0) {
        return run(argv[2], argc == 4 ? argv[3] : NULL);
    }
    if (argc == 5 && strcmp(command, "dump") == 0) {
        return dump(argv[2], argv[3], argv[4]);
    }
    if (argc == 3 && strcmp(command, "resume") == 0) {
        return resume_child(argv[2]);
    }
    fprintf(stderr, "usage: battery list|points|run NAME [POINT]|"
                    "dump KIND TYPE FILE|resume FILE\n");
    return 2;
}
