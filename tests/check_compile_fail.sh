#!/usr/bin/env bash
# The compiler refuses what it must, and its first error says why.
#
# Each file of tests/compile_fail has numbered cases, `#if CASE == 1  // SENTENCE` … `#endif`. Without a case it compiles;
# with one it does not, and the first error contains the sentence, a regular expression.
# usage: check_compile_fail.sh INCLUDE_DIR COMPILER FLAGS...   (in the source tree)
set -euo pipefail
include_dir=$1
shift
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
export LC_ALL=C compile="$* -I $include_dir"

# All headers, parsed once: a case is then a matter of a second.
echo '#include "unroll/unroll.hpp"' >"$folder/all.hpp"
clang=
if $compile -dM -E -x c++ /dev/null | grep -q __clang__; then
  clang=yes
  $compile -x c++-header "$folder/all.hpp" -o "$folder/all.pch"
  compile+=" -include-pch $folder/all.pch"
else
  $compile -x c++-header "$folder/all.hpp" -o "$folder/all.hpp.gch"
  compile+=" -include $folder/all.hpp"
fi

# check FILE CASE SENTENCE: prints what is wrong. The compiler ends at the first error; another is not asked for.
check() {
  local first
  first=$($compile -fsyntax-only -Wfatal-errors -DCASE="$2" "$1" 2>&1 | grep -m 1 'error: ' || true)
  if [ "$2" = 0 ]; then
    [ -z "$first" ] || echo "$1 does not compile without a case: $first"
  elif [ -z "$first" ]; then
    echo "$1: case $2 compiles"
  elif ! [[ $first =~ $3 ]]; then
    echo "$1: case $2: expected \"$3\" in the first error, which is: $first"
  fi
}
export -f check

# cases FILE...: "FILE CASE SENTENCE" each, ended by zeros.
cases() {
  awk 'FNR == 1 {printf "%s%c0%c%c", FILENAME, 0, 0, 0}
       match($0, /^#if CASE == [0-9]+  \/\/ /) {printf "%s%c%d%c%s%c", FILENAME, 0, $4, 0, substr($0, RLENGTH + 1), 0}' "$@"
}

# first_errors CASE FILE...: "FILE ERROR", the first error of each file, of all files compiled together, each in a
# namespace of its own. An error belongs to the file that it is in, or that required the instantiation it is in; gcc
# names it before the error. One that belongs to several is told of "?", and none of
# theirs after it, nor anything after one that belongs to none (gcc says little about a constructor that is inherited).
first_errors() {
  local number=$1 file unit
  shift
  unit=$(mktemp "$folder/unit_XXXXXX.cpp")
  for file; do
    printf 'namespace case_of_%s {\n#include "%s"\n}\n' "$(basename "$file" .cpp)" "$(realpath "$file")"
  done >"$unit"
  { $compile -fsyntax-only -fno-diagnostics-show-caret -DCASE="$number" "$unit" 2>&1 || echo "? error: no success"; } |
    awk -v list="$*" '
      BEGIN {count = split(list, file, " ")}
      {said = said "\n" $0}
      / error: / {
        owners = 0
        for (k = 1; k <= count; k++) if (index(said, file[k] ":")) owner[++owners] = file[k]
        if (owners != 1) print "?", $0
        else if (!(owner[1] in seen)) print owner[1], $0
        if (!owners) exit
        for (k = 1; k <= owners; k++) seen[owner[k]] = 1
      }
      / (error|warning|note): / {said = ""}'
}

# check_together CASE (FILE SENTENCE)...: what compiles or fails together with others as it must is done with. The rest
# is looked at alone: a compiler that has reported an error may be silent about the next.
check_together() {
  local number=$1 file errors
  local -A sentence first=()
  shift
  while [ $# -gt 0 ]; do sentence[$1]=$2; shift 2; done
  errors=$(first_errors "$number" "${!sentence[@]}")
  while read -r file error; do first[$file]=$error; done <<<"${errors:-none}"
  for file in "${!sentence[@]}"; do
    if [ "$number" = 0 ]; then
      [ -z "$errors" ] || check "$file" 0
    else
      [[ -n ${first[$file]:-} && ${first[$file]} =~ ${sentence[$file]} ]] || check "$file" "$number" "${sentence[$file]}"
    fi
  done
}
export -f first_errors check_together
export folder

# rounds FILE...: a line for each number of a case, with all files that have it: "CASE FILE SENTENCE FILE SENTENCE…", as
# words for a shell.
rounds() {
  local file number sentence
  local -A round=()
  while IFS= read -r -d '' file && IFS= read -r -d '' number && IFS= read -r -d '' sentence; do
    round[$number]+=" $(printf '%q %q' "$file" "$sentence")"
  done < <(cases "$@")
  for number in "${!round[@]}"; do echo "$number${round[$number]}"; done
}

run() {
  if [ "$clang" ]; then
    cases "$@" | xargs -0 -n 3 -P "$(nproc)" bash -c 'check "$@"' _
  else
    rounds "$@" | xargs -d '\n' -n 1 -P "$(nproc)" bash -c 'eval "check_together $1"' _
  fi
}

# The check itself is checked.
cat >"$folder/self.cpp" <<'TEXT'
#if CASE == 1  // refused
static_assert(false, "refused");
#endif
#if CASE == 2  // refused
static_assert(false, "another reason");
#endif
#if CASE == 3  // refused
static_assert(true, "refused");
#endif
TEXT
cat >"$folder/beside.cpp" <<'TEXT'
#if CASE == 2  // refused
static_assert(false, "refused");
#endif
#if CASE == 3  // refused
static_assert(false, "refused");
#endif
TEXT
found=$(run "$folder/self.cpp" "$folder/beside.cpp")
if [ "$(grep -c . <<<"$found")" != 2 ] || [[ $found != *"case 2: expected"* ]] || [[ $found != *"case 3 compiles"* ]]; then
  echo "check_compile_fail.sh no longer finds what it must find: $found" >&2
  exit 1
fi
found=$(run tests/compile_fail/*.cpp)
[ -z "$found" ] || { echo "$found" >&2; exit 1; }
