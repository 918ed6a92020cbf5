/* A projection into a PostgreSQL database. Process proctor-sql, which shuts itself
 * in as soon as the server has let it in. */
#ifndef CLI_PQ_PQ_WRITE_H
#define CLI_PQ_PQ_WRITE_H

#include "proto/diag.h"

#include "bridge.pb-c.h"

/* place: a connection string; what is not in it comes from libpq's environment
 * and password file. One transaction, see sql_rows_write; a connection that is cut
 * leaves nothing. No password is ever in d. ERR_INPUT (no connection string,
 * tables of another shape), ERR_NOT_FOUND (no server, no database), ERR_ACCESS
 * (password, rights, a server that only reads), ERR_EXISTS (another history),
 * ERR_SPACE, ERR_CLOSED, ERR_LIMIT, ERR_IO. */
int pq_write(const char *place, const Proctor__Projection *p,
             Proctor__BridgeAnswer *a, struct diag *d) MUST_USE;

#endif
