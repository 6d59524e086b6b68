#!/usr/bin/env bash
# Kills subscribers, and the daemon beside them, at random for so many seconds; checks that each event had one effect.
#   run.sh SECONDS [--seed N]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
bin=${REEVE_BIN:-build/release/bin}
seconds=${1:-60}
shift || true
exec "$bin/reeve_once" --program "$bin/reeve" --subscriber "$bin/reeve_once_subscriber" --agent tests/crash/agent.sh \
  --seconds "$seconds" "$@"
