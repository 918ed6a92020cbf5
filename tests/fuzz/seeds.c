/* Feeds every file of a folder to one fuzz harness, in a build without libFuzzer:
 * what fuzzing once found, and the forms that it begins with, on every run of the
 * tests. Prints one line of TAP. usage: HARNESS_seeds FOLDER */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* 0 when the file could not be read. The bytes lie in a block of their exact size,
 * so that reading behind them is seen. */
static int feed(const char *folder, const char *name)
{
    char path[4096];
    FILE *f;
    uint8_t *data;
    long n;
    int read = 0;

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    f = fopen(path, "rbe");
    if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (n = ftell(f)) < 0) {
        return 0;
    }
    rewind(f);
    data = malloc((size_t)n + (n == 0));
    if (data != NULL && fread(data, 1, (size_t)n, f) == (size_t)n) {
        (void)LLVMFuzzerTestOneInput(data, (size_t)n);
        read = 1;
    }
    free(data);
    (void)fclose(f);
    return read;
}

int main(int argc, char **argv)
{
    DIR *d = argc == 2 ? opendir(argv[1]) : NULL;
    const struct dirent *e;
    unsigned fed = 0, bad = 0;

    while (d != NULL && (e = readdir(d)) != NULL) {
        if (e->d_name[0] != '.') {
            feed(argv[1], e->d_name) ? fed++ : bad++;
        }
    }
    if (d != NULL) {
        (void)closedir(d);
    }
    printf("%s 1 - %u seeds of %s\n", fed > 0 && bad == 0 ? "ok" : "not ok", fed,
           argc == 2 ? argv[1] : "no folder");
    return fed > 0 && bad == 0 ? 0 : 1;
}
