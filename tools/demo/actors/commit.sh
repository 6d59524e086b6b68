#!/bin/sh
# commit.sh MESSAGE FILE ...: commits these files. Waits for its turn, since git refuses two at once.
set -eu
message=$1
shift
exec 9> .git/turn.lock
flock 9
git add -- "$@"
git commit -q -m "$message" -- "$@"
git log -1 --format='committed %h %s'
