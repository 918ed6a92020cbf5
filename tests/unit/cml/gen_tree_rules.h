/* What gen_tree.h makes files of: the types, a tree of them, and what makes a value
 * of each type. */
#ifndef TESTS_UNIT_CML_GEN_TREE_RULES_H
#define TESTS_UNIT_CML_GEN_TREE_RULES_H

enum tree_type {
    T_BOOL, T_U8, T_U16, T_U32, T_U64, T_I8, T_I16, T_I32, T_I64, T_F32, T_F64,
    T_STRING, T_BYTES, T_PAIR, T_REC, T_LU8, T_LU32, T_LI64, T_LF64, T_LSTRING,
    T_LPAIR, T_LU64, T_VALUES,
    T_MAP = T_VALUES, T_TEST, T_FOLD, T_TEXT, T_TYPES,
    /* Not types of values: */
    T_ARMS = T_TYPES, /* of a match over u32 */
    T_SAME, T_INT, T_NUMBER, T_ANY, T_OTHER /* the same as ANY was */
};

static const char *const tree_types[T_TYPES] = {
    "bool", "u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64", "f32", "f64",
    "string", "bytes", "{a: u32, b: i64}", "{s: string, p: {a: u32, b: i64}}",
    "[u8]", "[u32]", "[i64]", "[f64]", "[string]", "[{a: u32, b: i64}]",
    "[u64]", "fn(u32) -> u32", "fn(u32) -> bool", "fn(i64, u32) -> i64",
    "fn(u32) -> string"};

#define TREE_KIDS 4
struct tree {
    const char *text; /* with @ where its kids are */
    enum tree_type type;
    struct tree *kids[TREE_KIDS];
    unsigned n;
};

/* What makes a value of a type: T_INT and T_NUMBER for each such type. */
struct tree_rule {
    enum tree_type type;
    const char *text;
    enum tree_type kids[TREE_KIDS];
    unsigned n;
};

#define TREE_RULE1(t, text, a) {t, text, {a}, 1}
#define TREE_RULE2(t, text, a, b) {t, text, {a, b}, 2}
#define TREE_RULE3(t, text, a, b, c) {t, text, {a, b, c}, 3}

static const struct tree_rule tree_rules[] = {
    TREE_RULE2(T_NUMBER, "(@ + @)", T_SAME, T_SAME),
    TREE_RULE2(T_NUMBER, "(@ - @)", T_SAME, T_SAME),
    TREE_RULE2(T_NUMBER, "(@ * @)", T_SAME, T_SAME),
    TREE_RULE2(T_NUMBER, "(@ / @)", T_SAME, T_SAME),
    TREE_RULE2(T_NUMBER, "(@ % @)", T_SAME, T_SAME),
    TREE_RULE1(T_NUMBER, "neg(@)", T_SAME),
    TREE_RULE1(T_NUMBER, "abs(@)", T_SAME),
    TREE_RULE2(T_INT, "(@ & @)", T_SAME, T_SAME),
    TREE_RULE2(T_INT, "(@ | @)", T_SAME, T_SAME),
    TREE_RULE2(T_INT, "(@ ^ @)", T_SAME, T_SAME),
    TREE_RULE2(T_INT, "(@ << @)", T_SAME, T_INT),
    TREE_RULE2(T_INT, "(@ >> @)", T_SAME, T_INT),
    TREE_RULE2(T_INT, "(@ <<< @)", T_SAME, T_INT),
    TREE_RULE2(T_INT, "(@ >>> @)", T_SAME, T_INT),
    TREE_RULE2(T_INT, "mul_high(@, @)", T_SAME, T_SAME),
    TREE_RULE1(T_INT, "inv(@)", T_SAME),
    TREE_RULE1(T_INT, "bits_reverse(@)", T_SAME),
    TREE_RULE1(T_INT, "bytes_reverse(@)", T_SAME),
    TREE_RULE2(T_SAME, "min(@, @)", T_SAME, T_SAME),
    TREE_RULE2(T_SAME, "max(@, @)", T_SAME, T_SAME),
    TREE_RULE2(T_SAME, "pick(@, @)", T_SAME, T_SAME),
    TREE_RULE2(T_BOOL, "(@ && @)", T_BOOL, T_BOOL),
    TREE_RULE2(T_BOOL, "(@ || @)", T_BOOL, T_BOOL),
    TREE_RULE2(T_BOOL, "(@ & @)", T_BOOL, T_BOOL),
    TREE_RULE2(T_BOOL, "(@ ^ @)", T_BOOL, T_BOOL),
    TREE_RULE1(T_BOOL, "not(@)", T_BOOL),
    TREE_RULE2(T_BOOL, "(@ == @)", T_ANY, T_OTHER),
    TREE_RULE2(T_BOOL, "(@ != @)", T_ANY, T_OTHER),
    TREE_RULE2(T_BOOL, "(@ < @)", T_ANY, T_OTHER),
    TREE_RULE2(T_BOOL, "(@ <= @)", T_ANY, T_OTHER),
    TREE_RULE2(T_BOOL, "(@ > @)", T_ANY, T_OTHER),
    TREE_RULE2(T_BOOL, "(@ >= @)", T_ANY, T_OTHER),
    TREE_RULE1(T_BOOL, "is_nan(@)", T_F64),
    TREE_RULE1(T_BOOL, "is_nan(@)", T_F32),
    TREE_RULE2(T_BOOL, "contains(@, @)", T_LU32, T_U32),
    TREE_RULE2(T_BOOL, "starts_with(@, @)", T_STRING, T_STRING),
    TREE_RULE2(T_BOOL, "ends_with(@, @)", T_STRING, T_STRING),
    TREE_RULE2(T_BOOL, "any(@, @)", T_TEST, T_LU32),
    TREE_RULE2(T_BOOL, "all(@, @)", T_TEST, T_LU32),
    TREE_RULE2(T_BOOL, "call_test(@, @)", T_TEST, T_U32),
    TREE_RULE1(T_U8, "u8(@)", T_NUMBER),
    TREE_RULE2(T_U8, "byte_at(@, @)", T_BYTES, T_U64),
    TREE_RULE2(T_U8, "(@)[@]", T_LU8, T_U64),
    TREE_RULE1(T_U16, "u16(@)", T_NUMBER),
    TREE_RULE1(T_U32, "u32(@)", T_NUMBER),
    TREE_RULE1(T_U32, "popcount(@)", T_INT),
    TREE_RULE1(T_U32, "clz(@)", T_INT),
    TREE_RULE1(T_U32, "ctz(@)", T_INT),
    TREE_RULE1(T_U32, "(@).a", T_PAIR),
    TREE_RULE2(T_U32, "(@)[@]", T_LU32, T_U64),
    TREE_RULE2(T_U32, "char_at(@, @)", T_STRING, T_U64),
    TREE_RULE2(T_U32, "sum(@, @)", T_LU32, T_U32),
    TREE_RULE2(T_U32, "call_map(@, @)", T_MAP, T_U32),
    TREE_RULE2(T_U32, "fold(count, @, @)", T_U32, T_LPAIR),
    TREE_RULE1(T_U64, "u64(@)", T_NUMBER),
    TREE_RULE1(T_U64, "bits64(@)", T_F64),
    TREE_RULE1(T_U64, "len(@)", T_STRING),
    TREE_RULE1(T_U64, "len(@)", T_BYTES),
    TREE_RULE1(T_U64, "len(@)", T_LPAIR),
    TREE_RULE2(T_U64, "(@)[@]", T_LU64, T_U64),
    TREE_RULE1(T_I8, "i8(@)", T_NUMBER),
    TREE_RULE1(T_I16, "i16(@)", T_NUMBER),
    TREE_RULE1(T_I32, "i32(@)", T_NUMBER),
    TREE_RULE1(T_I64, "i64(@)", T_NUMBER),
    TREE_RULE1(T_I64, "(@).b", T_PAIR),
    TREE_RULE2(T_I64, "find(@, @)", T_STRING, T_STRING),
    TREE_RULE2(T_I64, "index_of(@, @)", T_LSTRING, T_STRING),
    TREE_RULE1(T_I64, "parse_int(@)", T_STRING),
    TREE_RULE3(T_I64, "fold(@, @, @)", T_FOLD, T_I64, T_LU32),
    TREE_RULE1(T_F32, "f32(@)", T_NUMBER),
    TREE_RULE1(T_F32, "sqrt(@)", T_F32),
    TREE_RULE1(T_F32, "floor(@)", T_F32),
    TREE_RULE1(T_F32, "round(@)", T_F32),
    TREE_RULE1(T_F64, "f64(@)", T_NUMBER),
    TREE_RULE1(T_F64, "sqrt(@)", T_F64),
    TREE_RULE1(T_F64, "ceil(@)", T_F64),
    TREE_RULE1(T_F64, "trunc(@)", T_F64),
    TREE_RULE1(T_F64, "from_bits64(@)", T_U64),
    TREE_RULE1(T_F64, "parse_float(@)", T_STRING),
    TREE_RULE2(T_F64, "sum(@, @)", T_LF64, T_F64),
    TREE_RULE2(T_STRING, "(@ ++ @)", T_STRING, T_STRING),
    TREE_RULE3(T_STRING, "slice(@, @, @)", T_STRING, T_U64, T_U64),
    TREE_RULE3(T_STRING, "replace(@, @, @)", T_STRING, T_STRING, T_STRING),
    TREE_RULE1(T_STRING, "reverse(@)", T_STRING),
    TREE_RULE1(T_STRING, "upper(@)", T_STRING),
    TREE_RULE1(T_STRING, "lower(@)", T_STRING),
    TREE_RULE1(T_STRING, "trim(@)", T_STRING),
    TREE_RULE1(T_STRING, "text(@)", T_NUMBER),
    TREE_RULE2(T_STRING, "join(@, @)", T_LSTRING, T_STRING),
    TREE_RULE2(T_STRING, "repeat_text(@, @ & 7u64)", T_STRING, T_U64),
    TREE_RULE1(T_STRING, "from_chars(@)", T_LU32),
    TREE_RULE1(T_STRING, "from_utf8(@)", T_BYTES),
    TREE_RULE1(T_STRING, "hex(@)", T_BYTES),
    TREE_RULE1(T_STRING, "(@).s", T_REC),
    TREE_RULE1(T_STRING, "string(@)", T_STRING),
    TREE_RULE2(T_STRING, "(@)[@]", T_LSTRING, T_U64),
    TREE_RULE2(T_STRING, "call_text(@, @)", T_TEXT, T_U32),
    TREE_RULE2(T_BYTES, "(@ ++ @)", T_BYTES, T_BYTES),
    TREE_RULE3(T_BYTES, "slice(@, @, @)", T_BYTES, T_U64, T_U64),
    TREE_RULE1(T_BYTES, "reverse(@)", T_BYTES),
    TREE_RULE1(T_BYTES, "utf8(@)", T_STRING),
    TREE_RULE1(T_BYTES, "from_hex(@)", T_STRING),
    TREE_RULE1(T_BYTES, "from_bytes(@)", T_LU8),
    TREE_RULE2(T_PAIR, "{a: u32, b: i64}(@, @)", T_U32, T_I64),
    TREE_RULE1(T_PAIR, "(@).p", T_REC),
    TREE_RULE2(T_PAIR, "(@)[@]", T_LPAIR, T_U64),
    TREE_RULE2(T_REC, "{s: string, p: {a: u32, b: i64}}(@, @)", T_STRING,
               T_PAIR),
    TREE_RULE1(T_LU8, "byte_list(@)", T_BYTES),
    TREE_RULE2(T_LU8, "[u8](@, @)", T_U8, T_U8),
    TREE_RULE1(T_LU32, "chars(@)", T_STRING),
    TREE_RULE2(T_LU32, "append(@, @)", T_LU32, T_U32),
    TREE_RULE3(T_LU32, "put(@, @, @)", T_LU32, T_U64, T_U32),
    TREE_RULE3(T_LU32, "[u32](@, @, @)", T_U32, T_U32, T_U32),
    TREE_RULE3(T_LU32, "slice(@, @, @)", T_LU32, T_U64, T_U64),
    TREE_RULE2(T_LU32, "map(@, @)", T_MAP, T_LU32),
    TREE_RULE2(T_LU32, "filter(@, @)", T_TEST, T_LU32),
    TREE_RULE2(T_LU32, "fill(@, @ % 9u64)", T_U32, T_U64),
    TREE_RULE1(T_LU32, "map(first, @)", T_LPAIR),
    TREE_RULE1(T_LI64, "map(second, @)", T_LPAIR),
    TREE_RULE2(T_LI64, "append(@, @)", T_LI64, T_I64),
    TREE_RULE1(T_LF64, "map(half, @)", T_LU32),
    TREE_RULE2(T_LF64, "append(@, @)", T_LF64, T_F64),
    TREE_RULE2(T_LSTRING, "split(@, @)", T_STRING, T_STRING),
    TREE_RULE2(T_LSTRING, "map(@, @)", T_TEXT, T_LU32),
    TREE_RULE2(T_LSTRING, "[string](@, @)", T_STRING, T_STRING),
    TREE_RULE2(T_LPAIR, "zip(@, @)", T_LU32, T_LI64),
    TREE_RULE2(T_LPAIR, "append(@, @)", T_LPAIR, T_PAIR),
    TREE_RULE2(T_LPAIR, "fill(@, @ % 5u64)", T_PAIR, T_U64),
    TREE_RULE1(T_LU64, "range(@ % 9u64)", T_U64),
    /* of every list: */
    TREE_RULE1(T_LU8, "sort(@)", T_LU8),
    TREE_RULE1(T_LU32, "sort(@)", T_LU32),
    TREE_RULE1(T_LF64, "sort(@)", T_LF64),
    TREE_RULE1(T_LSTRING, "sort(@)", T_LSTRING),
    TREE_RULE1(T_LPAIR, "sort(@)", T_LPAIR),
    TREE_RULE1(T_LSTRING, "reverse(@)", T_LSTRING),
    TREE_RULE1(T_LU64, "reverse(@)", T_LU64),
    TREE_RULE2(T_LI64, "(@ ++ @)", T_LI64, T_LI64),
    TREE_RULE2(T_LF64, "(@ ++ @)", T_LF64, T_LF64),
    TREE_RULE2(T_LPAIR, "(@ ++ @)", T_LPAIR, T_LPAIR),
    TREE_RULE2(T_LU64, "(@ ++ @)", T_LU64, T_LU64),
};

#endif
