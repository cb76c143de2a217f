#!/usr/bin/env bash
# The text of ./dev demo, and with --whole the demo itself: it builds, and its sample reads.
# usage: check_demo.sh [--whole]   (in the source tree)
set -euo pipefail

# Of a folder's files each stands in the text once, by name, without indentation; a link does not.
text_test() {
  local folder found
  folder=$(mktemp -d)
  mkdir "$folder/licences"
  printf '    Two  licences\t of\n\n\n\n  one kind. \n' >"$folder/licences/b"
  printf 'First.\n' >"$folder/licences/a"
  ln -s b "$folder/licences/c"
  found=$(./dev __step licences "$folder/licences")
  [ -z "$(./dev __step licences "$folder/none")" ] || { echo "a folder that is not there has a text" >&2; return 1; }
  rm -r "$folder"
  [ "$found" = "First.
Two licences of

one kind." ] || { printf 'the text of the demo is:\n%s\n' "$found" >&2; return 1; }
}

# share SAMPLE: the percentage of its line about words.
share() { sed -n "s/^\([0-9]*\) % of the sample's words stand in the text.*/\1/p" <<<"$1"; }

demo_test() {
  local seed output
  for seed in 1 2 3; do
    output=$(./dev demo --seconds 60 --seed $seed)
    for line in "a uniform guess among" "the frequencies of characters" "the model$" "What next"; do
      grep -q "$line" <<<"$output" || { printf 'no line "%s" in:\n%s\n' "$line" "$output" >&2; return 1; }
    done
    [ $seed = 1 ] || ! grep -q "Building CXX" <<<"$output" || { echo "the demo compiles again what it has" >&2; return 1; }
    [ "$(share "$output")" -ge 85 ] || { printf 'seed %s does not read:\n%s\n' $seed "$output" >&2; return 1; }
  done
}

text_test
[ "${1:-}" != --whole ] || demo_test
