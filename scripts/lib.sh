# shellcheck shell=bash
# Sourced by the scripts beside it: where the tree is, how they talk, how they build.
set -euo pipefail

# shellcheck disable=SC2034  # for scripts/run, whose arguments may be paths relative to it
caller_dir=$PWD
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
logs=$root/.cache/logs

# A second clone of the tree finds in ccache what the first one compiled.
export CCACHE_BASEDIR=$root CCACHE_NOHASHDIR=1

say() { printf '%s\n' "$*"; }
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# quietly NAME COMMAND...: the output goes to a log; nobody sees it unless the command fails.
quietly() {
  local log=$logs/$1.log status=0
  shift
  mkdir -p "$logs"
  "$@" >"$log" 2>&1 </dev/null || status=$?
  if ((status != 0)); then
    tail -n 60 "$log" >&2
    printf '%s: "%s" failed; all of its output: %s\n' "${0##*/}" "$*" "$log" >&2
  fi
  return "$status"
}

# build PRESET [TARGET...]: all targets when none is named. Configuring each time costs half a second and notices
# a changed preset, which ninja would not.
build() {
  local preset=$1
  shift
  quietly "configure-$preset" cmake --preset "$preset" &&
    quietly "build-$preset" cmake --build --preset "$preset" ${1:+--target "$@"}
}
