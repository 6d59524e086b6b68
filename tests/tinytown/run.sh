#!/usr/bin/env bash
# Both programs on one town. Installs the real tt where a cargo can build it (some minutes; kept in build/tinytown).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
version=0.10.0
if [ -z "${REEVE_TT:-}" ]; then
  mine=build/tinytown/bin/tt
  if [ ! -x "$mine" ] && command -v cargo >/dev/null; then
    printf 'installing tinytown %s into build/tinytown (once, some minutes)\n' "$version" >&2
    cargo install tinytown --version "$version" --root build/tinytown --quiet || true
  fi
  if [ -x "$mine" ]; then export REEVE_TT="$PWD/$mine"; fi
fi
status=0
for file in tests/tinytown/*_test.py; do
  python3 "$file" "${REEVE_BIN:-build/release/bin}/reeve" "$@" || status=1
done
exit "$status"
