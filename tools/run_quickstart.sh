#!/bin/sh
# run_quickstart.sh QUICKSTART.md: runs its ```sh blocks, in a temporary folder, with `reeve` from PATH. Stops at the first that fails.
set -eu
page=$(realpath "$1")
folder=$(mktemp -d)
leave() {
  status=$?
  trap - EXIT INT TERM
  (cd "$folder/shop" && reeve stop) >/dev/null 2>&1 || true
  rm -rf "$folder"
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
[ "$(sqlite3 .reeve/town.db "select count(*) from events_view where kind = 'TaskCompleted'")" = 2 ]
