#!/usr/bin/env bash
# One round of an agent in the crash test. What it does it also notes in a file of its run, so that
# the checker can tell what really happened from what the log says.
set -u
trace="$CRASH_SIDE/run.$REEVE_RUN"

# Held by every process of the round: the agent's next round may begin only when all are gone.
exec 9>>"$CRASH_SIDE/lock.$REEVE_AGENT"
flock -n 9 || echo "overlap" >>"$trace"

prompt=$(cat)
lines=$((RANDOM % 8 + 1))
echo "begin $lines" >>"$trace"
for ((i = 1; i <= lines; i++)); do
  echo "line $i of $lines"
  sleep "0.0$((RANDOM % 90 + 10))"
done

# A command of this round: only what the town acknowledged is noted.
send() {
  local text=$1
  shift
  reeve send "$@" --info "$text" >>"$CRASH_SIDE/commands" 2>&1 && echo "sent $text" >>"$trace"
}
task() {
  [ -z "${REEVE_TASK:-}" ] || reeve task "$1" "$REEVE_TASK" "${@:2}" >>"$CRASH_SIDE/commands" 2>&1
}

case $prompt in
  *"doomed to fail"*)
    echo "end fail" >>"$trace"
    exit 1
    ;;
esac
case $((RANDOM % 16)) in
  0) task progress "half of it" ;;
  1) task progress "nearly" && task complete --result "reported" ;;
  2) task complete --result "reported" ;;
  3 | 4) send "from a round to the supervisor $REEVE_RUN" supervisor ;;
  5 | 6) send "from a round to a peer $REEVE_RUN" "$CRASH_PEER" ;;
  7)
    echo "end fail" >>"$trace"
    exit 1
    ;;
  8) setsid sleep 30 & ;;  # leaves its session: it must end with the round all the same
esac
echo "end ok" >>"$trace"
