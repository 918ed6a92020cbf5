/* Policies: what is accepted has one spelling, which reads back as the same, and
 * more cosignatures never make less of a quorum. */
#include "fuzz.h"

#include "proto/tlog_policy.h"

static void check_monotone(const struct tlog_policy *p)
{
    uint32_t all = 0;
    unsigned i;
    int met = tlog_policy_met(p, 0);

    for (i = 0; i < p->witnesses_n; i++) {
        all |= (uint32_t)1 << i;
        REQUIRE(!met || tlog_policy_met(p, all));
        met = tlog_policy_met(p, all);
    }
    REQUIRE(met);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct tlog_policy p;
    static struct tlog_policy q;
    struct buf once;
    struct buf twice;
    struct diag d;

    diag_init(&d);
    if (n > TLOG_POLICY_BYTES_MAX ||
        tlog_policy_read((struct ubytes){data, n}, NULL, &p, &d) != 0) {
        return 0;
    }
    buf_init(&once, 2 * TLOG_POLICY_BYTES_MAX);
    buf_init(&twice, 2 * TLOG_POLICY_BYTES_MAX);
    REQUIRE(tlog_policy_write(&once, &p) == 0);
    REQUIRE(tlog_policy_read(buf_bytes(&once), NULL, &q, &d) == 0);
    REQUIRE(tlog_policy_write(&twice, &q) == 0);
    REQUIRE(same_bytes(buf_bytes(&once), buf_bytes(&twice)));
    check_monotone(&p);
    buf_release(&once);
    buf_release(&twice);
    return 0;
}
