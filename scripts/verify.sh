#!/usr/bin/env bash
# Builds everything and runs every suite; one PASS or FAIL row each.
# Usage: scripts/verify.sh [--full]
#   --full   adds long fuzzing, the release build under the unit tests, the sanitizer
#            build under the scenarios, clang-tidy, full crash enumeration, ten million
#            records and the statistical batteries.
# Ends in "RESULT: N/N suites passed." and "N passed, N failed" (tests); exit 0
# only when all passed. Logs of the suites stay in build/verify/.
set -uo pipefail
. "$(dirname "$0")/lib.sh"
cd "$ROOT"
full=0
case ${1:-} in
'') ;;
--full) full=1 ;;
*) die "usage: scripts/verify.sh [--full]" ;;
esac
[ "$full" -eq 0 ] || export PROCTOR_FULL=1

logs=$ROOT/build/verify
mkdir -p "$logs"
suites=0 suites_passed=0 passed=0 failed=0
export PROCTOR_BIN=$ROOT/build/release/bin
unset PROCTOR_STORE

# Tests in a log: TAP lines, and cmocka's closing lines inside ctest's output.
count() { # count LOG -> sets tests_passed, tests_failed
    tests_passed=$(grep -cE '^ok [0-9]+' "$1" || true)
    tests_failed=$(grep -cE '^not ok [0-9]+' "$1" || true)
    local c f
    c=$(sed -nE 's/.*\[  PASSED  \] ([0-9]+) test.*/\1/p' "$1" | awk "{s+=\$1} END {print s+0}")
    f=$(sed -nE 's/.*\[  FAILED  \] ([0-9]+) test.*/\1/p' "$1" | awk "{s+=\$1} END {print s+0}")
    tests_passed=$((tests_passed + ${c:-0}))
    tests_failed=$((tests_failed + ${f:-0}))
}

suite() { # suite NAME COMMAND...
    local name=$1 log=$logs/$1.log start=$SECONDS status row
    shift
    "$@" >"$log" 2>&1 </dev/null
    status=$?
    sed -i -E 's/^[0-9]+: //' "$log" # ctest -V numbers the lines of its tests
    count "$log"
    # A suite that says it failed, but counted no failed test, has failed once.
    if [ "$status" -ne 0 ] && [ "$tests_failed" -eq 0 ]; then tests_failed=1; fi
    if [ "$status" -eq 0 ] && [ $((tests_passed + tests_failed)) -eq 0 ]; then tests_passed=1; fi
    suites=$((suites + 1))
    passed=$((passed + tests_passed))
    failed=$((failed + tests_failed))
    if [ "$status" -eq 0 ] && [ "$tests_failed" -eq 0 ]; then
        suites_passed=$((suites_passed + 1))
        row=PASS
    else
        row=FAIL
    fi
    printf '%s  %-14s %5d passed %4d failed  %4d s\n' "$row" "$name" \
        "$tests_passed" "$tests_failed" $((SECONDS - start))
    if [ "$row" = FAIL ]; then
        { grep -nE '^not ok|FAILED|[Ee]rror' "$log" | head -n 30; echo "... last lines:"; tail -n 25 "$log"; } |
            sed 's/^/      | /'
        echo "      | whole log: build/verify/$name.log"
    fi
}

unit_sanitized() {
    build_preset asan || return 1
    ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1 \
        ctest --test-dir build/asan -V -j "$JOBS" -L unit --no-tests=error --timeout 300
}
# What every fuzz harness begins with; new inputs with --full.
seeds_sanitized() {
    build_preset asan || return 1
    ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1 \
        ctest --test-dir build/asan -V -j "$JOBS" -L fuzz --no-tests=error --timeout 300
}
unit_release() {
    ctest --test-dir build/release -V -j "$JOBS" -L unit --no-tests=error --timeout 300
}
# They wait more than they work: three at once for each processor.
attack() {
    ctest --test-dir build/release -V -j "$((3 * JOBS))" -L attack --no-tests=error --timeout 600
}
crash() { ctest --test-dir build/release -V -j "$JOBS" -L crash --no-tests=error --timeout 1800; }
tidy() { cmake --preset tidy && cmake --build --preset tidy -j "$JOBS"; }
scenarios_sanitized() {
    ASAN_OPTIONS=detect_leaks=0 PROCTOR_BIN=$ROOT/build/asan/bin scripts/scenarios.sh
}

suite setup         scripts/setup.sh $([ "$full" -eq 1 ] && echo --outside)
suite build         build_preset release
suite trusted       scripts/check-trusted.sh
suite headers       scripts/check-headers.sh
suite documents     scripts/check-docs.sh
suite unit          unit_sanitized
suite battery       tests/battery/battery.sh
suite attack        attack
suite crash         crash
suite scenario      scripts/scenarios.sh
# Judges that others wrote: always with --full, else where they are installed.
if [ "$full" -eq 1 ] || [ -d /usr/share/gocode/src/golang.org/x/mod ]; then
    suite outside       tests/outside/outside.sh
else
    echo "SKIP  outside        no Go here: scripts/setup.sh --outside, or --full"
fi
if [ "$full" -eq 1 ] || [ -d "$(outside_modules)/node_modules" ]; then
    suite sigstore      tests/outside/sigstore.sh
else
    echo "SKIP  sigstore       no @sigstore/verify here: scripts/setup.sh --outside, or --full"
fi
if [ "$full" -eq 1 ]; then
    suite fuzz          scripts/fuzz.sh 60
else
    suite fuzz          seeds_sanitized
fi
suite reproducible  scripts/check-reproducible.sh
suite evidence      scripts/check-logs.sh
if [ "$full" -eq 1 ]; then
    suite unit-release  unit_release
    suite sanitized-e2e scenarios_sanitized
    suite scale         tests/scale/scale.sh
    suite tidy          tidy
fi

echo "RESULT: $suites_passed/$suites suites passed."
echo "$passed passed, $failed failed"
[ "$suites_passed" -eq "$suites" ] && [ "$failed" -eq 0 ]
