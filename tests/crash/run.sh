#!/usr/bin/env bash
# Kills a town's processes at random moments under load, and checks that nothing was lost.
#   run.sh KILLS | --minutes M   [--seed N]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
bin=${REEVE_BIN:-build/release/bin}
case ${1:-} in
  [0-9]*) set -- --kills "$@" ;;
esac
exec "$bin/reeve_crash" --program "$bin/reeve" --agent tests/crash/agent.sh "$@"
