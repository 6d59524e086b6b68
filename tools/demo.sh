#!/usr/bin/env bash
# The main job, end to end, in a temporary town: ./dev demo [--cli PRESET] [--permissions P] [--keep DIR]
#
# Three agents build a tiny program in a git repository; the daemon is killed in the middle. Without --cli the agents
# are scripted (tools/demo/actors/): no model is asked and nothing is spent.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=${REEVE_BIN_DIR:-$(cd "$here/.." && pwd)/build/release/bin}

usage() {
  cat <<'TEXT'
usage: ./dev demo [--cli PRESET] [--permissions ask|edits|bypass] [--keep DIR]

  --cli PRESET      real agents (claude, codex, ...) instead of scripted ones: they cost what they cost you
  --permissions P   what real agents may do without asking (default edits); with less than bypass most of them
                    run no commands, so they do not commit and do not write to one another
  --keep DIR        make the town in DIR, a new folder, and leave it there
TEXT
}

cli=
permissions=edits
keep=
while [ $# -gt 0 ]; do
  case $1:${2:-} in
    --help: | -h:) usage && exit 0 ;;
    --cli:?*) cli=$2 ;;
    --permissions:ask | --permissions:edits | --permissions:bypass) permissions=$2 ;;
    --keep:?*) keep=$2 ;;
    *) usage >&2 && exit 2 ;;
  esac
  shift 2
done
[ -x "$bin/reeve" ] || { printf 'demo: no %s: ./dev build makes it\n' "$bin/reeve" >&2; exit 1; }

bold='' dim='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then bold=$'\033[1m' dim=$'\033[2m' plain=$'\033[0m'; fi
title() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
note() { printf '%s\n' "$*"; }
# Shows a command as a person would type it.
show() {
  local line='$' word
  for word in "$@"; do
    case $word in *[!A-Za-z0-9_./:=-]* | '') word="\"$word\"" ;; esac
    line+=" $word"
  done
  printf '%s%s%s\n' "$dim" "$line" "$plain"
}
run() { show "$@"; "$@"; }
# The first value of that name in JSON text.
field() { grep -o "\"$1\":\"\?[^,\"}]*" | head -n 1 | sed 's/^[^:]*:"\{0,1\}//'; }
# A zombie that nobody has reaped yet is not alive.
alive() { [ -n "$1" ] && grep -q '^State:[[:space:]]*[^Z[:space:]]' "/proc/$1/status" 2>/dev/null; }

# A demo inside a round of another town is not part of that town.
while IFS= read -r name; do unset "$name"; done < <(compgen -e | grep '^REEVE_' || true)
export PATH=$bin:$PATH

work=
keeper=
follower=
stop_following() {
  [ -n "$follower" ] || return 0
  kill "$follower" 2>/dev/null || true
  wait "$follower" 2>/dev/null || true
  follower=
}
finish() {
  local status=$?
  trap - EXIT INT TERM
  stop_following
  if [ -n "$work" ] && [ -e "$work/.reeve/town.toml" ]; then (cd "$work" && reeve stop) >/dev/null 2>&1 || true; fi
  for _ in $(seq 100); do alive "$keeper" || break; sleep 0.05; done # the keeper ends after its daemon
  cd /
  if [ -n "$work" ] && [ -z "$keep" ]; then rm -rf "$work"; fi
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# --- a town ----------------------------------------------------------------------------------------------------------
if [ -n "$cli" ]; then
  patience=900
  missing=$(cd / && reeve doctor 2>/dev/null | awk -v cli="$cli" '$1 == "note" && $2 == cli' || true)
  [ -z "$missing" ] || { printf 'demo: %s\n' "$(xargs <<<"${missing#note}")" >&2; exit 1; }
  title "Three agents build a tiny program. They are real: $cli, with --permissions $permissions."
else
  patience=50
  title "Three agents build a tiny program. They are scripted: no model is asked, nothing is spent."
fi

if [ -n "$keep" ]; then
  if [ -e "$keep" ] && [ -n "$(ls -A "$keep")" ]; then
    printf 'demo: %s is not empty\n' "$keep" >&2
    exit 1
  fi
  mkdir -p "$keep"
  work=$(cd "$keep" && pwd)
else
  work=$(mktemp -d "${TMPDIR:-/tmp}/reeve-demo.XXXXXX")
fi
cd "$work"
git init -q -b main .
git config user.name hamlet
git config user.email hamlet@example.org
git config commit.gpgsign false
export XDG_STATE_HOME=$work/.git/state # not among the user's own towns
if [ -z "$cli" ]; then
  cp -r "$here/demo/actors" .
  git add actors
  git commit -q -m "The three actors: what they say and do"
else
  git commit -q --allow-empty -m "An empty repository"
fi
run reeve init --name hamlet

spawn() {
  if [ -n "$cli" ]; then
    run reeve spawn "$1" --role "$2" --cli "$cli" --permissions "$permissions" --env "GIT_AUTHOR_NAME=$1"
  else
    run reeve spawn "$1" --role "$2" --cli "reeve agent-script actors/$1.script" --env "GIT_AUTHOR_NAME=$1"
  fi
}
spawn ada "writes the code"
spawn bea "tests it"
spawn cyd "documents it"
daemon=$(reeve status --json | field pid)
keeper=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$daemon/status")

# --- at work ---------------------------------------------------------------------------------------------------------
title "Work, and the feed of what happens (reeve events --follow)"
kinds=(DaemonStarted MessageSent TaskProgressed TaskCompleted TaskFailed RunStarted RunCompleted RunFailed RunCancelled)
# A script's words are its round's result, shown with RunCompleted already.
if [ -n "$cli" ]; then kinds+=(AssistantMessage ToolCallReady); fi
reeve events --follow --all "${kinds[@]/#/--kind=}" &
follower=$!

task=
assign() {
  show reeve assign "$@"
  task=$(reeve assign "$@" --json | field id)
}
over() { reeve wait --task "$1" --timeout "$patience" >/dev/null; }

assign ada "Write roman.sh: a POSIX shell script that prints a number from 1 to 3999 in Roman numerals. Commit it."
tasks=("$task")
over "$task"
assign bea "Write test.sh: it tests roman.sh with five numbers, 4 and 1994 among them. If one is wrong ask ada to mend \
it, and test again. Commit it when all pass."
tasks+=("$task")
assign cyd "Write README.md for roman.sh, with three examples that you have run. Commit it."
tasks+=("$task")

# In the middle: bea and cyd are at work.
for _ in $(seq 100); do
  [ "$(reeve status --json | field running)" != 2 ] || break
  sleep 0.05
done
sleep 0.7
title "In the middle: kill -9 $daemon, the daemon. bea and cyd go on working; the keeper starts another daemon."
kill -9 "$daemon"

for task in "${tasks[@]}"; do over "$task"; done
for name in ada bea cyd; do reeve wait "$name" --timeout "$patience" >/dev/null; done
# The feed ends behind the last event: what follows is printed below it.
sleep 0.3
stop_following

# --- what came of it -------------------------------------------------------------------------------------------------
title "What was done"
if [ -n "$(git status --porcelain)" ]; then
  git add -A
  git -c core.hooksPath=/dev/null commit -q -m "What the agents left uncommitted"
fi
show git log --reverse --format='%h %an: %s'
git --no-pager log --reverse --format='%h %an: %s'
# What real agents wrote is not run here: nobody has read it yet.
if [ -z "$cli" ]; then
  run sh test.sh
  run sh roman.sh 2026
fi

title "The counts"
run reeve status
printf '\n'
count() { sqlite3 .reeve/town.db "SELECT count(*) FROM events_view WHERE kind $1"; }
began=$(count "= 'RunStarted'")
ended=$(count "IN ('RunCompleted', 'RunFailed', 'RunCancelled')")
note "rounds begun $began, rounds ended $ended; daemons $(count "= 'DaemonStarted'"), of which one was killed"
show sqlite3 .reeve/town.db 'select kind, count(*) from events_view group by kind'
sqlite3 -separator ' ' .reeve/town.db 'select kind, count(*) from events_view group by kind' | column -c 100 2>/dev/null ||
  sqlite3 .reeve/town.db 'select kind, count(*) from events_view group by kind'

printf '\n'
good=0
for task in "${tasks[@]}"; do
  [ "$(reeve task show "$task" --json | field state)" = completed ] || good=1
done
[ "$began" = "$ended" ] || good=1
run reeve stop

title "To look further"
if [ -n "$keep" ]; then
  note "  cd $work && PATH=$bin:\$PATH"
else
  note "  ./dev demo --keep DIR    leaves the town in DIR. There (with $bin on your PATH):"
fi
cat <<'TEXT'
  reeve status                   the agents; it starts the daemon again (reeve stop ends it)
  reeve events --all             everything that happened, in order
  reeve task list                the tasks; reeve task show ID
  reeve logs bea                 what an agent's last round wrote
  sqlite3 .reeve/town.db 'select * from events_view'
TEXT
[ "$good" = 0 ] || note "Not all went well: the tasks above that are not completed say why."
exit "$good"
