# Shared by the scripts in this folder; sourced, never run.
# Sets ROOT (the checkout) and helpers; expects bash.
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
JOBS=$(nproc)
export LC_ALL=C.UTF-8

die() {
    printf '%s: %s\n' "$(basename "$0")" "$*" >&2
    exit 1
}

# Builds one preset; quiet unless it fails.
build_preset() {
    local preset=$1 log
    shift
    log=$(mktemp)
    if ! (cd "$ROOT" && cmake --preset "$preset" &&
          cmake --build --preset "$preset" -j "$JOBS" "$@") >"$log" 2>&1; then
        tail -n 60 "$log" >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
}

# Folder of the npm packages that tests/outside/sigstore.sh asks: outside of the
# tree, one per pinned set.
outside_modules() {
    local pinned
    pinned=$(sha256sum "$ROOT/tests/outside/sigstore/package-lock.json")
    echo "${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/proctor/outside/${pinned:0:16}"
}
