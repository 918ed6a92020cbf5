"""The rule by which orders branch: of a level's variants the best stay, of equals the
older, none whose look was void; each of them is cut finer, and each of its blocks
swaps its halves once."""
import json


def choose(text: bytes) -> bytes:
    try:
        s = json.loads(text)
    except ValueError:
        return b"no decision"  # whoever only tries whether it answers
    level = s["level"]
    if level == 0:
        kept, following = [], [[0, 1], [1, 0]]
    else:
        ran = [v for v in s["variants"] if v["seen"] is None and not v["void"]]
        kept = sorted(ran, key=lambda v: (-v["measured"], v["record"]))[: s["keep"]]
        following = []
        for v in kept if level < s["levels"] else []:
            finer = [h for b in v["order"] for h in (2 * b, 2 * b + 1)]
            for i in range(0, len(finer), 2):
                swapped = finer[:]
                swapped[i], swapped[i + 1] = finer[i + 1], finer[i]
                following.append(swapped)
    return json.dumps({
        "level": level + 1,
        "kept": [{"order": v["order"], "record": v["record"]} for v in kept],
        "next": following,
    }, sort_keys=True).encode()
