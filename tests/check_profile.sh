#!/usr/bin/env bash
# What docs/performance.md quotes of profile_cell is what it prints: the same lines in the same order. "…" stands for
# lines that are left out.
# usage: check_profile.sh PROFILE_CELL   (in the source tree)
set -euo pipefail
program=$1

# quote COMMAND DOCUMENT: what the document shows below "    $ COMMAND".
quote() { awk -v first="    \$ $1" '$0 == first {on = 1; next} on && !/^    / {exit} on {print substr($0, 5)}' "$2"; }

# first_missing QUOTE OUTPUT: the first line of a quote that does not come in the output after those before it.
first_missing() {
  awk 'FILENAME == ARGV[1] {if ($0 != "…") quoted[++count] = $0; next}
       quoted[seen + 1] == $0 {seen++}
       END {if (!count) print "nothing is quoted"; else if (seen < count) print quoted[seen + 1]}' "$1" "$2"
}

# The check itself is checked.
self_test() {
  local found
  printf 'a\n\n    $ p --x\n    1\n    …\n    4\n\nb\n' >"$folder/document"
  quote 'p --x' "$folder/document" >"$folder/quote"
  seq 4 >"$folder/right" && seq 3 >"$folder/short" && seq 4 -1 1 >"$folder/turned"
  found=$(for output in right short turned; do first_missing "$folder/quote" "$folder/$output"; done)
  [ "$found" = $'4\n4' ]
}

folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
self_test || { echo "check_profile.sh no longer finds what it must find" >&2; exit 1; }
for options in '' ' --straight'; do
  command=build/release/examples/profile_cell$options
  "$program" $options --seconds 0 >"$folder/output"
  quote "$command" docs/performance.md >"$folder/quote"
  missing=$(first_missing "$folder/quote" "$folder/output")
  [ -z "$missing" ] || { printf 'docs/performance.md, %s: not so: %s\nbut:\n' "$command" "$missing" >&2; cat "$folder/output" >&2; exit 1; }
done
