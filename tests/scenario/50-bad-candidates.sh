# Candidates that crash, hang, flood, answer too little, too much, twice, late.
. "$(dirname "$0")/lib.sh"
with_examples
cp examples/popcount/*.py .
sed 's/cpu: .*/cpu: 3s/; s/wall: .*/wall: 8s/' policy/default.yaml >policy.yaml
sed 's#examples/\*\*#**#' policy/default.yaml >p.yaml

# candidate NAME PATTERN [CPU [WALL]]: a Python file on standard input, function f(x)
candidate() {
    cat >"$1.py"
    sed "s/popcount.py:popcount/$1.py:f/" examples/popcount/graph.yaml >"$1.yaml"
    expect 1 proctor run "$1.yaml" --policy p.yaml "policy.limits.cpu=${3:-2s}" "policy.limits.wall=${4:-6s}"
    check "$1: says why" grep -rqiE -- "$2" "$OUT" "$ERR"
}
candidate crash 'killed|signal|exit' <<<$'import os, signal\ndef f(x):\n    os.kill(os.getpid(), signal.SIGSEGV)'
candidate raises 'exit|Error' <<<$'def f(x):\n    raise ValueError("no idea")'
candidate quits 'exit|answer' <<<$'import os\ndef f(x):\n    os._exit(0)'
candidate syntax 'exit|Syntax' <<<$'def f(x)\n    return 1'
candidate absent 'exit|f' <<<$'def g(x):\n    return 1'
candidate hangs 'limit|time|cpu' 1s <<<$'def f(x):\n    while True: pass'
candidate sleeps 'limit|time|wall' 2s 2s <<<$'import time\ndef f(x):\n    time.sleep(1000)'
candidate flood 'flood|output|limit|value' <<<$'import os\ndef f(x):\n    while True: os.write(1, b"9" * 65536)'
candidate wrong-type 'type|value|malformed' <<<$'def f(x):\n    return "many"'
candidate out-of-range 'type|value|malformed|range' <<<$'def f(x):\n    return 300'
candidate nothing 'type|value|malformed' <<<$'def f(x):\n    return None'
candidate memory 'memory|killed|exit|Error' <<<$'def f(x):\n    return len(bytearray(1 << 40))'
candidate forks 'exit|Error|killed|limit' <<<$'import os\ndef f(x):\n    while True: os.fork()'
candidate writes 'exit|Error|killed' <<<$'def f(x):\n    open("/usr/x", "w")\n    return 1'
candidate constant 'reject|wrong|expected' <<<$'def f(x):\n    return 3'
candidate dice 'reject|wrong|expected' <<<$'import random\ndef f(x):\n    return random.randrange(33)'
candidate state 'reject|wrong|expected|determin' <<<$'n = 0\ndef f(x):\n    global n\n    n += 1\n    return bin(x).count("1") if n < 900 else 0'

# Programs that speak lines themselves.
lines() {
    cat >"$1.py"
    sed "s/function: popcount.py:popcount/run: [python3, $1.py]\n      files: [$1.py]/" examples/popcount/graph.yaml >"$1.yaml"
    expect "$2" proctor run "$1.yaml" --policy p.yaml policy.limits.cpu=2s policy.limits.wall=6s
    [ "$2" -eq 0 ] || check "$1: says why" grep -rqiE -- "$3" "$OUT" "$ERR"
}
lines honest 0 '' <<<$'import sys, json\nfor l in sys.stdin: print(bin(json.loads(l)[0]).count("1"))'
lines too-few 1 'answer|exit|few' <<<$'import sys\nfor i, l in enumerate(sys.stdin):\n    if i: print(1)'
lines too-many 1 'many|more' <<<$'import sys, json\nfor l in sys.stdin:\n    print(bin(json.loads(l)[0]).count("1"))\nprint(7)'
lines twice 1 'many|more|reject|expected' <<<$'import sys, json\nfor l in sys.stdin:\n    n = bin(json.loads(l)[0]).count("1"); print(n); print(n)'
lines garbage 1 'value|malformed' <<<$'print("hello")'
lines no-newline-flood 1 'flood|output|limit|value|malformed' <<<$'import sys\nwhile True: sys.stdout.write("1" * 65536)'
whole
finish
