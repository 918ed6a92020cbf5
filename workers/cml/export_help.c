/* What exported C needs beside operators. Runs in the `cml` worker. */
#include <string.h>

#include "proto/err.h"
#include "workers/cml/export_int.h"

/* Each may use those above it. */
static const struct {
    const char *call;
    const char *text;
} helpers[] = {
    {"@f64(", "static double @f64(uint64_t b)\n{\n    double v;\n\n"
              "    memcpy(&v, &b, sizeof(v));\n    return v;\n}\n"},
    {"@f32(", "static float @f32(uint64_t b)\n{\n"
              "    uint32_t n = (uint32_t)b;\n    float v;\n\n"
              "    memcpy(&v, &n, sizeof(v));\n    return v;\n}\n"},
    {"@b64(", "static uint64_t @b64(double v)\n{\n    uint64_t b;\n\n"
              "    memcpy(&b, &v, sizeof(b));\n"
              "    return v != v ? UINT64_C(0x7ff8000000000000) : b;\n}\n"},
    {"@b32(", "static uint64_t @b32(float v)\n{\n    uint32_t b;\n\n"
              "    memcpy(&b, &v, sizeof(b));\n"
              "    return v != v ? UINT32_C(0x7fc00000) : b;\n}\n"},
    {"@ints(", "static uint64_t @ints(double v, double top, uint64_t max)\n{\n"
               "    return v != v      ? 0\n"
               "           : v >= top  ? max\n"
               "           : v <= -top ? ~max\n"
               "                       : (uint64_t)(int64_t)v;\n}\n"},
    {"@intu(",
     "static uint64_t @intu(double v, double top, uint64_t max)\n{\n"
     "    return v != v || v <= 0 ? 0 : v >= top ? max : (uint64_t)v;\n}\n"},
    {"@divs(", "static uint64_t @divs(uint64_t a, uint64_t b)\n{\n"
               "    return b == UINT64_MAX ? 0 - a\n"
               "                           : (uint64_t)((int64_t)a / "
               "(int64_t)b);\n}\n"},
    {"@rems(", "static uint64_t @rems(uint64_t a, uint64_t b)\n{\n"
               "    return b == UINT64_MAX ? 0\n"
               "                           : (uint64_t)((int64_t)a % "
               "(int64_t)b);\n}\n"},
    {"@rotl(", "static uint64_t @rotl(uint64_t v, uint64_t by, unsigned n)\n{\n"
               "    v &= UINT64_MAX >> (64 - n);\n    by &= n - 1;\n"
               "    return by == 0 ? v : v << by | v >> (n - by);\n}\n"},
    {"@rotr(", "static uint64_t @rotr(uint64_t v, uint64_t by, unsigned n)\n{\n"
               "    v &= UINT64_MAX >> (64 - n);\n    by &= n - 1;\n"
               "    return by == 0 ? v : v >> by | v << (n - by);\n}\n"},
#define COMPARE(name, type, sign)                                              \
    {                                                                          \
        "@" name "(", "static uint64_t @" name "(" type " a, " type " b)\n{\n" \
                      "    return a " sign " b;\n}\n"                          \
    }
    COMPARE("eq", "uint64_t", "=="),
    COMPARE("ne", "uint64_t", "!="),
    COMPARE("ltu", "uint64_t", "<"),
    COMPARE("leu", "uint64_t", "<="),
    COMPARE("gtu", "uint64_t", ">"),
    COMPARE("geu", "uint64_t", ">="),
    COMPARE("lts", "int64_t", "<"),
    COMPARE("les", "int64_t", "<="),
    COMPARE("gts", "int64_t", ">"),
    COMPARE("ges", "int64_t", ">="),
    COMPARE("eqf", "double", "=="),
    COMPARE("nef", "double", "!="),
    COMPARE("ltf", "double", "<"),
    COMPARE("lef", "double", "<="),
    COMPARE("gtf", "double", ">"),
    COMPARE("gef", "double", ">="),
#undef COMPARE
    {"@ones(", "static uint64_t @ones(uint64_t v)\n{\n    uint64_t n = 0;\n\n"
               "    for (; v != 0; v &= v - 1) {\n        n++;\n    }\n"
               "    return n;\n}\n"},
    {"@clz(", "static uint64_t @clz(uint64_t v, unsigned n)\n{\n"
              "    uint64_t out = n;\n\n"
              "    for (; v != 0; v >>= 1) {\n        out--;\n    }\n"
              "    return out;\n}\n"},
    {"@ctz(", "static uint64_t @ctz(uint64_t v, unsigned n)\n{\n"
              "    uint64_t out = 0;\n\n"
              "    while (out < n && (v >> out & 1) == 0) {\n"
              "        out++;\n    }\n    return out;\n}\n"},
    {"@turn(",
     "static uint64_t @turn(uint64_t v, unsigned n, unsigned step)\n{\n"
     "    uint64_t mask = step == 1 ? 1 : 0xff;\n    uint64_t out = 0;\n\n"
     "    for (unsigned i = 0; i < n; i += step) {\n"
     "        out |= (v >> i & mask) << (n - step - i);\n    }\n"
     "    return out;\n}\n"},
    {"@mulhu(",
     "static uint64_t @mulhu(uint64_t a, uint64_t b)\n{\n"
     "    uint64_t al = a & UINT32_MAX;\n    uint64_t ah = a >> 32;\n"
     "    uint64_t bl = b & UINT32_MAX;\n    uint64_t bh = b >> 32;\n"
     "    uint64_t m = ah * bl + (al * bl >> 32);\n"
     "    uint64_t k = al * bh + (m & UINT32_MAX);\n\n"
     "    return ah * bh + (m >> 32) + (k >> 32);\n}\n"},
    {"@mulhs(", "static uint64_t @mulhs(uint64_t a, uint64_t b)\n{\n"
                "    return @mulhu(a, b) - ((int64_t)a < 0 ? b : 0) -\n"
                "           ((int64_t)b < 0 ? a : 0);\n}\n"},
};

static int has(struct ubytes text, const char *call)
{
    return text.n > 0 && memmem(text.p, text.n, call, strlen(call)) != NULL;
}

int export_helpers(struct ubytes text, struct buf *out)
{
    uint8_t used[ARRAY_N(helpers)] = {0};

    for (size_t i = ARRAY_N(helpers); i-- > 0;) {
        used[i] = has(text, helpers[i].call) != 0;
        for (size_t k = i + 1; k < ARRAY_N(helpers); k++) {
            used[i] |=
                used[k] && strstr(helpers[k].text, helpers[i].call) != NULL;
        }
    }
    for (size_t i = 0; i < ARRAY_N(helpers); i++) {
        if (used[i]) {
            TRY(buf_putf(out, "%s\n", helpers[i].text));
        }
    }
    return 0;
}
