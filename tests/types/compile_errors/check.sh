#!/usr/bin/env bash
# What the compilers say of a type that cannot be stored: the first error must be ours.   check.sh SOURCE_DIR
set -euo pipefail
cd "$1"
program=tests/types/compile_errors/types_without_codec.cc
failed=0

compile() { "$1" -std=c++20 -fsyntax-only -I shm/include -I client/include -DCASE="$2" $program 2>&1; }

check() { # COMPILER CASE TEXT
  local said first
  if said=$(compile "$1" "$2"); then
    echo "$1, case $2: compiles, and should not"
    return 1
  fi
  first=$(grep -m 1 'error:' <<<"$said")
  [[ $first == *"$3"* ]] && return
  printf '%s, case %s: the first error is\n  %s\nand should say\n  %s\n' "$1" "$2" "$first" "$3"
  return 1
}

for compiler in g++ clang++; do
  if ! command -v $compiler >/dev/null; then
    echo "skipped: there is no $compiler"
    continue
  fi
  compile $compiler 0 || failed=1
  while IFS=: read -r number text; do
    check $compiler "$number" "$text" || failed=1
  done < <(sed -n 's|^#elif CASE == \([0-9]*\)  // |\1:|p' $program)
done
((failed == 0)) && echo "the first error is ours, every time"
exit $failed
