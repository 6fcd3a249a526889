#!/usr/bin/env bash
# Installs a build into a temporary prefix, moves that, and uses it as strangers would: a CMake project, pkg-config,
# the programs; and looks at what the public headers include.   tests/consumer/check.sh [BUILD_DIR]
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"

build_dir=$(cd "$caller_dir" && realpath "${1:-$root/build}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix

fail() {
  say "consumer: $*"
  exit 1
}

say "install, and move the installed copy: nothing in it may know where it was"
quietly consumer-build cmake --build "$build_dir" --target doliumd dolium_cli dolium dolium_c
quietly consumer-install env -u DESTDIR cmake --install "$build_dir" --prefix "$work/elsewhere"
mv "$work/elsewhere" "$prefix"
for file in lib/libdolium.so.0.1 include/dolium/dolium.h bin/doliumd bin/dolium etc/dolium/doliumd.toml \
  lib/libdolium_c.so.0 include/dolium/dolium_c.h include/dolium/c/store.h \
  lib/cmake/dolium/dolium-config.cmake lib/cmake/dolium/dolium-config-version.cmake lib/pkgconfig/dolium.pc \
  lib/pkgconfig/dolium-c.pc; do
  [[ -e $prefix/$file ]] || fail "$file is not installed"
done
compgen -G "$prefix/lib/systemd/system/*.service" >/dev/null || fail "no systemd unit is installed"
readelf -d "$prefix/lib/libdolium.so" | grep -q 'SONAME.*\[libdolium\.so\.0\.1\]' || fail "SONAME is not libdolium.so.0.1"
if found=$(grep -rIlF -e "$root" -e "$work/elsewhere" "$prefix/lib/cmake" "$prefix/lib/pkgconfig" "$prefix/include"); then
  fail "these name the place where they were built or installed: $found"
fi
# shellcheck disable=SC2016  # $ORIGIN is the loader's
if readelf -d "$prefix"/bin/* "$prefix/lib/libdolium.so" | grep -E 'R(UN)?PATH' | grep -vF '[$ORIGIN/../lib]'; then
  fail "a library path other than \$ORIGIN/../lib"
fi
# A clean environment: only what is installed may be found, and by itself.
clean=(env -i PATH=/usr/local/bin:/usr/bin:/bin HOME="$work" LC_ALL=C.UTF-8)
"${clean[@]}" "$prefix/bin/doliumd" --help >/dev/null || fail "the installed doliumd does not start"
"${clean[@]}" "$prefix/bin/dolium" --help >/dev/null || fail "the installed dolium does not start"

say "public headers: each by itself, and nothing but the standard library and each other"
strict=(-std=c++20 -fsyntax-only -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror -I "$prefix/include")
standard=$(echo '#include <version>' | g++ -std=c++20 -x c++ -M - | tr ' ' '\n' | grep '/version$' | xargs dirname)
# The C interface has headers of its own, in C11 and for any C++.
cpp_headers() { find "$prefix/include" -type f -not -path '*/dolium/c/*' -not -name dolium_c.h | sort; }
c_headers() { find "$prefix/include/dolium/c" "$prefix/include/dolium/dolium_c.h" -type f | sort; }
while IFS= read -r header; do
  name=dolium/${header#"$prefix/include/dolium/"}
  echo "#include <$name>" | "${clean[@]}" g++ "${strict[@]}" -x c++ - || fail "<$name> does not compile alone"
  while IFS= read -r included; do
    case $included in
      '"stop: see the error above"') [[ $name == dolium/export.h ]] || fail "<$name> includes $included" ;;
      '<dolium/'*'>') [[ -f $prefix/include/${included:1:-1} ]] || fail "<$name>: $included is not installed" ;;
      # The standard's own have no extension and no folder: <stdint.h> and <unistd.h> are out, <cstdint> is in.
      '<'*[./]*'>') fail "<$name> includes $included" ;;
      '<'*'>') [[ -f $standard/${included:1:-1} ]] || fail "<$name>: $included is not a standard header" ;;
      *) fail "<$name> includes $included" ;;
    esac
  done < <(sed -nE 's/^[[:space:]]*#[[:space:]]*(include|import|include_next)[[:space:]]*(<[^>]*>|"[^"]*"|[^[:space:]]+).*/\2/p' "$header")
done < <(cpp_headers)
if command -v clang++ >/dev/null; then
  echo '#include <dolium/dolium.h>' | "${clean[@]}" clang++ "${strict[@]}" -x c++ - || fail "clang++ does not compile it"
fi

say "public headers: without exceptions, and in C++17"
while IFS= read -r header; do
  name=dolium/${header#"$prefix/include/dolium/"}
  echo "#include <$name>" | "${clean[@]}" g++ "${strict[@]}" -fno-exceptions -x c++ - || fail "<$name> needs exceptions"
  said=$(echo "#include <$name>" | "${clean[@]}" g++ -std=c++17 -fsyntax-only -I "$prefix/include" -x c++ - 2>&1) &&
    fail "<$name> compiles as C++17"
  [[ $(grep -c 'error:' <<<"$said") == 2 && $(grep -m 1 'error:' <<<"$said") == *"Dolium's headers need C++20"* &&
    $(grep 'error:' <<<"$said" | tail -n 1) == *'stop: see the error above'* ]] || fail "C++17: <$name> says: $said"
done < <(cpp_headers)

say "headers of the C interface: each by itself, in C11, C++11 and C++20"
while IFS= read -r header; do
  name=dolium/${header#"$prefix/include/dolium/"}
  for language in c:c11 c++:c++11 c++:c++20; do
    echo "#include <$name>" | "${clean[@]}" gcc -x "${language%:*}" "-std=${language#*:}" "${strict[@]:1}" - || fail "<$name> in ${language#*:}"
  done
done < <(c_headers)

say "a user's CMake project"
quietly consumer-cmake "${clean[@]}" cmake -S tests/consumer -B "$work/cmake" -G Ninja -DCMAKE_PREFIX_PATH="$prefix"
quietly consumer-cmake-build "${clean[@]}" cmake --build "$work/cmake"
"${clean[@]}" "$work/cmake/consumer"

say "the README's example, in a project made of the README's own lines"
# block LANGUAGE: the README's only fenced block in that language.
block() { sed -n "/^\`\`\`$1\$/,/^\`\`\`\$/{/^\`\`\`/d;p}" README.md; }
mkdir "$work/readme"
block cpp >"$work/readme/main.cc"
{
  printf 'cmake_minimum_required(VERSION 3.16)\nproject(readme CXX)\n'
  block cmake
} >"$work/readme/CMakeLists.txt"
quietly consumer-readme "${clean[@]}" cmake -S "$work/readme" -B "$work/readme/build" -G Ninja -DCMAKE_PREFIX_PATH="$prefix"
quietly consumer-readme-build "${clean[@]}" cmake --build "$work/readme/build"
"${clean[@]}" g++ -std=c++20 -Wall -Wextra -Werror -fno-exceptions "$work/readme/main.cc" -o "$work/no-exceptions" -I "$prefix/include" \
  -L "$prefix/lib" -ldolium "-Wl,-rpath,$prefix/lib" || fail "the README's example does not compile without exceptions"

say "pkg-config"
with_pc=("${clean[@]}" PKG_CONFIG_PATH="$prefix/lib/pkgconfig" pkg-config)
read -ra flags < <("${with_pc[@]}" --cflags --libs dolium)
"${clean[@]}" g++ -std=c++20 -Wall -Wextra -Werror tests/consumer/main.cc -o "$work/by-pkg-config" \
  "${flags[@]}" "-Wl,-rpath,$("${with_pc[@]}" --variable=libdir dolium)"
"${clean[@]}" "$work/by-pkg-config" >/dev/null

say "a C project, made of the lines of client/c/README.md: by CMake, and by pkg-config"
mkdir "$work/c"
sed -n '/^```c$/,/^```$/{/^```/d;p}' client/c/README.md >"$work/c/example.c"
sed -n '/^```cmake$/,/^```$/{/^```/d;p}' client/c/README.md >"$work/c/CMakeLists.txt"
quietly consumer-c "${clean[@]}" cmake -S "$work/c" -B "$work/c/build" -G Ninja -DCMAKE_PREFIX_PATH="$prefix"
quietly consumer-c-build "${clean[@]}" cmake --build "$work/c/build"
read -ra flags < <("${with_pc[@]}" --cflags --libs dolium-c)
"${clean[@]}" gcc -std=c11 -Wall -Wextra -Wpedantic -Werror "$work/c/example.c" -o "$work/c/by-pkg-config" "${flags[@]}" \
  "-Wl,-rpath,$("${with_pc[@]}" --variable=libdir dolium-c)"

say "the installed daemon, shared through its socket"
mkdir -m 700 "$work/run"
"${clean[@]}" "$prefix/bin/doliumd" --config "$prefix/etc/dolium/doliumd.toml" --socket "$work/run/s" --capacity 64MiB \
  >"$work/doliumd.log" 2>&1 &
daemon=$!
trap 'kill "$daemon" 2>/dev/null; wait "$daemon" 2>/dev/null; rm -rf "$work"' EXIT
# connect() waits for a daemon that is about to be there.
"${clean[@]}" "$work/cmake/consumer" "$work/run/s" || { cat "$work/doliumd.log"; fail "no object through the daemon"; }
said=$("${clean[@]}" DOLIUM_SOCKET="$work/run/s" "$work/readme/build/example") || fail "the README's example fails"
[[ $said == $'1000 squares, sum 332833500\nsalve' ]] || fail "the README's example says: $said"
for program in "$work/c/build/example" "$work/c/by-pkg-config"; do
  said=$("${clean[@]}" DOLIUM_SOCKET="$work/run/s" "$program") || fail "the C example fails"
  [[ $said == "1000 squares, the last is 998001" ]] || fail "the C example says: $said"
done
kill "$daemon"
wait "$daemon" || fail "doliumd did not end cleanly on SIGTERM: status $?"
trap 'rm -rf "$work"' EXIT
say "consumer: everything works from an installed copy"
