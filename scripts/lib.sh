# shellcheck shell=bash
# Common functions of the scripts in this folder: the root of the tree, messages, builds. Source it.
set -euo pipefail

# shellcheck disable=SC2034  # for scripts/run, whose arguments may be paths relative to it
caller_dir=$PWD
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
logs=$root/.cache/logs

# Makes ccache independent of the path, so that a second clone of the tree uses the results of the first.
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

# Prints ninja's last "[120/368]" of a log now and then: on a terminal in one line, elsewhere a line every 15 s.
show_progress() {
  local log=$1 last='' now seconds=15
  [[ ! -t 1 ]] || seconds=1
  while sleep "$seconds" >/dev/null 2>&1; do # which may outlive us, and must not hold the output open
    now=$(tail -c 4096 "$log" 2>/dev/null | grep -oE '^\[[0-9]+/[0-9]+\]' | tail -n 1) || true
    [[ -n $now && $now != "$last" ]] || continue
    last=$now
    if [[ -t 1 ]]; then printf '\r  %s' "$now"; else say "  $now"; fi
  done
}

# As quietly(), and shows how far ninja is.
quietly_with_progress() {
  local status=0 watcher
  mkdir -p "$logs"
  : >"$logs/$1.log"
  show_progress "$logs/$1.log" &
  watcher=$!
  quietly "$@" || status=$?
  kill "$watcher" 2>/dev/null || true
  wait "$watcher" 2>/dev/null || true
  [[ ! -t 1 ]] || printf '\r%*s\r' 20 ''
  return "$status"
}

# build PRESET [TARGET...]: all targets when none is named. Configuring each time costs half a second and notices
# a changed preset, which ninja would not.
build() {
  local preset=$1
  shift
  quietly "configure-$preset" cmake --preset "$preset" &&
    quietly_with_progress "build-$preset" cmake --build --preset "$preset" ${1:+--target "$@"}
}
