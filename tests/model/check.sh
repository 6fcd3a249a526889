#!/bin/bash
# Checks the model of the pin protocol with spin: the protocol must pass, and each mutant must be rejected in the
# way it is expected to be. Exit status 0 only if all of that is so.
#
#   check.sh          about 50 s of processor time, under 1 GB a check
#   check.sh --long   the protocol also with more gets, operations and crashes: minutes, 2 GB a check
#
# JOBS (2) checks run at a time. Nothing is written but a temporary directory.
set -euo pipefail

model=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly model
readonly jobs=${JOBS:-2}
readonly max_depth=10000
readonly timeout_s=1200

# What must come out | file | macros | what it is
readonly quick='
pass    | pin_protocol   |                       | 1, 2: memory and offset of what is held; two clients
pass    | pin_protocol   | THREADS               | 1, 2: two threads of one client
assert  | pin_protocol   | NO_FENCE_READER       | step 2 without a fence
assert  | pin_protocol   | NO_FENCE_DAEMON       | step 1 without a fence
assert  | pin_protocol   | NO_RECHECK            | no step 3
assert  | pin_protocol   | TOUCH_UNFENCED        | touched bit set without a fence
assert  | pin_protocol   | SCAN_FIRST            | scan before step 1
assert  | pin_protocol   | FLIP_HELD             | relocation of what is held
pass    | settling       |                       | 1, 11: no reference is missed, and no access
assert  | settling       | TOUCH_FIRST           | touched bit looked at before the reference is counted
assert  | settling       | NO_FENCE_TOUCH        | touched bit set without a fence
assert  | settling       | NO_FENCE_CLEAR        | touched bit cleared without a fence
assert  | settling       | READ_FIRST            | references read before the bit is cleared
assert  | settling       | LEAVE_CLEAR           | bit left clear beside a reference
assert  | settling       | ACCESS_FIRST          | access read before the reference
assert  | settling       | NOTE_LATE             | page noted as settled after its bit is cleared
assert  | settling       | FORGET_SETTLED        | a successor does not touch settled pages again
pass    | release_wanted |                       | 3: no wake-up is lost; eviction
pass    | release_wanted | DELETED               | 3: removed while held
asleep  | release_wanted | SLEEP_BEFORE_SCAN     | release_wanted set after the last scan
asleep  | release_wanted | NO_FENCE_DAEMON       | release_wanted set without a fence
asleep  | release_wanted | NO_FENCE_READER       | decrement without a fence
asleep  | release_wanted | SILENT_DROP           | no look when turned away at step 3
asleep  | release_wanted | SILENT_GRANT          | no look when granted_through moves on
asleep  | release_wanted | RELAXED_GRANT         | granted_through stored without a fence
asleep  | release_wanted | DRAIN_AFTER_SCAN      | eventfd drained after the last scan
pass    | bucket_chain   |                       | 4: what stays linked is never "not found"
pass    | bucket_chain   | PHANTOM               | 4b: no torn id is found
assert  | bucket_chain   | NO_VERSION            | the daemon does not bump
assert  | bucket_chain   | NO_BUCKET_RECHECK     | the reader does not look at the bucket again
assert  | bucket_chain   | BUMP_BEFORE_UNLINK    | bump, unlink, rewrite
assert  | bucket_chain   | BUMP_AFTER_REWRITE    | unlink, rewrite, bump
assert  | bucket_chain   | PHANTOM NO_RECHECK    | seq not looked at again after the id
assert  | bucket_chain   | PHANTOM REWRITE_EVEN  | fields written before the slot is odd
pass    | grants         |                       | 5: what is granted is found
pass    | grants         | READ_LATE             | 5: references read before granted_through, slot odd
assert  | grants         | GRANT_EARLY           | granted_through moved on before the reference
assert  | grants         | GRANT_OUT_OF_ORDER    | granted_through jumps over a grant not yet taken
assert  | grants         | SCAN_FIRST            | references read before granted_through, slot even
pass    | restart        |                       | 1, 2, 6: killed in an operation
pass    | restart        | kOperations=1 kCrashes=2 | 1, 2, 6: killed in its recovery too
assert  | restart        | NOTE_LATE             | step 0 after step 1
assert  | restart        | NOTE_CLEARED          | note cleared before an evicted slot is even again
assert  | restart        | UNLINK_EARLY          | unlinked before the way back is closed
assert  | restart        | FORGET_PINS           | removed rows freed without a scan
assert  | restart        | FORGET_UNSEALED       | extents being written forgotten
assert  | restart        | STATE_ALONE           | the seal judged by the note, not by seq
pass    | bell           |                       | 7: nobody sleeps beside bytes, or beside room
asleep  | bell           | NO_FENCE_WRITTEN      | bytes published without a fence
asleep  | bell           | NO_FENCE_ASLEEP       | asleep set without a fence
asleep  | bell           | NO_FENCE_READ         | bytes taken without a fence
asleep  | bell           | NO_FENCE_WANTS        | room asked for without a fence
asleep  | bell           | ASK_AND_WAIT          | no look after room was asked for
asleep  | bell           | WRONG_POSITION        | no bell for a reader that has one byte to read
pass    | store_end      |                       | 8: no get succeeds after the end of the store
assert  | store_end      | LOOK_AT_MISSES        | a get that finds its object does not look at the word of the owner
assert  | store_end      | LOOK_FIRST            | the word of the owner read before the index
assert  | store_end      | LOCK_FIRST            | the lock goes before the word of the owner is marked
assert  | store_end      | RESTART_ENDED         | another server goes on with an ended store
pass    | granted_place  |                       | 9: what is held by its place is what was granted
assert  | granted_place  | LOOK_FIRST            | the server looked at before the reference is counted
assert  | granted_place  | NO_LOOK               | no look whether another server has begun
assert  | granted_place  | NO_FENCE_READER       | the reference counted without a fence
assert  | granted_place  | NO_FENCE_DAEMON       | the successor counts itself without a fence
assert  | granted_place  | COUNT_LATE            | the successor reads the pin tables first
assert  | granted_place  | GRANT_EARLY           | granted_through moved on before the reference
pass    | spill          |                       | 10: what is on disk, or comes back, is the object itself
assert  | spill          | NO_STAMP              | a write believed without a look at the stamp
assert  | spill          | BIT_FIRST             | the bit `clean`, then the location
assert  | spill          | HOLD_ONLY             | copied under the hold of the server
assert  | spill          | TOLD_FIRST            | the spiller told before the ledger notes the extent
assert  | spill          | FREE_LENT             | what is lent to the spiller freed by a successor
assert  | spill          | NOTE_TRUSTED          | a noted extent freed, where the object is already
assert  | spill          | VOID_ANSWER           | an answer to the work of the killed server believed
assert  | spill          | FREE_READING          | a removed row made again while it is read back
assert  | spill          | NO_SENTINEL           | the reader does not look whether the row is spilled
pass    | spill          | LOSE                  | 10f: what is in memory when its record is missing is not lost
assert  | spill          | LOSE EVICT_UNSEEN     | an object whose record was not told evicted before it is compared
pass    | spill          | DISK                  | 10e: what another store finds on the disk
assert  | spill          | DISK HIGHEST_LIVE     | a dead record does not stand before an older one'

readonly long='
pass    | pin_protocol   | kGets=2               | 1, 2: two clients, two gets and one
pass    | pin_protocol   | THREADS kGets=2       | 1, 2: two threads, two gets and one
pass    | restart        | kCrashes=2            | 1, 2, 6: two operations, two crashes
pass    | restart        | kOperations=3         | 1, 2, 6: three operations, one crash'

# verdict <directory>: pass, assert, asleep, or broken: <why>. Only a complete search is a pass.
verdict() {
  local log=$1/pan.log
  if grep -q 'assertion violated' "$log"; then
    echo assert
  elif grep -q 'invalid end state (at' "$log"; then
    echo asleep
  elif grep -q 'errors: 0' "$log" && ! grep -qE 'Search not completed|too small|out of memory' "$log"; then
    echo pass
  else
    echo "broken: $(tail -n 1 "$log" 2>/dev/null || true)"
  fi
}

# check <number> <expected> <file> <macros> <what>: prints one line; leaves $work/<number>.bad when it is wrong.
check() {
  local number=$1 expected=$2 file=$3 macros=$4 what=$5
  local dir=$work/$number start=$SECONDS got states word=ok optimise=-O1
  local -a defines=()
  # A mutant is rejected sooner than -O1 would have compiled it; -O2 takes longer than it saves everywhere.
  if [[ $expected != pass ]]; then optimise=-O0; fi
  for macro in $macros; do defines+=("-D$macro"); done
  mkdir "$dir"
  cp "$model"/*.pml "$dir"
  (
    cd "$dir"
    spin -a "${defines[@]}" "$file.pml" && cc "$optimise" -w -DSAFETY -o pan pan.c &&
      timeout "$timeout_s" ./pan -n -m"$max_depth" -w24
  ) >"$dir/pan.log" 2>&1 || true
  got=$(verdict "$dir")
  states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored$/\1/p' "$dir/pan.log")
  if [[ $got != "$expected" ]]; then
    word=WRONG
    what+=" (must be $expected)"
    touch "$dir.bad"
  fi
  printf '%2d/%d %-5s %-6s %-14s %-25s %9s states %3d s  %s\n' \
    "$number" "$total" "$word" "$got" "$file" "$macros" "${states:-?}" $((SECONDS - start)) "$what"
  rm -rf "$dir"
}

trim() { sed 's/^ *//; s/ *$//' <<<"$1"; }

main() {
  local checks=$quick number=0 expected file macros what
  case ${1:-} in
    '') ;;
    --long) checks+=$long ;;
    *) echo "usage: $0 [--long]" >&2; exit 2 ;;
  esac

  total=$(grep -c . <<<"$checks")
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  while IFS='|' read -r expected file macros what; do
    [[ -n $expected ]] || continue
    while (($(jobs -rp | wc -l) >= jobs)); do wait -n || true; done
    number=$((number + 1))
    check "$number" "$(trim "$expected")" "$(trim "$file")" "$(trim "$macros")" "$(trim "$what")" &
  done <<<"$checks"
  wait

  local bad
  bad=$(find "$work" -name '*.bad' | wc -l)
  if ((bad > 0)); then
    echo "model: $bad of $number checks are wrong"
    exit 1
  fi
  echo "model: $number checks, all as they must be"
}

main "$@"
