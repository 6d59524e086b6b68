#!/usr/bin/env bash
# usage: with_redis.sh [REDIS_OPTION ...] -- COMMAND...
# Runs COMMAND with a redis-server of its own, at which REEVE_TEST_STORE points, and a home of its own.
set -euo pipefail
if ! command -v redis-server >/dev/null; then
  echo "THERE IS NO redis-server ON THE PATH: NOTHING IS TESTED HERE (apt install redis-server)" >&2
  exit 0
fi
settings=()
while [ "$1" != -- ]; do settings+=("$1") && shift; done
shift
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; wait; rm -rf "$work"' EXIT
mkfifo "$work/log"
redis-server --port 0 --unixsocket "$work/redis.sock" --dir "$work" --save '' "${settings[@]}" >"$work/log" &
server=$!
exec 3<"$work/log"
while read -r line <&3; do
  case $line in *[Rr]eady\ to\ accept\ connections*) break ;; esac
done
cat <&3 >/dev/null &
export REEVE_TEST_STORE="unix://$work/redis.sock" XDG_STATE_HOME="$work/state"
"$@"
