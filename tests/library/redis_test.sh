#!/usr/bin/env bash
# usage: redis_test.sh BUILD LIBRARY_MD COMPILER
# Installs BUILD into a temporary prefix and builds what LIBRARY_MD shows under "On Redis" against it, as a user would:
# by pkg-config alone. Runs it against a redis-server (with_redis.sh), twice: the second one finds what the first left.
set -euo pipefail
build=$1 page=$2 compiler=$3
[ -n "${REEVE_TEST_STORE:-}" ] || { echo "redis_test: run me by with_redis.sh" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { printf 'redis_test: %s\n' "$*" >&2; exit 1; }

cmake --install "$build" --prefix "$work/prefix" >/dev/null
shown=$(sed -n '/^## On Redis/,/^## /s/^    //p' "$page")
[ -n "$shown" ] || fail "$page shows nothing under \"On Redis\""
{
  printf '#include <reeve/reeve.hpp>\n#include <cstdlib>\n#include <iostream>\nint main() {\n'
  # The server is the test's, and has no password.
  printf '%s\n' "$shown" | sed "s|\"rediss://[^\"]*\"|std::getenv(\"REEVE_TEST_STORE\")|; s|\"OAK_PASSWORD\"|\"\"|"
  cat <<'END'
  const auto before = town.events("").value().events.size();
  town.add_scripted_provider("hello", R"({"turns":[["hello there"]]})").value();
  auto run = town.emit(reeve::EmitRequest::ask("hello", "hi")).value();
  std::cout << (before > 1 ? "again: " : "first: ") << run.wait().value().text << '\n';
}
END
} >"$work/on_redis.cpp"

flags=$(PKG_CONFIG_PATH=$(dirname "$(find "$work/prefix" -name reeve.pc)") pkg-config --cflags --libs reeve)
# shellcheck disable=SC2086
"$compiler" -std=c++20 -Wall -Wextra -Werror "$work/on_redis.cpp" -o "$work/on_redis" $flags
export LD_LIBRARY_PATH
LD_LIBRARY_PATH=$(dirname "$(find "$work/prefix" -name libreeve.so)")
for word in first again; do
  said=$("$work/on_redis") || fail "what the page shows exited with $?"
  [ "$said" = "$word: hello there" ] || fail "it said: $said"
done
