#!/usr/bin/env bash
# Compares what libdolium_c shows with the checked-in list: the exported symbols, the layout of each struct and the value
# of each constant. A difference breaks programs that are compiled: see client/c/README.md.
#   abi.sh LIBRARY PROGRAM           PROGRAM: abi.c, compiled
#   abi.sh LIBRARY PROGRAM --update  writes the list anew
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
library=$1 program=$2

fail() {
  printf 'abi: %s\n' "$*" >&2
  exit 1
}

symbols=$(nm -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print "symbol " $3 }' | LC_ALL=C sort)
layout=$("$program")
found=$symbols$'\n'$layout
if [[ ${3:-} == --update ]]; then
  printf '%s\n' "$found" >"$here/abi.txt"
  exit
fi
diff -u "$here/abi.txt" - <<<"$found" ||
  fail "the C ABI has changed (lines with +). An addition: grow DOLIUM_ABI_VERSION, then abi.sh ... --update. Anything else breaks programs."

headers=$here/../../client/c/include/dolium/c
while read -r name; do
  grep -q "^struct $name " <<<"$found" || fail "abi.c does not print struct $name"
done < <(sed -nE 's/^typedef struct (\w+) \{$/\1/p' "$headers"/*.h)
while read -r name; do
  grep -q "^symbol $name$" <<<"$found" || fail "$name is declared, but not exported"
done < <(sed -nE 's/^DOLIUM_C_API .*\b(dolium_\w+)\(.*/\1/p' "$headers"/*.h)

readelf -d "$library" | grep -q 'SONAME.*\[libdolium_c\.so\.0\]' || fail "the SONAME is not libdolium_c.so.0"
[[ -n ${DOLIUM_SANITIZED:-} ]] && exit # the sanitizers' libraries are needed, too
needed=$(readelf -d "$library" | sed -nE 's/.*NEEDED.*\[(.*)\]/\1/p' | LC_ALL=C sort | tr '\n' ' ')
[[ $needed =~ ^(ld-linux-x86-64\.so\.2\ )?libc\.so\.6\ libgcc_s\.so\.1\ (libm\.so\.6\ )?$ ]] ||
  fail "it needs more than the C library: $needed"
