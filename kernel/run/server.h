/* The kernel's side of the client's socket: one request at a time, an interrupt
 * at any time, and an orderly end when the client goes. */
#ifndef KERNEL_RUN_SERVER_H
#define KERNEL_RUN_SERVER_H

#include "kernel/run/core.h"

/* Serves the client behind sock (taken) until it goes away or signal_fd (a
 * signalfd, borrowed) says so. 0 or ERR_*: the loop failed. */
int server_run(struct core *c, int sock, int signal_fd) MUST_USE;

#endif
