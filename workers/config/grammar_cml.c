/* The text form of a CML unit as a grammar (docs/cml.md, "As a grammar"): every
 * text of it parses, as far as that is a matter of form; names and types are not.
 * Runs in the confined `config` worker. */
#include <string.h>

#include "workers/config/grammar_forms.h"

/* `name` is made by name_gx: GBNF has no "but". */
static const char text[] =
    "root ::= o \"unit \" name \"(\" (param (\",\" o param)*)? \")\" o \"->\" o "
    "ptype o block o\n"
    "o ::= s?\n"
    "s ::= \" \" | \"\\n\" [ ]{0,24}\n"
    "param ::= name \":\" o ptype\n"
    "ptype ::= type | \"Any\" | \"Comparable\" | \"Numeric\" | \"Integer\" | "
    "\"Float\"\n"
    "type ::= plain | \"void\" | list | fields | \"fn(\" (type (\",\" o type)*)? "
    "\")\" o \"->\" o type\n"
    "plain ::= \"bool\" | \"u8\" | \"u16\" | \"u32\" | \"u64\" | \"i8\" | \"i16\" "
    "| \"i32\" | \"i64\" | \"f32\" | \"f64\" | \"string\" | \"bytes\"\n"
    "list ::= \"[\" type \"]\"\n"
    "fields ::= \"{\" name \":\" o type (\",\" o name \":\" o type){0,15} \"}\"\n"
    "block ::= \"{\" o let* (\"return\" s)? expr o (\";\" o)? \"}\"\n"
    "let ::= \"let \" name (\":\" o type)? o \"=\" o expr o \";\" o\n"
    "expr ::= unary (s op s unary)*\n"
    "op ::= \"||\" | \"&&\" | \"==\" | \"!=\" | \"<\" | \"<=\" | \">\" | \">=\" | "
    "\"|\" | \"^\" | \"&\" | \"<<\" | \">>\" | \"<<<\" | \">>>\" | \"++\" | \"+\" "
    "| \"-\" | \"*\" | \"/\" | \"%\"\n"
    "unary ::= [-!~]{0,2} (number | primary part{0,4}) | [!~]{0,2} unsigned\n"
    "part ::= \".\" name | \"[\" o expr o \"]\"\n"
    "unsigned ::= [0-9]{1,2} \"u8\" | [0-9]{1,4} \"u16\" | [0-9]{1,9} \"u32\" | "
    "[0-9]{1,18} \"u64\" | \"0x\" ([0-9a-f]{1,2} \"u8\" | [0-9a-f]{1,4} \"u16\" | "
    "[0-9a-f]{1,8} \"u32\" | [0-9a-f]{1,16} \"u64\")\n"
    "signed ::= [0-9]{1,2} \"i8\" | [0-9]{1,4} \"i16\" | [0-9]{1,9} \"i32\" | "
    "[0-9]{1,18} \"i64\" | [0-9]{1,15} \".\" [0-9]{1,15} (\"f32\" | \"f64\")\n"
    "number ::= signed | [0-9]{1,18} | \"0x\" [0-9a-f]{1,15} | \"0b\" [01]{1,60} | "
    "[0-9]{1,15} \".\" [0-9]{1,15} (\"e\" \"-\"? [0-9]{1,2})? | \"nan\" | \"inf\" | "
    "\"nan32\" | \"inf32\"\n"
    "primary ::= text | bytes | \"true\" | \"false\" | \"void\" | \"(\" o expr o "
    "\")\" | name args? | (plain | list | fields) args | if | match | loop | "
    "\"ref \\\"\" word (\"/\" word)+ \"\\\"\"\n"
    "args ::= \"(\" o (expr o (\",\" o expr o)*)? \")\"\n"
    "text ::= \"\\\"\" ([ !#-\\[\\]-~] | \"\\\\\" [\\\\\"nrt])* \"\\\"\"\n"
    "bytes ::= \"x\\\"\" ([0-9a-f] [0-9a-f])* \"\\\"\"\n"
    "word ::= [A-Za-z0-9_.:-]+\n"
    "if ::= \"if\" s expr o block o \"else\" (o block | s if)\n"
    "match ::= \"match\" s expr o \"{\" o arm (\",\" o arm)* \"}\"\n"
    "arm ::= pattern o \"=>\" o (block | expr) o\n"
    "pattern ::= \"-\"? number | unsigned | text | bytes | \"true\" | \"false\" | \"_\" | name "
    "| plain | list | fields (\"(\" o pattern o (\",\" o pattern o)* \")\")?\n"
    "loop ::= \"loop\" o \"(\" (st \")\" o over o block | st \",\" o st \")\" o over "
    "o pair | st \",\" o st \",\" o st \")\" o over o triple)\n"
    "st ::= name \":\" o type o \"=\" o expr o\n"
    "over ::= \"while\" s expr | \"for\" s name s \"in\" s expr | \"repeat\" s "
    "expr\n"
    "pair ::= \"{\" o let* (\"(\" o expr o \",\" o expr o \")\" | \"if\" s expr o "
    "pair o \"else\" o pair) o \"}\"\n"
    "triple ::= \"{\" o let* (\"(\" o expr o \",\" o expr o \",\" o expr o \")\" | "
    "\"if\" s expr o triple o \"else\" o triple) o \"}\"\n";

/* Words of the language: no name is one of them. */
static const char *const words[] = {
    "unit", "let",  "return", "if",    "else",  "match",  "loop",  "while",
    "for",  "in",   "repeat", "true",  "false", "void",   "ref",   "fn",
    "nan",  "inf",  "nan32",  "inf32", "bool",  "i8",     "i16",   "i32",
    "i64",  "u8",   "u16",    "u32",   "u64",   "f32",    "f64",   "string",
    "bytes", "cid"};

#define WORD_BYTES 7 /* more than the longest has */

static int is_name_byte(unsigned c, size_t at)
{
    return (c >= 'a' && c <= 'z') || c == '_' ||
           (at > 0 && ((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')));
}

/* One byte of a name, at place 0 or behind it, that no word of the language has
 * after the n bytes of `with`. */
static struct gx *other_byte(struct grammar *g, char *with, size_t n, size_t at)
{
    struct gx *alt = gx_new(g, GX_ALT);

    for (unsigned c = '0'; alt != NULL && c <= 'z'; c++) {
        int is_next = !is_name_byte(c, at);

        with[n] = (char)c;
        for (size_t i = 0; i < ARRAY_N(words); i++) {
            is_next |= n < WORD_BYTES && strlen(words[i]) > n &&
                       memcmp(words[i], with, n + 1) == 0;
        }
        if (!is_next && gx_add(g, alt, gx_range(g, (uint8_t)c, (uint8_t)c)) < 0) {
            return NULL;
        }
    }
    return alt;
}

/* The rest of a name that begins with the n bytes of `with`, which some word of
 * the language begins with too.
 * NOLINTNEXTLINE(misc-no-recursion): by the longest word */
static struct gx *name_rest(struct grammar *g, char *with, size_t n,
                            struct gx *any)
{
    struct gx *alt = gx_pair(g, GX_SEQ, other_byte(g, with, n, n), any);
    int is_word = 0;

    alt = gx_pair(g, GX_ALT, alt, gx_new(g, GX_ALT));
    for (size_t i = 0; i < ARRAY_N(words); i++) {
        is_word |= strlen(words[i]) == n && memcmp(words[i], with, n) == 0;
    }
    if (alt == NULL ||
        (n > 0 && !is_word && gx_add(g, alt, gx_new(g, GX_SEQ)) < 0)) {
        return NULL;
    }
    for (unsigned c = '0'; c <= 'z'; c++) {
        int is_next = 0;

        with[n] = (char)c;
        for (size_t i = 0; i < ARRAY_N(words); i++) {
            is_next |=
                strlen(words[i]) > n && memcmp(words[i], with, n + 1) == 0;
        }
        if (is_next &&
            gx_add(g, alt,
                   gx_pair(g, GX_SEQ, gx_range(g, (uint8_t)c, (uint8_t)c),
                           name_rest(g, with, n + 1, any))) < 0) {
            return NULL;
        }
    }
    return alt;
}

int cml_rules(struct grammar *g)
{
    static const uint8_t root[] = "root";
    static const uint8_t name[] = "name";
    char with[WORD_BYTES + 1];
    uint32_t rule;
    char none[WORD_BYTES + 1];
    struct gx *any = gx_repeat(g, other_byte(g, none, WORD_BYTES, WORD_BYTES), 0,
                               GRAMMAR_FOREVER);
    struct gx *x = name_rest(g, with, 0, any);

    TRY(any == NULL || x == NULL ? ERR_NOMEM : 0);
    TRY(grammar_rule(g, (struct ubytes){root, sizeof(root) - 1}, 1, 1, &rule));
    TRY(grammar_rule(g, (struct ubytes){name, sizeof(name) - 1}, 1, 1, &rule));
    g->rules[rule].body = x;
    return gbnf_rules(g, (struct ubytes){(const uint8_t *)text,
                                         sizeof(text) - 1});
}
