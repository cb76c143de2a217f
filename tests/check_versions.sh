#!/usr/bin/env bash
# Every program tells its version, and nothing else then; but for the examples to begin with, which use nothing but the
# library.
# usage: check_versions.sh VERSION FOLDER...   (the folders of the programs)
set -euo pipefail
version=$1
shift
count=0
for program in $(find "$@" -maxdepth 1 -type f -executable ! -name '*.so*' \
                   ! -name custom_cell ! -name custom_op ! -name c_export ! -name own_training ! -name small_char_lm); do
  found=$("$program" --version </dev/null) || true
  [ "$found" = "unroll $version" ] || { echo "$program --version printed: ${found:0:200}" >&2; exit 1; }
  count=$((count + 1))
done
[ "$count" -gt 0 ] || { echo "no programs in $*" >&2; exit 1; }
echo "$count programs"
