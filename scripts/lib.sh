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

# progress_of LOG: how far a log says that its program is. Of ninja "[120/368] daemon/server", else the last line.
progress_of() {
  local last
  last=$(tail -c 4096 "$1" 2>/dev/null | grep -v '^[[:space:]]*$' | tail -n 1) || true
  if [[ $last =~ (\[[0-9]+/[0-9]+\])\ [A-Z][a-z]+\ .*[\ /]CMakeFiles/([^ /]+)\.dir ]]; then
    last="${BASH_REMATCH[1]} ${BASH_REMATCH[2]}"
  elif [[ $last =~ \[[0-9]+/[0-9]+\] ]]; then
    last=${BASH_REMATCH[0]}
  fi
  printf '%s' "${last:0:100}"
}

# Shows now and then how far it is: on a terminal in one line, elsewhere a line every 10 s. On standard error: what a
# script prints on standard output may be a document.
show_progress() {
  local name=$1 log=$2 last='' now seconds=10
  [[ ! -t 2 ]] || seconds=1
  while sleep "$seconds" >/dev/null 2>&1; do # the sleep may outlive us, and must not hold the output open
    now=$(progress_of "$log")
    [[ -n $now && $now != "$last" ]] || continue
    last=$now
    if [[ -t 2 ]]; then printf '\r\e[K  %s: %s' "$name" "$now" >&2; else say "  $name: $now" >&2; fi
  done
}

# quietly NAME COMMAND...: the output goes to the log NAME, and is printed only if the command fails. How far it is, is
# shown while it runs.
quietly() {
  local name=$1 log=$logs/$1.log status=0 watcher
  shift
  mkdir -p "$logs"
  : >"$log"
  show_progress "$name" "$log" &
  watcher=$!
  "$@" >"$log" 2>&1 </dev/null || status=$?
  kill "$watcher" 2>/dev/null || true
  wait "$watcher" 2>/dev/null || true
  [[ ! -t 2 ]] || printf '\r\e[K' >&2
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

# ---- A second lane: what needs the processor all the time is done beside what mostly waits.
declare -A beside=() # process groups, by name
last_beside=
beside_nice=19 # the lowest priority

# beside NAME COMMAND...: runs it at the priority beside_nice, once the one before it has ended. `await NAME` waits for it,
# prints its output and fails as it failed; while it waits, it shows how far the log NAME is.
beside() {
  local name=$1 before=$last_beside out=$logs/beside-$1
  shift
  mkdir -p "$logs"
  rm -f "$out".*
  set -m # a process group of its own, so that end_beside() ends all of it
  (
    renice -n "$beside_nice" -p "$BASHPID" >/dev/null
    [[ -z $before ]] || tail --pid="$before" -f /dev/null
    set +e
    (
      set -e
      "$@"
    )
    printf '%s\n' $? >"$out.status"
  ) >"$out.log" 2>&1 </dev/null &
  set +m
  last_beside=$!
  beside[$name]=$!
}

await() {
  local name=$1 out=$logs/beside-$1 watcher
  show_progress "$name" "$logs/$name.log" &
  watcher=$!
  tail --pid="${beside[$name]}" -f /dev/null
  kill "$watcher" 2>/dev/null || true
  wait "$watcher" 2>/dev/null || true
  cat "$out.log"
  [[ -s $out.status ]] || die "$name was killed"
  return "$(<"$out.status")"
}

# end_beside: what was begun and is not done.
end_beside() {
  local name
  for name in "${!beside[@]}"; do kill -- -"${beside[$name]}" 2>/dev/null || true; done
}
