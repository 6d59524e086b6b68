#!/bin/sh
# run_quickstart.sh QUICKSTART.md: runs its ```sh blocks, in a temporary folder, with `reeve` from PATH. Stops at the
# first that fails.
set -eu
page=$(realpath "$1")
folder=$(mktemp -d)
export XDG_STATE_HOME="$folder/state" # not among the user's own towns
leave() {
  status=$?
  trap - EXIT INT TERM
  (cd "$folder/shop" && reeve stop) >/dev/null 2>&1 || true
  # The daemon's last files go with it: it may need another moment.
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    if rm -rf "$folder" 2>/dev/null; then break; fi
    sleep 0.1
  done
  exit $status
}
trap leave EXIT INT TERM
sed -n '/^```sh$/,/^```$/{/^```/!p}' "$page" > "$folder/commands.sh"
cd "$folder"
sh -eux commands.sh
# What the page promises.
cd shop
[ "$(sh hello.sh World)" = "Hello, World." ]
grep -q "Hello, World." README.md
[ "$(sqlite3 -cmd ".timeout 5000" .reeve/town.db "select count(*) from events_view where kind = 'TaskCompleted'")" = 2 ]
