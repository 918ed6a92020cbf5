#!/usr/bin/env bash
# Trains the two-million-parameter model on the documents of this checkout, and shows
# what it writes. Needs proctor in PATH. run.sh [STORE]
set -eu
cd "$(dirname "$0")"
store=${1:-$(mktemp -d)/store}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/corpus"
cp ../../docs/*.md "$work/corpus"
for f in ../../docs/model/*.md; do # some have names of both folders
    cp "$f" "$work/corpus/model-${f##*/}"
done
cp graph.yaml proctor-policy.yaml "$work"
proctor run "$work/graph.yaml" --store "$store"
text=$(proctor log --store "$store" --kind generate --json |
    sed -n 's/.*"result":"\([0-9a-f]*\)".*/\1/p' | tail -n 1)
proctor show "$text" --raw --store "$store" | cat
