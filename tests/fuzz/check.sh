#!/usr/bin/env bash
# Runs the fuzzers, each for some seconds, from the kept corpus on. Any crash, leak or report is a failure; the input
# that did it is left in build-fuzz/, and `build-fuzz/tests/fuzz/fuzz_NAME FILE` does it again.
#   check.sh [SECONDS]    for each fuzzer (20)
#   FUZZ_RUNS=N           until as many executions instead
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"

seconds=${1:-20}
here=$PWD/tests/fuzz
bounds=(-max_total_time="$seconds")
[[ -z ${FUZZ_RUNS:-} ]] || bounds=(-runs="$FUZZ_RUNS")
build fuzz fuzz_decode fuzz_session

fuzz() {
  local name=$1 longest=$2 grown log
  grown=$(mktemp -d)
  log=$grown.log
  if ! "build-fuzz/tests/fuzz/fuzz_$name" "${bounds[@]}" -max_len="$longest" -timeout=20 -rss_limit_mb=4096 -print_final_stats=1 \
    -artifact_prefix="build-fuzz/$name-" "$grown" "$here/corpus/$name" >"$log" 2>&1; then
    tail -n 60 "$log"
    die "fuzz_$name: failed; the input is build-fuzz/$name-*"
  fi
  say "fuzz_$name: $(sed -nE 's/^stat::number_of_executed_units: *//p' "$log") executions, no report"
  rm -rf "$grown" "$log"
}
fuzz decode 8192
fuzz session 1024
