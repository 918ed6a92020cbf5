# A trained network sits an exam whose labels it never sees.
. "$(dirname "$0")/lib.sh"
with_examples
expect 0 proctor run examples/xor/graph.yaml --policy policy/default.yaml --json
json '.code == 0 and .failed == 0'
expect 0 proctor replay --all
# Wrong labels: the same network is refuted.
sed -i 's/^0,1,1/0,1,0/' examples/xor/xor.csv
expect 1 proctor run examples/xor/graph.yaml --policy policy/default.yaml
# Broken weights are named, not run.
printf 'GGUF\003\0\0\0' >examples/xor/xor.gguf
expect 1 proctor run examples/xor/graph.yaml --policy policy/default.yaml
check "says what is wrong with the file" grep -rqiE 'gguf|weights|truncated' "$OUT" "$ERR"
whole
finish
