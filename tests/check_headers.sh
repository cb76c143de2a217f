#!/usr/bin/env bash
# Each public header compiles alone, and may be included twice.
# usage: check_headers.sh COMPILER FLAGS...   (in the source tree)
set -euo pipefail
export compile="$*"
folders=($(find autograd layers optim io data train -maxdepth 0 2>/dev/null || true))

check() {
  printf '#include "%s"\n#include "%s"\n' "$1" "$1" | $compile -I . -x c++ -fsyntax-only - ||
    { echo "$1 does not compile alone" >&2; return 1; }
}
export -f check

# What another file includes first is compiled alone there: in the library's build, or here where that is a header.
shown=$(find "${folders[@]}" -name '*.[ch]pp' -exec grep -m 1 -h '^#include' {} + | sed -n 's/^#include "\(.*\)".*/\1/p')
{ find "${folders[@]}" -name '*.hpp'; find . -maxdepth 1 -name '*.hpp' -printf '%f\n'; } | sort | grep -vxF "$shown" |
  xargs -r -P "$(nproc)" -I{} bash -c 'check {}'
