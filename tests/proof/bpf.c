/* The evaluator. Test code; must never guess at an instruction that it does not
 * know: bpf_is_valid refuses it, bpf_run aborts. */
#include "tests/proof/bpf.h"

#include <stdlib.h>
#include <string.h>

#define DATA_WORDS (sizeof(struct seccomp_data) / 4)

struct machine {
    uint32_t a, x;
    uint32_t memory[BPF_MEMWORDS];
    uint8_t word; /* offset of the last one loaded */
    const struct seccomp_data *d;
};

int bpf_is_conditional(const struct sock_filter *i)
{
    return BPF_CLASS(i->code) == BPF_JMP && BPF_OP(i->code) != BPF_JA;
}

/* One instruction at distance `left` from the last; flat switch. */
static int instruction_is_valid(const struct sock_filter *i, unsigned left)
{
    switch (i->code) {
    case BPF_LD | BPF_W | BPF_ABS:
        return i->k % 4 == 0 && i->k / 4 < DATA_WORDS;
    case BPF_LD | BPF_W | BPF_LEN:
    case BPF_LDX | BPF_W | BPF_LEN:
    case BPF_LD | BPF_IMM:
    case BPF_LDX | BPF_IMM:
    case BPF_MISC | BPF_TAX:
    case BPF_MISC | BPF_TXA:
    case BPF_RET | BPF_K:
    case BPF_RET | BPF_A:
    case BPF_ALU | BPF_ADD | BPF_K:
    case BPF_ALU | BPF_ADD | BPF_X:
    case BPF_ALU | BPF_SUB | BPF_K:
    case BPF_ALU | BPF_SUB | BPF_X:
    case BPF_ALU | BPF_MUL | BPF_K:
    case BPF_ALU | BPF_MUL | BPF_X:
    case BPF_ALU | BPF_DIV | BPF_X:
    case BPF_ALU | BPF_AND | BPF_K:
    case BPF_ALU | BPF_AND | BPF_X:
    case BPF_ALU | BPF_OR | BPF_K:
    case BPF_ALU | BPF_OR | BPF_X:
    case BPF_ALU | BPF_XOR | BPF_K:
    case BPF_ALU | BPF_XOR | BPF_X:
    case BPF_ALU | BPF_LSH | BPF_X:
    case BPF_ALU | BPF_RSH | BPF_X:
    case BPF_ALU | BPF_NEG:
        return 1;
    case BPF_ALU | BPF_DIV | BPF_K:
        return i->k != 0;
    case BPF_ALU | BPF_LSH | BPF_K:
    case BPF_ALU | BPF_RSH | BPF_K:
        return i->k < 32;
    case BPF_LD | BPF_MEM:
    case BPF_LDX | BPF_MEM:
    case BPF_ST:
    case BPF_STX:
        return i->k < BPF_MEMWORDS;
    case BPF_JMP | BPF_JA:
        return i->k < left;
    case BPF_JMP | BPF_JEQ | BPF_K:
    case BPF_JMP | BPF_JEQ | BPF_X:
    case BPF_JMP | BPF_JGT | BPF_K:
    case BPF_JMP | BPF_JGT | BPF_X:
    case BPF_JMP | BPF_JGE | BPF_K:
    case BPF_JMP | BPF_JGE | BPF_X:
    case BPF_JMP | BPF_JSET | BPF_K:
    case BPF_JMP | BPF_JSET | BPF_X:
        return i->jt < left && i->jf < left;
    default:
        return 0;
    }
}

int bpf_is_valid(const struct sock_filter *code, unsigned n)
{
    if (n == 0 || n > BPF_MAXINSNS || BPF_CLASS(code[n - 1].code) != BPF_RET) {
        return 0;
    }
    for (unsigned i = 0; i < n; i++) {
        if (!instruction_is_valid(&code[i], n - 1 - i)) {
            return 0;
        }
    }
    return 1;
}

static uint32_t word(const struct seccomp_data *d, uint32_t at)
{
    uint32_t w;

    memcpy(&w, (const uint8_t *)d + at, sizeof(w));
    return w;
}

static uint32_t arithmetic(uint16_t op, uint32_t a, uint32_t b)
{
    switch (op) {
    case BPF_ADD:
        return a + b;
    case BPF_SUB:
        return a - b;
    case BPF_MUL:
        return a * b;
    case BPF_DIV: /* by a zero X: the host ends the program with 0 */
        return b == 0 ? 0 : a / b;
    case BPF_AND:
        return a & b;
    case BPF_OR:
        return a | b;
    case BPF_XOR:
        return a ^ b;
    case BPF_LSH: /* of X only its low five bits count */
        return a << (b & 31);
    case BPF_RSH:
        return a >> (b & 31);
    case BPF_NEG:
        return 0u - a;
    default:
        abort();
    }
}

static int jumps(uint16_t op, uint32_t a, uint32_t b)
{
    switch (op) {
    case BPF_JEQ:
        return a == b;
    case BPF_JGT:
        return a > b;
    case BPF_JGE:
        return a >= b;
    case BPF_JSET:
        return (a & b) != 0;
    default:
        abort();
    }
}

static uint32_t loaded(const struct machine *m, const struct sock_filter *i)
{
    switch (BPF_MODE(i->code)) {
    case BPF_IMM:
        return i->k;
    case BPF_ABS:
        return word(m->d, i->k);
    case BPF_MEM:
        return m->memory[i->k];
    case BPF_LEN:
        return sizeof(struct seccomp_data);
    default:
        abort();
    }
}

uint32_t bpf_run(const struct sock_filter *code, unsigned n,
                 const struct seccomp_data *d, struct bpf_seen *seen)
{
    struct machine m = {.d = d};

    for (unsigned pc = 0; pc < n; pc++) {
        const struct sock_filter *i = &code[pc];
        uint32_t b = BPF_SRC(i->code) == BPF_X ? m.x : i->k;
        int yes;

        if (seen != NULL) {
            seen->runs[pc]++;
            seen->word[pc] = m.word;
        }
        switch (BPF_CLASS(i->code)) {
        case BPF_LD:
            m.a = loaded(&m, i);
            m.word = BPF_MODE(i->code) == BPF_ABS ? (uint8_t)i->k : m.word;
            break;
        case BPF_LDX:
            m.x = loaded(&m, i);
            break;
        case BPF_ST:
            m.memory[i->k] = m.a;
            break;
        case BPF_STX:
            m.memory[i->k] = m.x;
            break;
        case BPF_ALU:
            if (BPF_OP(i->code) == BPF_DIV && b == 0) {
                return 0;
            }
            m.a = arithmetic(BPF_OP(i->code), m.a, b);
            break;
        case BPF_JMP:
            if (BPF_OP(i->code) == BPF_JA) {
                pc += i->k;
                break;
            }
            yes = jumps(BPF_OP(i->code), m.a, b);
            if (seen != NULL) {
                seen->took[pc] |= (uint8_t)(yes ? BPF_TOOK_YES : BPF_TOOK_NO);
            }
            pc += yes ? i->jt : i->jf;
            break;
        case BPF_RET:
            return BPF_RVAL(i->code) == BPF_A ? m.a : i->k;
        default: /* BPF_MISC */
            if (BPF_MISCOP(i->code) == BPF_TAX) {
                m.x = m.a;
            } else {
                m.a = m.x;
            }
        }
    }
    abort(); /* not a valid program */
}

uint32_t bpf_strictest(uint32_t earlier, uint32_t later)
{
    int32_t e = (int32_t)(earlier & SECCOMP_RET_ACTION_FULL);
    int32_t l = (int32_t)(later & SECCOMP_RET_ACTION_FULL);

    return e < l ? earlier : later;
}
