#!/bin/bash
# Runs as root in the system that boot.sh boots: doliumd.service under a real systemd. Ends with the first that fails.
set -euo pipefail
export DOLIUM_SOCKET=/run/dolium/dolium.sock
unit=doliumd.service
stops=20

fail() {
  echo "FAILED: $*"
  systemctl --no-pager status $unit || true
  journalctl --no-pager -u $unit | tail -n 40
  exit 1
}
property() { systemctl show -p "$1" --value $unit; }
keeper() { property MainPID; }
server() {
  local pid
  read -r pid <"/proc/$(keeper)/task/$(keeper)/children"
  echo "${pid%% *}"
}
answers() {
  for _ in $(seq 300); do
    dolium ping >/dev/null 2>&1 && return
    sleep 0.1
  done
  fail "doliumd does not answer"
}
start() {
  systemctl reset-failed $unit 2>/dev/null || true # which also forgets how often it was started
  systemctl start $unit || fail "start"
  answers
}
# PID: another server than that one answers.
replaced() {
  for _ in $(seq 300); do
    [[ $(server 2>/dev/null) == "$1" ]] || break
    sleep 0.1
  done
  [[ $(server) != "$1" ]] || fail "server $1 was not replaced"
  answers
}
holds() { [[ $(dolium get name:a) == kept ]] || fail "$1: the object is lost"; }

# ---- start, status, an object ----

start
[[ $(systemctl is-active $unit) == active ]] || fail "it is not active"
printf kept | dolium put --name a - >/dev/null || fail "put"
holds "put"
main=$(keeper)

# ---- reload ----

old=$(server)
systemctl reload $unit || fail "reload"
[[ $(server) != "$old" ]] || fail "reload returned before another server served"
answers
holds "reload"
echo 'nonsense = 1' >>/etc/dolium/doliumd.toml
old=$(server)
! systemctl reload $unit 2>/dev/null || fail "a reload with a configuration that will not do succeeded"
[[ $(server) == "$old" ]] || fail "a reload that failed changed the server"
holds "a reload that failed"
sed -i '$d' /etc/dolium/doliumd.toml
systemctl reload $unit || fail "reload after the configuration was mended"
echo "reload keeps objects, and reports a configuration that will not do"

# ---- a killed server, and stray signals ----

old=$(server)
kill -KILL "$old"
replaced "$old"
holds "a killed server"
old=$(server)
kill -TERM "$old"
replaced "$old"
holds "SIGTERM to the server alone"
for signal in USR1 USR2 ALRM PIPE IO VTALRM PROF; do systemctl kill --kill-who=all -s $signal $unit; done
answers
holds "stray signals"
[[ $(keeper) == "$main" && $(property NRestarts) == 0 ]] || fail "the keeper was restarted"
echo "a killed server keeps objects"

# ---- a killed keeper ----

left=$(server)
kill -KILL "$main"
for _ in $(seq 300); do
  [[ $(property NRestarts) == 1 ]] && break
  sleep 0.1
done
[[ $(property NRestarts) == 1 ]] || fail "a killed keeper was not noticed"
answers
[[ ! -e /proc/$left ]] || fail "the server outlived its keeper"
journalctl --no-pager -u $unit | grep -q "Main process exited, code=killed, status=9/KILL" || fail "it was not reported"
echo "a killed keeper is reported, and the service starts anew"
systemctl stop $unit

# ---- stops: as an operator, and with a signal to both processes at once ----

for round in $(seq $stops); do
  start
  if ((round % 2)); then
    systemctl stop $unit || fail "stop $round"
  else
    systemctl kill --kill-who=all -s TERM $unit
    for _ in $(seq 300); do
      [[ $(property ActiveState) == inactive || $(property ActiveState) == failed ]] && break
      sleep 0.1
    done
  fi
  state="$(property ActiveState) $(property SubState) $(property Result)"
  [[ $state == "inactive dead success" ]] || fail "stop $round: $state"
  [[ ! -e $DOLIUM_SOCKET ]] || fail "stop $round left the socket"
done
echo "$stops stops, all of them inactive (dead), success"

# ---- a configuration that makes no sense is reported once ----

systemctl reset-failed $unit 2>/dev/null || true
echo 'nonsense = 1' >>/etc/dolium/doliumd.toml
systemctl start $unit 2>/dev/null || true # it could be executed
for _ in $(seq 300); do
  [[ $(property ActiveState) == failed ]] && break
  sleep 0.1
done
state="$(property ActiveState) $(property Result) $(property ExecMainStatus) $(property NRestarts)"
[[ $state == "failed exit-code 2 0" ]] || fail "a configuration that makes no sense: $state"
sed -i '$d' /etc/dolium/doliumd.toml
start
systemctl stop $unit || fail "stop after the configuration was mended"
echo "a configuration that makes no sense is not tried again"
