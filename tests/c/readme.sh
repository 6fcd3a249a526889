#!/usr/bin/env bash
# The program of client/c/README.md: of at most 40 lines, compiled as the page says, and run with a doliumd.
#   readme.sh LIBRARY DOLIUMD
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
library=$1 doliumd=$2
work=$(mktemp -d /tmp/dolium-c-readme-XXXXXX)
trap 'rm -rf "$work"' EXIT

sed -n '/^```c$/,/^```$/{/^```/d;p}' "$root/client/c/README.md" >"$work/example.c"
lines=$(wc -l <"$work/example.c")
((lines > 10 && lines <= 40)) || { echo "the program has $lines lines" && exit 1; }
# shellcheck disable=SC2086  # several flags
"${CC:-gcc}" -std=c11 -Wall -Wextra -Wpedantic -Werror ${DOLIUM_SANITIZED:-} "$work/example.c" \
  -I "$root/client/c/include" -o "$work/example" "$library" "-Wl,-rpath,$(dirname "$library")"

"$doliumd" --socket "$work/socket" --capacity=64MiB --prefault=false >"$work/log" 2>&1 &
daemon=$!
trap 'kill "$daemon" 2>/dev/null; wait "$daemon" 2>/dev/null; rm -rf "$work"' EXIT
said=$(DOLIUM_SOCKET=$work/socket "$work/example") || { cat "$work/log" && exit 1; }
[[ $said == "1000 squares, the last is 998001" ]] || { echo "it says: $said" && exit 1; }
kill "$daemon"
wait "$daemon"
trap 'rm -rf "$work"' EXIT
