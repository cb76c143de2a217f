#!/usr/bin/env bash
# Each header compiles alone, and may be included twice.
# usage: check_headers.sh INCLUDE_DIR COMPILER FLAGS...   (in the source tree)
# INCLUDE_DIR is the build's, with <unroll/…>.
set -euo pipefail
include_dir=$1
shift
export compile="$* -I $include_dir"

check() {
  printf '#include "%s"\n#include "%s"\n' "$1" "$1" | $compile -x c++ -fsyntax-only - ||
    { echo "$1 does not compile alone" >&2; return 1; }
}
export -f check

# What another file includes first is compiled alone there: in the library's build, or here where that is a header.
shown=$(find autograd layers optim io data train -name '*.[ch]pp' -exec grep -m 1 -h '^#include' {} + |
  sed -n 's/^#include "\(.*\)".*/\1/p')
(cd "$include_dir" && find unroll -name '*.hpp') | sort | grep -vxF "$shown" |
  xargs -r -P "$(nproc)" -I{} bash -c 'check {}'
