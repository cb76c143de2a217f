#!/usr/bin/env bash
# Each header compiles alone, and may be included twice.
# usage: check_headers.sh [--quick] INCLUDE_DIR COMPILER FLAGS...   (in the source tree)
# INCLUDE_DIR is the build's, with <unroll/…>. --quick: the public headers only, and xtensor is parsed once, so that it is
# there for every header: what one forgets to include of it, or of what it includes, goes unnoticed. (Not json and all of
# fmt: few headers need them, and every compiler would instantiate anew what they leave to the end of a file.)
set -euo pipefail
quick=
[ "$1" != --quick ] || { quick=yes; shift; }
include_dir=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export compile="$* -I $include_dir"

# Only gcc looks for a compiled header beside the one that -include names.
if [ "$quick" ] && $1 --version | grep -q 'Free Software Foundation'; then
  echo '#include <unroll/autograd/xtensor.hpp>' >"$work/theirs.hpp"
  $compile -x c++-header "$work/theirs.hpp" -o "$work/theirs.hpp.gch"
  compile+=" -include $work/theirs.hpp"
fi

check() {
  printf '#include "%s"\n#include "%s"\n' "$1" "$1" | $compile -x c++ -fsyntax-only - ||
    { echo "$1 does not compile alone" >&2; return 1; }
}
export -f check

# What another file includes first is compiled alone there: in the library's build, or here where that is a header.
shown=$(find autograd layers optim io data train report export mpi -name '*.[ch]pp' -exec grep -m 1 -h '^#include' {} + |
  sed -n 's/^#include "\(.*\)".*/\1/p')
hidden=${quick:+^unroll/detail/}
(cd "$include_dir" && find unroll -name '*.hpp') | sort | grep -vxF "$shown" | grep -v "${hidden:-^$}" |
  xargs -r -P "$(nproc)" -I{} bash -c 'check {}'
