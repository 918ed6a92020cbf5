/* See witness_post.h. Process `proctor-witness ask`. libcurl, which knows unix
 * sockets and TLS. */
#include "cli/http/witness_post.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "proto/err.h"

#define CONNECT_MS 5000L
#define TOTAL_MS 15000L

static size_t take(char *p, size_t one, size_t n, void *ctx)
{
    struct buf *reply = ctx;

    if (buf_put(reply, p, one * n) != 0) {
        err_trace_clear();
        return 0; /* too long: curl gives up */
    }
    return one * n;
}

/* The address for curl; where the socket is, for unix:PATH. */
static int address(CURL *curl, const char *url)
{
    char text[1024];
    int n;

    if (strncmp(url, "unix:", 5) == 0) {
        if (curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, url + 5) !=
            CURLE_OK) {
            return ERR_TRACE(ERR_NOMEM);
        }
        n = snprintf(text, sizeof(text), "http://witness/add-checkpoint");
    } else if (strncmp(url, "http://", 7) == 0 ||
               strncmp(url, "https://", 8) == 0) {
        size_t len = strlen(url);

        n = snprintf(text, sizeof(text), "%s%sadd-checkpoint", url,
                     url[len - 1] == '/' ? "" : "/");
    } else {
        return ERR_TRACE(ERR_INPUT);
    }
    if (n >= (int)sizeof(text)) {
        return ERR_TRACE(ERR_INPUT);
    }
    return curl_easy_setopt(curl, CURLOPT_URL, text) == CURLE_OK
               ? 0
               : ERR_TRACE(ERR_NOMEM);
}

static int perform(CURL *c, struct ubytes body, unsigned *out_status,
                   struct buf *reply, char why[static CURL_ERROR_SIZE])
{
    CURLcode code;
    long status = 0;
    int bad = 0;

    bad |= curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https") != 0;
    bad |= curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) != 0;
    bad |= curl_easy_setopt(c, CURLOPT_NOPROXY, "*") != 0;
    bad |= curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS) != 0;
    bad |= curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, TOTAL_MS) != 0;
    bad |= curl_easy_setopt(c, CURLOPT_POSTFIELDS, body.p) != 0;
    bad |= curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)body.n) != 0;
    bad |= curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take) != 0;
    bad |= curl_easy_setopt(c, CURLOPT_WRITEDATA, reply) != 0;
    bad |= curl_easy_setopt(c, CURLOPT_ERRORBUFFER, why) != 0;
    if (bad) {
        return ERR_TRACE(ERR_NOMEM);
    }
    code = curl_easy_perform(c);
    if (code == CURLE_COULDNT_CONNECT) { /* curl names a host for sockets too */
        (void)snprintf(why, CURL_ERROR_SIZE, "nobody listens there");
    }
    if (code != CURLE_OK) {
        return ERR_CLOSED;
    }
    (void)curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    *out_status = (unsigned)status;
    return 0;
}

int witness_post(const char *url, struct ubytes body, unsigned *out_status,
                 struct buf *reply,
                 char out_why[static WITNESS_POST_WHY_BYTES])
{
    char why[CURL_ERROR_SIZE] = "";
    struct curl_slist *heads = NULL;
    CURL *curl = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK
                     ? curl_easy_init()
                     : NULL;
    int rc = curl == NULL ? ERR_TRACE(ERR_NOMEM) : address(curl, url);

    out_why[0] = '\0';
    if (rc == 0) {
        /* No "Expect: 100-continue": it costs a round trip. */
        heads = curl_slist_append(NULL, "Expect:");
        if (heads == NULL ||
            curl_easy_setopt(curl, CURLOPT_HTTPHEADER, heads) != CURLE_OK) {
            rc = ERR_TRACE(ERR_NOMEM);
        }
    }
    if (rc == 0) {
        rc = perform(curl, body, out_status, reply, why);
    }
    if (rc != 0) {
        (void)snprintf(out_why, WITNESS_POST_WHY_BYTES, "%.120s",
                       rc == ERR_INPUT   ? "its URL is none"
                       : why[0] != '\0' ? why
                                        : err_text(rc));
    }
    curl_slist_free_all(heads);
    curl_easy_cleanup(curl);
    return rc;
}
