/* The witness's ears: C2SP tlog-witness over HTTP, on a unix socket or a loopback
 * port. One thread, one request after the other. */
#ifndef CLI_HTTP_WITNESS_SERVE_H
#define CLI_HTTP_WITNESS_SERVE_H

#include "cli/witness_state.h"

/* at: "unix:PATH" or "127.0.0.1:PORT" ("[::1]:PORT"; port 0: any). Listens, shuts
 * itself in, prints one line "listening on URL" on standard output, serves until
 * SIGTERM, SIGINT or SIGHUP. 0; ERR_INPUT (no such address), ERR_CONFINE, ERR_IO,
 * or what made it stop cosigning, with d. */
int witness_serve(struct witness *w, const char *at, struct diag *d) MUST_USE;

#endif
