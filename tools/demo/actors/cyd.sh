#!/bin/sh
# Cyd, played without a model: writes the README, without haste.
set -eu
cat > /dev/null
echo "A README for a program of ten lines. I take my time."
printf '# roman\n\nPrints a number in Roman numerals.\n\n' > README.md
sleep 1
for number in 1066 1215 1666; do
  printf '    $ sh roman.sh %s\n    %s\n' "$number" "$(sh roman.sh "$number")" >> README.md
  echo "an example: $number"
  sleep 1
done
sh actors/commit.sh "README: what roman.sh does" README.md
reeve task complete "$REEVE_TASK" --result "README.md, with three examples that were run"
