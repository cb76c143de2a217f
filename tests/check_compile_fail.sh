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
if $compile -dM -E -x c++ /dev/null | grep -q __clang__; then
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

run() { cases "$@" | xargs -0 -n 3 -P "$(nproc)" bash -c 'check "$@"' _; }

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
found=$(run "$folder/self.cpp")
if [ "$(grep -c . <<<"$found")" != 2 ] || [[ $found != *"case 2: expected"* ]] || [[ $found != *"case 3 compiles"* ]]; then
  echo "check_compile_fail.sh no longer finds what it must find: $found" >&2
  exit 1
fi
found=$(run tests/compile_fail/*.cpp)
[ -z "$found" ] || { echo "$found" >&2; exit 1; }
