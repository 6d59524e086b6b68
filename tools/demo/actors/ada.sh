#!/bin/sh
# Ada, played without a model: writes roman.sh, and mends it when asked. Reads her prompt from standard input.
set -eu
prompt=$(cat)
case $prompt in
  *"# Messages"*)
    echo "Bea is right: 4 is IV. I take the subtractive pairs into the table."
    sleep 1
    sed -i 's/^    1000:M.*$/    1000:M 900:CM 500:D 400:CD 100:C 90:XC 50:L 40:XL 10:X 9:IX 5:V 4:IV 1:I; do/' roman.sh
    sh actors/commit.sh "Subtractive pairs: 4 is IV, not IIII" roman.sh
    reeve send bea "Mended: 4 is IV now. Please run your tests again."
    echo "Mended and committed."
    ;;
  *)
    echo "A table of values, taken away one after the other."
    cat > roman.sh <<'CODE'
#!/bin/sh
# Prints a number in Roman numerals: sh roman.sh 1066
number=$1
out=
for pair in \
    1000:M 500:D 100:C 50:L 10:X 5:V 1:I; do
  while [ "$number" -ge "${pair%:*}" ]; do
    out=$out${pair#*:}
    number=$((number - ${pair%:*}))
  done
done
echo "$out"
CODE
    sleep 1
    sh actors/commit.sh "roman.sh: a number in Roman numerals" roman.sh
    reeve task complete "$REEVE_TASK" --result "roman.sh is there"
    ;;
esac
