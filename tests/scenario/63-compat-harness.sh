# compat: harness: the numpy harness's numbers through the real binaries; the same weights
# however the run went; what the harness does not have is refused by name.
. "$(dirname "$0")/lib.sh"
with_examples

# Losses of epochs 1 and 100 as that program prints them; its accuracies.
expect 0 proctor run examples/experiment/harness.yaml --policy policy/default.yaml --store one
trained() { proctor log --store "$1" --kind trained --json | jq '.records[-1].seq'; }
weights() { proctor log --store "$1" --kind trained --json | jq -r '.records[-1].weights'; }
claims() { # claims STORE: loss and accuracy of all epochs, one a line
    proctor log --store "$1" --kind trained --json | jq -r '.records[].seq' | while read -r seq; do
        proctor show "$seq" --store "$1" --json |
            jq -r '.objects.log.epochs[]? | [.claims[].value] | @tsv'
    done
}
claims one >claims
check "an epoch's claims each" [ "$(wc -l <claims)" -eq 100 ]
near() { # near LINE LOSS ACCURACY
    awk -v n="$1" -v loss="$2" -v right="$3" 'NR == n {
        d = $1 / loss - 1; exit !(d < 1e-9 && d > -1e-9 && $2 == right)}' claims
}
check "epoch 1 as numpy has it" near 1 0.19579284949187373 0.767
check "epoch 20" awk 'NR == 20 {exit $2 != 0.989}' claims
check "epoch 100" near 100 0.0017416344559557457 1

# Another store, other checkpoints: the same weights.
sed 's/    compat: harness/&\n    checkpoint: {every: 7}/' examples/experiment/harness.yaml >seven.yaml
sed 's#examples/\*\*#**#' policy/default.yaml >p.yaml
expect 0 proctor run seven.yaml --policy p.yaml --store two
check "the same weights" [ "$(weights one)" = "$(weights two)" ]
check "there are weights" [ "$(weights one | wc -c)" -eq 65 ]
whole --store one

refuse() { # refuse SED TEXT
    sed "$1" examples/experiment/harness.yaml >bad.yaml
    expect "${3:-1}" proctor run bad.yaml --policy p.yaml --store one
    check "says $2" grep -rqE "$2" "$OUT" "$ERR"
}
refuse 's/rate: 0.001/rate: 0.001, momentum: 0.9/' 'sgd alone'
refuse 's/    compat: harness/&\n    ema: 0.9/' 'no such thing as ema'
refuse 's/20, 10, 5, 2\]/20, 10, 5, 1]/' '2 classes for 1 outputs'
refuse 's/\[20,/[19,/' '19 inputs for data of 20 features'
finish
