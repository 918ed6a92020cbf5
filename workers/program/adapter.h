/* The Python side of `function: file.py:name` (adapter.py, embedded by the
 * build): source for `python3 -c`. It runs in the candidate's own process, so it
 * is a convenience and never trusted. */
#ifndef WORKERS_PROGRAM_ADAPTER_H
#define WORKERS_PROGRAM_ADAPTER_H

/* Terminated, static. */
const char *adapter_source(void);

#endif
