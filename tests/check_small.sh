#!/usr/bin/env bash
# A program of the preset small needs no shared library but libc and libm, is smaller than 2 MB, and does what the same
# program of another build does, word for word; linked wholly statically it is smaller than 3 MB.
# usage: check_small.sh SMALL_PROGRAM OTHER_PROGRAM STATIC_PROGRAM   (each a small_char_lm)
set -euo pipefail
small=$1 other=$2 static=$3
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT

# size_of PROGRAM: its bytes without symbols.
size_of() {
  strip -o "$folder/stripped" "$1"
  stat -c %s "$folder/stripped"
}
# below SIZE LIMIT PROGRAM
below() { [ "$1" -lt "$2" ] || { echo "$3 has $1 bytes, not fewer than $2"; exit 1; }; }

below "$(size_of "$small")" 2000000 "$small"
below "$(size_of "$static")" 3000000 "$static"
more=$(ldd "$small" | grep -vE 'linux-vdso|/lib64/ld-linux|libc\.so|libm\.so' || true)
[ -z "$more" ] || { echo "$small needs more than libc and libm:"; echo "$more"; exit 1; }
for n in $(seq 200); do echo "The $n sheep sleep, and $((n * 7)) geese keep their heads in the wheat."; done >"$folder/text"
for program in small other static; do "${!program}" "$folder/text" 2 32 >"$folder/$program"; done
[ -s "$folder/small" ]
for program in other static; do
  cmp "$folder/small" "$folder/$program" || { echo "the programs differ: $small, ${!program}"; exit 1; }
done
echo "$(size_of "$small") bytes, wholly static $(size_of "$static")"
