#!/usr/bin/env bash
# A block of a document that is fenced by ```cpp FILE is that file's text: lines of it, in one piece, without
# [[gnu::noinline]]. And what a document links to is there. And some document names every update rule, and
# the zoo's every cell.
# usage: check_docs.sh   (in the source tree)
set -euo pipefail

# quotes DOCUMENT: prints what is not in the file it names.
quotes() {
  awk -v document="$1" '
    function lines_of(file,   line, text) {
      if (!(file in texts)) {
        text = "\n"
        while ((getline line < file) > 0) {
          sub(/\[\[gnu::noinline\]\] /, "", line)
          text = text line "\n"
        }
        texts[file] = text
      }
      return texts[file]
    }
    file != "" && /^```$/ {
      if (!index(lines_of(file), "\n" block)) print document ":" first ": " file " does not say so"
      file = ""; next
    }
    file != "" { block = block $0 "\n"; next }
    /^```cpp [a-z_]/ { file = $2; block = ""; first = NR }
  ' "$1"
}

# links DOCUMENT: prints the files it points to that do not exist.
links() {
  { grep -oE '\]\([a-zA-Z0-9_./-]+(#[^)]*)?\)' "$1" || true; } | sed 's/^](//; s/)$//; s/#.*//' | sort -u | while read -r target; do
    [ -e "$(dirname "$1")/$target" ] || echo "$1: there is no $target"
  done
}

# rules FILE DOCUMENT...: prints the update rules of the list in FILE that no document names.
rules() {
  local list=$1
  shift
  sed -n '/define UNROLL_OPTIMIZERS/p' "$list" | grep -oE 'X\([A-Za-z]+\)' | sed 's/X(//; s/)//' | while read -r rule; do
    grep -qw "$rule" "$@" || echo "$list: no document names $rule"
  done
}

# zoo TABLE DOCUMENT: prints the cells of the table that no table of the document has.
zoo() {
  grep -oE '^ +\{"[a-z0-9-]+"' "$1" | cut -d'"' -f2 | while read -r cell; do
    grep -q "^| $cell |" "$2" || echo "$2: there is no $cell"
  done
}

# The check itself is checked.
self_test() {
  local folder fence='```' found
  folder=$(mktemp -d)
  printf 'int a;\nint b;\n' >"$folder/x.hpp"
  printf '%s\nint b;\n%s\n[y](x.hpp#z)\n' "${fence}cpp x.hpp" "$fence" >"$folder/good.md"
  printf '%s\nint c;\n%s\n[y](no.md)\n' "${fence}cpp x.hpp" "$fence" >"$folder/bad.md"
  echo '#define UNROLL_OPTIMIZERS(X) X(int) X(Long)' >"$folder/list"
  printf '      {"a-b", x},\n      {"c", y},\n' >"$folder/zoo"
  printf '| a-b | 1 |\n' >"$folder/zoo.md"
  found=$(cd "$folder" && for document in good.md bad.md; do quotes $document; links $document; done
          rules list *.md; zoo zoo zoo.md)
  rm -r "$folder"
  [ "$found" = "bad.md:1: x.hpp does not say so
bad.md: there is no no.md
list: no document names Long
zoo.md: there is no c" ]
}

self_test || { echo "check_docs.sh no longer finds what it must find" >&2; exit 1; }
found=$(for document in README.md SECURITY.md docs/*.md; do quotes "$document"; links "$document"; done
        rules optim/rules.hpp docs/*.md; zoo examples/cells/zoo.hpp docs/zoo.md)
[ -z "$found" ] || { echo "$found" >&2; exit 1; }
