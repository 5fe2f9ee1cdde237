#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds (preset release) and runs the tests; ends with one line that counts them.
#
#   tools/test.sh [check|unit|conformance|crash|blueprints ...]     default: all stages
#
# Several stages run in two lanes side by side, since many of them wait more than they compute. What
# a stage prints is shown when it has ended, and stays in build/release/test-logs/.
set -uo pipefail
cd "$(dirname "$0")/.."
stages=("$@")
[ ${#stages[@]} -gt 0 ] || stages=(check unit conformance crash blueprints)
for name in "${stages[@]}"; do
  case $name in
    check|unit|conformance|crash|blueprints) ;;
    *) echo "tools/test.sh: no stage named $name" >&2; exit 2 ;;
  esac
done
build=build/release
jobs=${JOBS:-$(nproc)}
export SUIRO_BIN=$PWD/$build/suiro
logs=$PWD/$build/test-logs

# part NAME COMMAND...: runs it, keeps its output and its verdict, then shows both.
part() {
  local name=$1 file status began=$SECONDS
  shift
  file="$logs/${name//[^a-zA-Z0-9_.-]/-}"
  echo "-- $name: started"
  "$@" >"$file.log" 2>&1
  status=$?
  {
    flock 9
    printf '\n== %s (%d s)\n' "$name" $((SECONDS - began))
    cat "$file.log"
    [ $status -eq 0 ] || printf '== %s FAILED\n' "$name"
    echo "$status $name" >>"$logs/verdicts"
  } 9>"$logs/lock"
}

pytests() { /usr/bin/python3 -m pytest -q -p no:cacheprovider "$@"; }

check() { part "check: the rules of the house" tools/check/check.py; }
unit() {
  part "unit: GoogleTest programs, golden files, fuzz corpora" \
    ctest --test-dir $build --output-on-failure -j"$jobs"
}
conformance() {
  part "conformance: boto3, aws and Terraform" pytests tests/conformance
  part "conformance: the JavaScript SDK" tests/conformance/js/run
}
crash() { part "crash: kill -9 under load (short form)" pytests tests/crash; }
blueprints() {
  local script
  for script in blueprints/*/check; do part "${script%/check}" "$script"; done
}

# Those of the wanted stages that are named, one after the other.
lane() {
  local name wanted
  for name in "$@"; do
    for wanted in "${stages[@]}"; do [ "$wanted" != "$name" ] || $name; done
  done
}

printf '\n== build: preset release\n'
test -f $build/build.ninja || cmake --preset release || exit 1
ninja -C $build -j"$jobs" || exit 1
rm -rf "$logs" && mkdir -p "$logs" && : >"$logs/verdicts"
trap 'kill 0' INT TERM
lane crash blueprints &
lane check unit conformance
wait

passed=$(grep -c '^0 ' "$logs/verdicts")
failed=$(grep -vc '^0 ' "$logs/verdicts")
printf '\n'
[ "$failed" -eq 0 ] || sed -n 's/^[^0][0-9]* /failed: /p' "$logs/verdicts"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
