#!/bin/sh
# Bea, played without a model: writes test.sh, asks Ada about what fails, and tests again.
set -eu
prompt=$(cat)
case $prompt in
  *"from ada"* | *"ada asks"* | *"ada writes"*)
    echo "Ada says it is mended. Once more:"
    sh test.sh
    sh actors/commit.sh "Tests of roman.sh" test.sh
    reeve task complete "$REEVE_TASK" --result "five cases, all pass"
    ;;
  *)
    cat > test.sh <<'CODE'
#!/bin/sh
# Tests roman.sh: sh test.sh
failed=0
for case in 1:I 4:IV 9:IX 1066:MLXVI 1994:MCMXCIV; do
  got=$(sh roman.sh "${case%:*}")
  [ "$got" = "${case#*:}" ] || { echo "${case%:*}: expected ${case#*:}, got $got"; failed=1; }
done
[ $failed = 1 ] || echo "all pass"
exit $failed
CODE
    echo "Five cases, among them the year of a battle."
    sleep 2
    if ! sh test.sh; then
      reeve send ada --query "roman.sh 4 prints $(sh roman.sh 4), I expected IV. Can you mend it?"
      reeve task progress "$REEVE_TASK" "two of five cases pass; ada is asked"
    fi
    ;;
esac
