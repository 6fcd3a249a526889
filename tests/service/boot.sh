#!/usr/bin/env bash
# Boots a small Debian with a real systemd (mmdebstrap, systemd-nspawn), in which doliumd is installed with its unit, and
# runs boot_trial.sh there. The first time the system is made, which takes a minute and the network; later 10 s.
# Usage: boot.sh DOLIUMD DOLIUM. Root's alone; what this machine cannot do is said and left out.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
doliumd=$1 dolium=$2
release=bookworm # as the machine that has built the programs, whose libraries are installed there
base=$PWD/.cache/systemd-root-$release

skip() {
  echo "skipped: a real systemd: $*"
  exit 0
}

((EUID == 0)) || skip "only root may boot one"
for tool in mmdebstrap systemd-nspawn dpkg-query; do
  command -v $tool >/dev/null || skip "there is no $tool (scripts/install-deps --all installs mmdebstrap, systemd-container)"
done
grep -q "^VERSION_CODENAME=$release$" /etc/os-release || skip "this is no Debian $release"

# ---- what the programs need: packages, and libraries that belong to none ----

packages=systemd,systemd-sysv,dbus
own=() # our own libdolium
while read -r library; do
  if package=$(dpkg-query -S "$(realpath "$library")" 2>/dev/null); then
    packages+=,${package%%:*}
  else
    own+=("$library")
  fi
done < <(ldd "$doliumd" "$dolium" | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p' | sort -u)

work=$(mktemp -d "${TMPDIR:-/tmp}/dolium-systemd-XXXXXX")
trap 'rm -rf "$work"' EXIT
stamp=$(tr , '\n' <<<"$packages" | sort -u)
if [[ "$(cat "$base.packages" 2>/dev/null)" != "$stamp" ]]; then
  rm -rf "$base" "$base.packages"
  mkdir -p "${base%/*}"
  mmdebstrap -q --variant=minbase --include="$packages" --dpkgopt=path-exclude='/usr/share/doc/*' \
    --dpkgopt=path-exclude='/usr/share/locale/*' $release "$work/made" >"$work/log" 2>&1 </dev/null ||
    skip "the system could not be made: $(tail -n 1 "$work/log")"
  mv "$work/made" "$base"
  echo "$stamp" >"$base.packages"
fi

# ---- a copy of that system, with the service in it ----

root=$work/root
cp -a --reflink=auto "$base" "$root"
install -D -m 755 "$doliumd" "$root/usr/bin/doliumd"
install -D -m 755 "$dolium" "$root/usr/bin/dolium"
((${#own[@]} == 0)) || install -m 644 "${own[@]}" "$root/usr/lib/"
install -D -m 644 conf/doliumd.toml "$root/etc/dolium/doliumd.toml"
install -D -m 644 conf/doliumd.service "$root/etc/systemd/system/doliumd.service"
install -m 755 tests/service/boot_trial.sh "$root/root/trial"
cat >"$root/etc/systemd/system/trial.service" <<'UNIT'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c '/root/trial >/root/out 2>&1; echo $? >/root/status; systemctl poweroff --no-block'
UNIT
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -sf ../trial.service "$root/etc/systemd/system/multi-user.target.wants/trial.service"

timeout --kill-after=10 400 systemd-nspawn --register=no --keep-unit -q -D "$root" -b >"$work/console" 2>&1 </dev/null || true
[[ -e $root/root/status ]] || {
  # A machine that cannot boot anything shows nothing about our unit.
  [[ -e $root/root/out ]] || skip "it does not come up here: $(tr -d '\r' <"$work/console" | grep . | tail -n 1)"
  cat "$root/root/out"
  echo "the trial did not end"
  exit 1
}
cat "$root/root/out"
exit "$(<"$root/root/status")"
