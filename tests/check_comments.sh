#!/usr/bin/env bash
# Contracts in comments are in one piece: a label such as `Shapes:` begins its line, and a line of a labelled paragraph
# that another one continues is indented like it. The reference is made of them (tools/docs/comments.awk).
# usage: check_comments.sh   (in the source tree)
set -euo pipefail

# breaks FILE...: prints the lines that break a rule.
breaks() {
  awk -v labels='(What|Shapes|Range|Units|Init|Inputs|State|Errors|Cost|Lifetime|Limits|Thread rule|Source): ' '
    function tell(line, what) { print FILENAME ":" line ": " what }
    # What is wrong with a line that another one continues.
    function cut(text) {
      return match(text, /^[A-Z][a-z]+( [a-z]+)?:/) ? "no label: " substr(text, 1, RLENGTH - 1) : "a line that was cut off"
    }
    FNR == 1 { was = "" }
    {
      comment = match($0, /^ *\/\/\/? ?/)
      text = substr($0, RLENGTH + 1)
      if (!comment) { was = ""; next }
      if (text ~ "^.*[^ ] +" labels) tell(FNR, "a label within the line")
      if (text ~ "^" labels) now = "label"
      else if (text ~ /^       *[^ ]/) now = was == "cut" ? "continued" : was
      else now = was == "label" && text != "" ? "cut" : ""
      if (now == "continued") { tell(FNR - 1, cut(before)); now = "label" }
      was = now
      before = text
    }
  ' "$@"
}

# The check itself is checked.
self_test() {
  local folder found
  folder=$(mktemp -d)
  printf '/// What:   a sum\n///         of two.\n/// Shapes: (B,).\n/// It is\n/// short.\n/// What:   so\n///\n///         x = 1;\n' >"$folder/good.hpp"
  printf '/// A sum. Errors: UsageError.\n/// What:   a sum of\n/// two\n///         or three.\n/// Exact:  for\n///         two.\n' >"$folder/bad.hpp"
  found=$(cd "$folder" && breaks good.hpp bad.hpp)
  rm -r "$folder"
  [ "$found" = "bad.hpp:1: a label within the line
bad.hpp:3: a line that was cut off
bad.hpp:5: no label: Exact" ]
}

self_test || { echo "check_comments.sh no longer finds what it must find" >&2; exit 1; }
found=$(breaks $(find autograd layers optim io data train report export mpi examples benchmarks tests -name '*.[ch]pp' | sort))
[ -z "$found" ] || { echo "$found" >&2; echo "docs/contributing.md lists the labels, under Style" >&2; exit 1; }
