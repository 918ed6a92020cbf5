/* Files of a sandbox: written once, removed whole. All names are relative to a
 * directory descriptor and no symlink is ever followed: a hostile program had
 * the folder before us. Program worker only. */
#ifndef WORKERS_PROGRAM_TREE_H
#define WORKERS_PROGRAM_TREE_H

#include "proto/base.h"

#define TREE_DEPTH_MAX 64

/* True for a relative path of plain parts: not empty, no empty, "." or ".."
 * part, no control character, at most LIMIT_PATH_BYTES, depth below
 * TREE_DEPTH_MAX. */
int tree_name_is_plain(const char *name);

/* Creates ${name} beneath ${dir_fd} with its folders (mode 0755). The file must
 * not exist. mode: of the finished file. 0 or ERR_*. */
int tree_write(int dir_fd, const char *name, struct ubytes content,
               unsigned mode) MUST_USE;

/* Removes everything beneath ${path}, not ${path} itself. Deeper nesting than
 * TREE_DEPTH_MAX and whatever resists is an error: the caller must then not
 * reuse the folder. 0, ERR_LIMIT or ERR_*. */
int tree_empty(const char *path) MUST_USE;

#endif
