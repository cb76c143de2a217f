#!/usr/bin/env bash
# The Debian package, unpacked and used: its fields, its programs, and a program built against its library.
# usage: check_package.sh PACKAGE.deb COMPILER   (in the source tree)
set -euo pipefail
package=$1 compiler=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "$package: $*" >&2; exit 1; }
field() { dpkg-deb -f "$package" "$1"; }

[ "$(field Package)" = unroll ] || fail "it is called $(field Package)"
for needed in libxtensor-dev libxsimd-dev libfmt-dev nlohmann-json3-dev libopenblas-serial-dev libutf8proc-dev zlib1g-dev libc6 libfmt9 libopenblas0; do
  [[ ", $(field Depends)," =~ ", $needed"[\ ,] ]] || fail "it does not depend on $needed: $(field Depends)"
done

dpkg-deb -x "$package" "$work"
programs=$(ls "$work/usr/bin")
for program in addition char-lm classify forecast tag translate; do
  [[ $programs =~ unroll-$program ]] || fail "there is no unroll-$program"
done
! grep -v '^unroll-' <<<"$programs" || fail "a program's name does not begin with unroll-"
for file in include/unroll/unroll.hpp include/unroll/version.hpp share/doc/unroll/copyright share/doc/unroll/html/index.html; do
  [ -f "$work/usr/$file" ] || fail "there is no $file"
done
! grep -rlF "$PWD" "$work/usr/include" "$work"/usr/lib "$work/usr/bin" || fail "it names the folder that it was built in"
# For every x86-64 processor: none of the wide registers that came later.
for file in "$work"/usr/bin/* "$(find "$work" -name libunroll.a)"; do
  [ -z "$(objdump -d --no-show-raw-insn "$file" | grep -m1 '%[yz]mm')" ] || fail "${file#"$work"} is for newer processors"
done

cd "$work"
printf 'the ship sails on the sea and the sea is wide\n%.0s' {1..40} >text
usr/bin/unroll-char-lm train --text text --out run --epochs 1 --hidden 8 --threads 1 >log 2>&1 || { cat log >&2; fail "unroll-char-lm train"; }
[ -n "$(usr/bin/unroll-char-lm sample --model run --length 20)" ] || fail "unroll-char-lm sample"
cd "$OLDPWD"
bash tests/check_pkg_config.sh "$work/usr" "$compiler"
bash tests/check_pkg_config.sh "$work/usr" "$compiler" -march=native
echo "$package: fields, programs and library are fine"
