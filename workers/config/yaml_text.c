/* Text before libfyaml sees it. Runs in the confined `config` worker. */
#include "workers/config/yaml_text.h"

#include <stdio.h>
#include <string.h>

#include "proto/limits.h"
#include "proto/utf8.h"

#define BREAK_FROM_BYTES 4096u

static void say(struct yaml_text_problem *out, size_t pos, const char *what,
                const char *hint)
{
    out->pos = pos;
    (void)snprintf(out->what, sizeof(out->what), "%s", what);
    (void)snprintf(out->hint, sizeof(out->hint), "%s", hint);
}

static int check_line(struct ubytes text, size_t start, size_t end,
                      struct yaml_text_problem *out)
{
    long open = 0;

    if (end - start > YAML_LINE_MAX) {
        say(out, start, "a line is longer than 1 MiB", "break the line");
        return ERR_LIMIT;
    }
    for (size_t i = start; i < end; i++) {
        uint8_t b = text.p[i];

        open += b == '[' || b == '{';
        open -= b == ']' || b == '}';
        if (open > YAML_LINE_OPEN_MAX) {
            say(out, i, "a line opens more than 4096 brackets",
                "break the line");
            return ERR_LIMIT;
        }
    }
    return 0;
}

static int check_character(struct ubytes text, size_t pos, size_t *out_n,
                           struct yaml_text_problem *out)
{
    uint32_t cp = 0;
    size_t n = utf8_next((struct ubytes){text.p + pos, text.n - pos}, &cp);

    *out_n = n;
    out->pos = pos;
    if (n == 0) {
        (void)snprintf(out->what, sizeof(out->what),
                       "byte %zu (0x%02x) is not valid UTF-8", pos,
                       text.p[pos]);
        (void)snprintf(out->hint, sizeof(out->hint), "save the file as UTF-8");
        return ERR_INPUT;
    }
    if (cp == '\n' || cp == '\r' || cp == '\t' || !utf8_is_unsafe(cp)) {
        return 0;
    }
    (void)snprintf(out->what, sizeof(out->what),
                   "byte %zu is the control character U+%04X", pos, cp);
    (void)snprintf(out->hint, sizeof(out->hint),
                   cp == 0 ? "leave it out"
                           : "in a double-quoted string write \\u%04x",
                   cp);
    return ERR_INPUT;
}

int yaml_text_check(struct ubytes text, struct yaml_text_problem *out)
{
    size_t line_start = 0;
    size_t i = 0;

    while (i < text.n) {
        size_t n = 1;

        if (text.p[i] < 0x20 || text.p[i] >= 0x7f) {
            TRY(check_character(text, i, &n, out));
        }
        if (text.p[i] == '\n' || yaml_text_is_break(text, i)) {
            TRY(check_line(text, line_start, i, out));
            line_start = i + 1;
        }
        i += n;
    }
    return check_line(text, line_start, text.n, out);
}

static int is_structure(uint8_t b)
{
    return b == '{' || b == '}' || b == '[' || b == ']' || b == ',' || b == ':';
}

static int is_blank(uint8_t b)
{
    return b == ' ' || b == '\t' || b == '\n' || b == '\r';
}

static int is_word(uint8_t b)
{
    return (b >= '0' && b <= '9') || (b >= 'a' && b <= 'z') ||
           (b >= 'A' && b <= 'Z') || b == '+' || b == '-' || b == '.';
}

/* End of the string that begins at i, or 0 when it is not JSON's. */
static size_t string_end(struct ubytes text, size_t i)
{
    if (i > 0 && !is_blank(text.p[i - 1]) && !is_structure(text.p[i - 1])) {
        return 0;
    }
    for (i++; i < text.n && text.p[i] != '"'; i++) {
        if (text.p[i] < 0x20) {
            return 0;
        }
        i += text.p[i] == '\\';
    }
    return i < text.n ? i + 1 : 0;
}

int yaml_text_break(struct ubytes text, struct buf *out, int *out_done)
{
    long depth = 0;
    size_t i = 0;

    *out_done = 0;
    while (i < text.n && is_blank(text.p[i])) {
        i++;
    }
    if (text.n < BREAK_FROM_BYTES || i == text.n ||
        (text.p[i] != '{' && text.p[i] != '[')) {
        return 0;
    }
    for (i = 0; i < text.n;) {
        uint8_t b = text.p[i];
        size_t end = b == '"' ? string_end(text, i) : i + 1;

        if (end == 0 ||
            (b != '"' && !is_structure(b) && !is_blank(b) && !is_word(b)) ||
            (b == '\r' && yaml_text_is_break(text, i))) {
            return 0;
        }
        depth += b == '{' || b == '[';
        depth -= b == '}' || b == ']';
        TRY(buf_put(out, text.p + i, end - i));
        if (depth > LIMIT_TEXT_DEPTH) {
            break; /* what stands here is what will be refused */
        }
        if ((b == '{' || b == '[' || b == ',') && end < text.n &&
            text.p[end] != '\n' && text.p[end] != '\r') {
            TRY(buf_put_u8(out, '\r'));
        }
        i = end;
    }
    *out_done = 1;
    return 0;
}
