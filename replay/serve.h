/* Serves one request of the command line: REPLAY_REQUEST on the socket, events and
 * one REPLAY_DONE back (proto/kernel.proto). */
#ifndef REPLAY_SERVE_H
#define REPLAY_SERVE_H

#include "proto/base.h"

/* 0, or ERR_* when the client's channel failed. */
int serve_client(const char *store, int client_fd) MUST_USE;

#endif
