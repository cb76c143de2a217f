#!/usr/bin/env bash
# Installs the library, moves the prefix, and builds and runs consumers: against the installed copy, and with the
# library as a part of their project.
# usage: run.sh [--whole] BUILD_DIR SOURCE_DIR COMPILER GENERATOR
#
# A part of the project is compiled whole, as a shared library, with --whole. Without it, the consumers are compiled and
# linked as that project says, but to the library that BUILD_DIR has already: with the same include path, definitions,
# flags and libraries, and in a small part of the time. (Other generators than Ninja cannot tell how they would link:
# they compile the whole library.)
set -euo pipefail
whole=
[ "$1" != --whole ] || { whole=yes; shift; }
build=$1 source=$2
export CXX=$3 CMAKE_GENERATOR=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
programs=(consumer crowded own prefix)

fail() { echo "$*" >&2; exit 1; }

# logged NAME COMMAND...: shows what it printed if it fails.
logged() {
  local log=$work/$1.log
  shift
  "$@" >>"$log" 2>&1 || { cat "$log"; return 1; }
}

# configure NAME CMAKE_OPTIONS...: the consumers' project in a folder of its own.
configure() {
  local name=$1
  shift
  echo "-- $name"
  logged "$name" cmake -S "$source/tests/install" -B "$work/$name" -DNAMES="$work/names" "$@"
}

# build NAME PROGRAM...: compiles, links and runs.
build() {
  local name=$1 program
  shift
  logged "$name" cmake --build "$work/$name" --parallel "$(nproc)" --target "$@"
  for program; do [ ! -e "$work/$name/$program" ] || "$work/$name/$program"; done
}

# build_with_built NAME PROGRAM...: the same for a project that has the library as a part, with the library from BUILD_DIR
# in place of its own. Ninja tells the commands: the last of each program links it.
build_with_built() {
  local name=$1 program
  shift
  cp "$build/libunroll.a" "$work/$name/unroll/libunroll.a"
  cd "$work/$name"
  for program; do
    ninja -t commands "$program" | grep "CMakeFiles/$program.dir/" >"$program.commands"
  done
  for program; do head -n 1 "$program.commands"; done |
    logged "$name" xargs -d '\n' -P "$(nproc)" -I{} sh -c '{}'
  for program; do
    logged "$name" sh -c "$(tail -n 1 "$program.commands")"
    "./$program"
  done
  cd - >"$work/cd"
}

# refused MESSAGE FLAGS...: a program that is compiled with these flags ends with this message.
refused() {
  local message=$1
  shift
  ! echo '#include <unroll/unroll.hpp>' | $CXX -std=c++20 -isystem "$work/moved/include" "$@" -E -x c++ - \
    >"$work/refused" 2>&1 || fail "compiled with '$*', which must be refused"
  grep -q "#error \"$message" "$work/refused" || { cat "$work/refused"; fail "compiled with '$*': no clear message"; }
}

# The library's headers without the prefix: as they lie in the source tree, by folder and name, and by name alone; but
# not what is there without the library (Debian's xtensor has a header <xtensor.hpp>).
(cd "$source" && find autograd layers optim io data train report export mpi -name '*.hpp') |
  awk -F / '{print; print $1 "/" $NF; print $NF}' | sort -u |
  sed 's/.*/#if !__has_include(<&>)\n"&"\n#endif/' | $CXX -E -P -x c++ - | tr -d '"' >"$work/names"

if [ "$whole" ]; then
  # Several files at a time and without debug information.
  configure subdirectory -DUNROLL_SOURCE="$source" -DBUILD_SHARED_LIBS=ON -DUNROLL_UNITE=ON -DCMAKE_BUILD_TYPE=Debug \
            -DCMAKE_CXX_FLAGS_DEBUG= -DCMAKE_UNITY_BUILD=ON
  build subdirectory "${programs[@]}"
  exit
fi

cmake --install "$build" --prefix "$work/first" >"$work/install.log"
mv "$work/first" "$work/moved"
if grep -rF -e "$work/first" -e "$source" -e '-march=' "$work"/moved/lib*/cmake "$work"/moved/lib*/*/cmake 2>/dev/null |
     sed 's/-march=native -fno-math-errno//; s/-march=native;-fno-math-errno//' | grep -F -e "$work/first" -e "$source" -e '-march='; then
  fail "the installed package names the build's folders or its instruction set"
fi
refused "unroll was built with XTENSOR_USE_XSIMD"
refused "UNROLL_MUTANTS is an option of unroll's own build" -DXTENSOR_USE_XSIMD -DUNROLL_MUTANTS

# For the oldest processor, and for this one; what does not depend on it, once.
package=(-DCMAKE_PREFIX_PATH="$work/moved" -DCMAKE_BUILD_TYPE=Release)
configure plain-x86-64 "${package[@]}" -DCMAKE_CXX_FLAGS=-march=x86-64
build plain-x86-64 "${programs[@]}" cells
# `hidden` has a shared library made of the static one.
configure native "${package[@]}" -DNATIVE=ON
build native consumer hidden

# The loops of fused expressions lie in a namespace that is named after the instruction set, the library's in one of
# their own. A user's cell is compiled for the user's processor, a cell of the library never in the user's file.
loops() {
  { nm --demangle "$@" 2>/dev/null || true; } |
    awk '/(forward|backward)_row/ && match($0, /(own_)?isa_[a-z0-9]+/) {print substr($0, RSTART, RLENGTH)}' | sort -u | tr '\n' ' '
}
object=CMakeFiles/consumer.dir/consumer.cpp.o
own=$(loops "$work/moved"/lib*/libunroll.a "$work/moved"/lib*/*/libunroll.a)
plain=$(loops "$work/plain-x86-64/$object")
native=$(loops "$work/native/$object")
cells=$(loops "$work/plain-x86-64/CMakeFiles/cells.dir/cells.cpp.o")
[[ $own == own_isa_* && $own != *' isa_'* ]] || fail "the library has the loops '$own'"
[ "$plain" = "isa_base " ] || fail "compiled for any x86-64, a cell has the loops '$plain'"
[[ $native == isa_* && $native != *base* ]] || fail "compiled with unroll::native, a cell has the loops '$native'"
[ -z "$cells" ] || fail "a file that uses the library's cells has loops of its own: '$cells'"

configure subdirectory -DUNROLL_SOURCE="$source" -DCMAKE_UNITY_BUILD=ON
if [ "$CMAKE_GENERATOR" = Ninja ] && [ -e "$build/libunroll.a" ]; then
  build_with_built subdirectory consumer own prefix # `crowded` is about what the headers say, and they say the same
else
  build subdirectory "${programs[@]}"
fi
