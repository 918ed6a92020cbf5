/* Files that the person names: opened with the person's authority, regular
 * files only, close-on-exec, never blocking on a fifo. */
#ifndef CLI_FILES_H
#define CLI_FILES_H

#include "proto/buf.h"
#include "proto/diag.h"

/* Opens for reading. d says what is wrong with `what` ("the graph") at path.
 * 0, ERR_NOT_FOUND, ERR_ACCESS, ERR_INPUT (no regular file), ERR_IO. */
int files_open(const char *what, const char *path, int *out_fd,
               struct diag *d) MUST_USE;
/* Same, for a path beneath dir_fd that may not leave it, by link or by "..". */
int files_open_beneath(int dir_fd, const char *path, int *out_fd, char *why,
                       size_t why_n) MUST_USE;
/* Appends a whole regular file. ERR_LIMIT when larger than max. */
int files_read(const char *path, size_t max_bytes, struct buf *out) MUST_USE;
/* The same, but a symbolic link is refused: ERR_INPUT, as a folder or a pipe. */
int files_read_plain(const char *path, size_t max_bytes,
                     struct buf *out) MUST_USE;
int files_read_fd(int fd, size_t max_bytes, struct buf *out) MUST_USE;
/* Writes a new file or replaces one whole: temporary, sync, rename. A link to
 * a file is followed; a device or a pipe is written to. */
int files_write(const char *path, struct ubytes bytes) MUST_USE;
/* The same without the sync, for what a store can show again: after a loss of
 * power it may be old or empty, and a reader never sees a part of it. */
int files_write_view(const char *path, struct ubytes bytes) MUST_USE;
/* A new file only, as whole as that: ERR_EXISTS when something has that name. */
int files_write_new(const char *path, struct ubytes bytes) MUST_USE;

/* Folder of the file at path as the kernel names it: "" for the working
 * directory, relative when beneath it, else absolute; links resolved.
 * ERR_NOT_FOUND, ERR_LIMIT. */
int files_folder(const char *path, char *out, size_t out_n) MUST_USE;

#endif
