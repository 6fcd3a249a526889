#!/usr/bin/env bash
# Holds conf/doliumd.service to what it says, without starting it:
#   - its exposure, as systemd-analyze scores it, has not become worse;
#   - all system calls that doliumd makes in its whole life (serving, a killed server, a planned restart, a socket for a
#     group) are among those that the unit's filter allows;
#   - clients reach it from the host's network namespace when it has one of its own (PrivateNetwork=).
# Under a real systemd: boot.sh.
# Usage: check.sh DOLIUMD DOLIUM. What this machine has no tools for is said and left out.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
doliumd=$1 dolium=$2
unit=conf/doliumd.service
# Tenths of systemd's points, of which 100 are the worst. What is left of it: see daemon/SECURITY.md.
most_exposed=6

skip() { echo "skipped: $*"; }

command -v systemd-analyze >/dev/null || { skip "there is no systemd-analyze"; exit 0; }
systemd-analyze security --offline=true --threshold=$most_exposed --no-pager $unit >/dev/null 2>&1 || {
  systemd-analyze security --offline=true --no-pager $unit | grep -v '✓'
  echo "$unit is exposed more than $most_exposed tenths of a point"
  exit 1
}

work=$(mktemp -d /tmp/dolium-service-XXXXXX)
keeper=
# Its server does not outlive it; nor does who traces it.
cleanup() {
  [[ -z $keeper ]] || kill -KILL "$keeper" 2>/dev/null || true
  wait
  rm -rf "$work"
}
trap cleanup EXIT

# ---- the filter ----

# All calls of the named sets, sets within sets included; what stands without an @ is a call.
expand() {
  local word
  for word in "$@"; do
    if [[ $word == @* ]]; then
      # shellcheck disable=SC2046  # words they are
      expand $(systemd-analyze syscall-filter --no-pager "$word" | tail -n +2 | sed 's/#.*//')
    else
      echo "$word"
    fi
  done
}

# The unit's lines, in order: a set is added, or with ~ taken away.
allowed() {
  local line
  expand @default >"$work/allowed"
  while read -r line; do
    # shellcheck disable=SC2086
    if [[ $line == '~'* ]]; then
      expand ${line#\~} | grep -vxFf - "$work/allowed" >"$work/next"
    else
      { cat "$work/allowed"; expand $line; } >"$work/next"
    fi
    mv "$work/next" "$work/allowed"
  done < <(sed -n 's/^SystemCallFilter=//p' $unit)
  sort -u "$work/allowed"
}

# ---- a daemon's life ----

export DOLIUM_SOCKET=$work/dolium.sock
answers() {
  for _ in $(seq 600); do
    "$dolium" ping >/dev/null 2>&1 && return
    sleep 0.1
  done
  echo "doliumd does not answer"
  cat "$work/log"
  exit 1
}
child_of() { pgrep -P "$1" "^doliumd"; }

# A daemon below the command given, that has done what daemons do. The command becomes it, or has it as a child.
live() {
  "$@" "$doliumd" --capacity 16MiB --socket-group "$(id -g)" --socket-mode 0660 --socket "$DOLIUM_SOCKET" \
    2>"$work/log" &
  begun=$!
  answers
  keeper=$begun
  [[ $(</proc/$begun/comm) == doliumd* ]] || keeper=$(child_of "$begun")
  head -c 1000000 /dev/zero | "$dolium" put --name a --ttl 1h - >/dev/null
  "$dolium" get name:a | cmp -s - <(head -c 1000000 /dev/zero)
  "$dolium" bench >/dev/null
  "$dolium" inspect name:a >/dev/null
}
end() {
  kill -TERM "$keeper"
  wait "$begun"
  keeper=
}

if command -v strace >/dev/null && strace -qq -o /dev/null true 2>/dev/null; then
  live strace -f -qq -o "$work/trace"
  kill -KILL "$(child_of "$keeper")" # another goes on
  answers
  kill -HUP "$keeper" # and another
  answers
  end
  # "PID call(...": what strace and execve() of the keeper did before is the service manager's.
  sed -n 's/^[0-9]* *\([a-z_0-9]*\)(.*/\1/p' "$work/trace" | sort -u >"$work/made"
  if comm -13 <(allowed) "$work/made" | grep .; then
    echo "those system calls of doliumd are not among what $unit allows"
    exit 1
  fi
  echo "$(wc -l <"$work/made") system calls, all of them allowed"
else
  skip "the system calls: there is no strace, or it may not trace"
fi

# ---- a network of its own ----

if unshare --net true 2>/dev/null; then
  live unshare --net
  end
else
  skip "a network of its own: this user may not make one"
fi
echo "$unit holds"
