/* The Python side of `function: file.py:name` (adapter.py, embedded by the
 * build). It runs in the candidate's own process, so it is a convenience and
 * never trusted. Started as
 *
 *     ARGV... -s -S -B -c SOURCE FILE NAME TAKES GIVES
 *
 * where ARGV is the interpreter, as the kernel resolved it. -S leaves the site
 * module out (no site-packages, a fifth less start-up), -s the user's own
 * packages, -B bytecode files. Not -I and not -E: they would ignore
 * PYTHONHASHSEED=0, and with it sets would differ from run to run; the
 * environment is ours alone anyway. */
#ifndef WORKERS_PROGRAM_ADAPTER_H
#define WORKERS_PROGRAM_ADAPTER_H

/* Terminated, static. */
const char *adapter_source(void);

#endif
