/* An acting image of class train for op data.load: the file that it is to read is a
 * line that says what it answers, true or not. Started, narrowed and measured
 * exactly as real images are. Defaults are two rows of one byte, classes 0 and 1.
 *
 *   rows=N width=N type=N kind=N classes=N x=BYTES y=BYTES tok=BYTES names=N
 *   label=N (of the second row) cid=1 (names its own object) data=0 (none)
 *   silent=1 (leaves) */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "proto/err.h"
#include "proto/frame.h"

#include "workers/lib/worker.h"

#include "worker.pb-c.h"

static char line[256];

static uint64_t setting(const char *name, uint64_t otherwise)
{
    const char *p = strstr(line, name);
    uint64_t v = 0;

    if (p == NULL || p[strlen(name)] != '=') {
        return otherwise;
    }
    for (p += strlen(name) + 1; *p >= '0' && *p <= '9'; p++) {
        v = 10 * v + (uint64_t)(*p - '0');
    }
    return v;
}

static int act(int channel, const struct frame *f)
{
    static uint8_t cid[32] = {1};
    static char name[] = "a";
    char *names[] = {name, name, name, name};
    const Proctor__TrainTask *task = (const Proctor__TrainTask *)f->m;
    Proctor__TrainReply m = PROCTOR__TRAIN_REPLY__INIT;
    Proctor__Dataset d = PROCTOR__DATASET__INIT;
    uint8_t *area;

    if (f->fds_n != 2 || task->file_bytes[0] >= sizeof(line) ||
        read(f->fds[0], line, (size_t)task->file_bytes[0]) < 0) {
        return 1;
    }
    area = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, f->fds[1], 0);
    if (area == MAP_FAILED || setting("silent", 0) != 0) {
        return 1;
    }
    area[1] = 7;
    area[4096 + 4] = (uint8_t)setting("label", 1);
    d.rows = setting("rows", 2);
    d.width = (uint32_t)setting("width", 1);
    d.x_type = (Proctor__DataType)setting("type", 3);
    d.kind = (Proctor__DataKind)setting("kind", 2);
    d.classes = (uint32_t)setting("classes", 2);
    d.names = names;
    d.n_names = (size_t)setting("names", 0) % 5;
    if (setting("cid", 0) != 0) {
        d.x.data = cid;
        d.x.len = sizeof(cid);
    }
    m.data = setting("data", 1) != 0 ? &d : NULL;
    m.x_bytes = setting("x", 2);
    m.y_bytes = setting("y", 8);
    m.tokenizer_bytes = setting("tok", 0);
    return frame_send(channel, MSG_TRAIN_REPLY, &m.base, NULL, 0) < 0;
}

static int serve(int channel, UNUSED uint8_t *share)
{
    struct frame f CLEANUP(frame_release);

    frame_init(&f);
    if (frame_receive(channel, MSG_FROM_KERNEL, &f) < 0) {
        return 0;
    }
    return f.info->msg == MSG_TRAIN_TASK ? act(channel, &f) : 1;
}

int main(void)
{
    static const struct worker_hooks hooks = {"train", NULL, serve};

    return worker_main(&hooks);
}
