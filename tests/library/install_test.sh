#!/usr/bin/env bash
# usage: install_test.sh BUILD EXAMPLES COMPILER
# Installs BUILD into a temporary prefix, builds EXAMPLES against it with COMPILER, and runs them.
set -euo pipefail
build=$1 examples=$2 compiler=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix

fail() { printf 'install_test: %s\n' "$*" >&2; exit 1; }
# expect TEXT COMMAND...: the command succeeds and prints the text.
expect() {
  local text=$1 said
  shift
  said=$("$@") || fail "$* exited with $?: $said"
  case $said in *"$text"*) ;; *) fail "$* did not print \"$text\" but: $said" ;; esac
}

cmake --install "$build" --prefix "$prefix" >/dev/null
expect "reeve" "$prefix/bin/reeve" version

cmake -S "$examples" -B "$work/build" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_CXX_COMPILER="$compiler" \
  -DCMAKE_CXX_FLAGS="-Wall -Wextra -Wpedantic -Wshadow -Werror" >/dev/null
cmake --build "$work/build" >"$work/log" 2>&1 || { cat "$work/log"; fail "the examples do not build"; }

expect "RunCompleted" "$work/build/follow_town"
expect "RunCompleted" "$work/build/follow_town" "$work/followed"
expect "There are 4 words." "$work/build/one_agent_with_tool"

expect "runs counted: 1" "$work/build/resume_from_cursor" "$work/town"
# It dies with two runs that it has not counted; the next one counts them, each once, and its own.
"$work/build/resume_from_cursor" "$work/town" die && fail "it did not die"
expect "runs counted: 4" "$work/build/resume_from_cursor" "$work/town"

# The same without CMake. The words of pkg-config are several arguments.
flags=$(PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name reeve.pc)") pkg-config --cflags --libs reeve)
# shellcheck disable=SC2086
"$compiler" -std=c++20 "$examples/follow_town.cpp" -o "$work/by_hand" $flags
expect "RunCompleted" env LD_LIBRARY_PATH="$(dirname "$(find "$prefix" -name libreeve.so)")" "$work/by_hand"

# Nothing but the public names leaves the library.
others=$(nm -D --defined-only -C "$(find "$prefix" -name libreeve.so)" | grep -v 'reeve::v1::' | grep -v ' A REEVE_1' || true)
[ -z "$others" ] || fail "libreeve.so exports what it should not: $others"
