#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds (preset release) and runs the tests, stage by stage; ends with one line that counts them.
#
#   tools/test.sh [unit|conformance|crash|blueprints ...]     default: all stages
set -uo pipefail
cd "$(dirname "$0")/.."
stages=("$@")
[ ${#stages[@]} -gt 0 ] || stages=(check unit conformance crash blueprints)
build=build/release
jobs=${JOBS:-$(nproc)}
export SUIRO_BIN=$PWD/$build/suiro
passed=0 failed=0 failures=()

stage() { printf '\n== %s\n' "$*"; }
verdict() {  # verdict NAME STATUS
  if [ "$2" -eq 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); failures+=("$1"); fi
}

check() {
  stage "check: the rules of the house"
  tools/check/check.py
  verdict check $?
}

unit() {
  stage "unit: GoogleTest programs, golden files, fuzz corpora"
  ctest --test-dir $build --output-on-failure -j"$jobs"
  verdict unit $?
}

pytest_stage() {  # pytest_stage NAME PATH...
  local name=$1
  shift
  /usr/bin/python3 -m pytest -q -p no:cacheprovider "$@"
  verdict "$name" $?
}

conformance() {
  stage "conformance: boto3 and aws against the real server"
  pytest_stage "conformance (python)" tests/conformance
  stage "conformance: the JavaScript SDK"
  tests/conformance/js/run
  verdict "conformance (JavaScript)" $?
}

crash() {
  stage "crash: kill -9 under load (short form)"
  pytest_stage crash tests/crash
}

blueprints() {
  stage "blueprints: whole systems"
  for check in blueprints/*/check; do
    "$check"
    verdict "$(dirname "$check")" $?
  done
}

stage "build: preset release"
test -f $build/build.ninja || cmake --preset release || exit 1
ninja -C $build -j"$jobs" || exit 1
for name in "${stages[@]}"; do
  case $name in
    check|unit|conformance|crash|blueprints) $name ;;
    *) echo "tools/test.sh: no stage named $name" >&2; exit 2 ;;
  esac
done

printf '\n'
[ $failed -eq 0 ] || printf 'failed: %s\n' "${failures[@]}"
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
