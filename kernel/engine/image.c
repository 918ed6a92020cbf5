/* Copies a worker binary into a sealed memfd and hashes the copy. Runs in the
 * kernel, before the first worker of its class. Must never hash anything but the
 * sealed bytes. */
#include "kernel/engine/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/err.h"
#include "proto/share.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010u /* Linux 6.3: asks for what older ones always give */
#endif

#define IMAGE_BYTES_MAX (256u << 20)
#define COPY_STEP (1u << 20)

void image_init(struct image *i)
{
    *i = (struct image){.fd = -1};
}

void image_release(struct image *i)
{
    fd_closep(&i->fd);
    image_init(i);
}

static int bad(struct diag *d, const char *path, const char *why)
{
    diag_set(d, ERR_CONFINE, (struct loc){0}, "worker image %s: %s", path, why);
    diag_hint(d, "the worker binaries stand beside proctor; install again");
    return ERR_TRACE(ERR_CONFINE);
}

static int memfd_make(const char *class_name)
{
    int fd =
        memfd_create(class_name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

    if (fd < 0 && errno == EINVAL) {
        fd = memfd_create(class_name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    }
    return fd;
}

static int copy_all(int from, int to, size_t n)
{
    while (n > 0) {
        ssize_t done = sendfile(to, from, NULL, n < COPY_STEP ? n : COPY_STEP);

        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done <= 0) {
            return -1;
        }
        n -= (size_t)done;
    }
    return 0;
}

int image_load(const char *dir, const char *class_name, struct image *out,
               struct diag *d)
{
    struct image image CLEANUP(image_release) = {.fd = -1};
    int file CLEANUP(fd_closep) = -1;
    char path[4200];
    struct stat st;
    void *map;

    image_init(out);
    snprintf(path, sizeof(path), "%s/worker-%s", dir, class_name);
    file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &st) < 0) {
        return bad(d, path, strerror(errno));
    }
    if (!S_ISREG(st.st_mode) || st.st_size <= 0 ||
        st.st_size > (off_t)IMAGE_BYTES_MAX) {
        return bad(d, path, "not a program file of at most 256 MiB");
    }
    image.fd = memfd_make(class_name);
    if (image.fd < 0 || copy_all(file, image.fd, (size_t)st.st_size) < 0 ||
        share_seal(image.fd, (uint64_t)st.st_size) < 0) {
        return bad(d, path, strerror(errno));
    }
    map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, image.fd, 0);
    if (map == MAP_FAILED) {
        return bad(d, path, strerror(errno));
    }
    image.cid = cid_of((struct ubytes){map, (size_t)st.st_size});
    munmap(map, (size_t)st.st_size);
    *out = image;
    image_init(&image);
    return 0;
}
