#!/usr/bin/env bash
# Installs every Debian package that Proctor needs to build, run and verify.
# Usage: scripts/setup.sh [--outside]     on a bare Debian 12, as root or with sudo
#   --outside   also outside judges of the ledger (tests/outside): Go and its checksum
#               database's reader, and from the npm registry, into a cache outside of
#               the tree, sigstore's verifier at a pinned version, by its hashes
# Does nothing, and needs no network, when all of them are there.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

packages=(
    # build
    gcc libc6-dev cmake ninja-build pkg-config
    protobuf-c-compiler protobuf-compiler
    # linked: docs/architecture.md says where and why
    libseccomp-dev libcap-dev libsodium-dev nettle-dev libprotobuf-c-dev libsqlite3-dev
    libmicrohttpd-dev libcurl4-openssl-dev libgit2-dev libpq-dev
    libopenblas-serial-dev libfyaml-dev libutf8proc-dev libexpat1-dev zlib1g-dev libcmocka-dev
    # candidates of the examples
    python3-minimal libpython3-stdlib
    # sanitizers, fuzzing, static analysis
    clang libclang-rt-14-dev clang-tidy
    # ids for workers of a person who is not root
    uidmap
    # what the tests hold our results against (numpy: tests/battery/reference.py)
    python3-numpy b3sum bubblewrap cvc5 strace sqlite3 jq mandoc git
    # only its programs: the tests start a server of their own
    postgresql
)

case ${1:-} in
'') ;;
--outside)
    packages+=(golang-go golang-golang-x-mod-dev)
    # A node that came another way will do.
    command -v npm >/dev/null || packages+=(nodejs npm)
    ;;
*) die "usage: scripts/setup.sh [--outside]" ;;
esac

# npm ci installs what the lock file names, and only if its SHA-512 is the one there.
install_modules() {
    local to
    to=$(outside_modules)
    [ ! -d "$to/node_modules/@sigstore/verify" ] || return 0
    mkdir -p "$to.new"
    cp "$ROOT"/tests/outside/sigstore/package*.json "$to.new/"
    (cd "$to.new" && npm ci --ignore-scripts --no-audit --no-fund) >"$to.log" 2>&1 ||
        { tail -n 20 "$to.log" >&2; die "npm ci failed in $to.new"; }
    rm -rf "$to"
    mv "$to.new" "$to"
    echo "setup: @sigstore/verify is in $to"
}
outside=${1:-}

missing=()
for p in "${packages[@]}"; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null || true)
    [ "$status" = installed ] || missing+=("$p")
done
if [ ${#missing[@]} -eq 0 ]; then
    [ -z "$outside" ] || install_modules
    echo "setup: all ${#packages[@]} packages are installed."
    exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null ||
        die "needs root to install: ${missing[*]} (run it as root)"
    as_root=(sudo)
fi
echo "setup: installing ${#missing[@]} packages: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT
run() {
    "${as_root[@]}" "$@" >"$log" 2>&1 </dev/null || {
        tail -n 30 "$log" >&2
        die "failed: $*"
    }
}
run apt-get update
install() {
    run env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends "$@"
}
# Debian's postgresql makes a server and starts it, now and at every start of the
# machine. Nobody asked for one: where the settings are not an administrator's yet,
# they say so before it comes.
clusters=/etc/postgresql-common/createcluster.conf
if [[ " ${missing[*]} " == *" postgresql "* ]] && [ ! -e $clusters ]; then
    install postgresql-common
    run sed -i 's/^#* *create_main_cluster = .*/create_main_cluster = false/' $clusters
fi
install "${missing[@]}"
[ -z "$outside" ] || install_modules
echo "setup: done."
