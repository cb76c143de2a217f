#!/usr/bin/env bash
# Installs the library, moves the prefix, and builds and runs consumers against it.
# usage: run.sh BUILD_DIR SOURCE_DIR COMPILER GENERATOR
set -euo pipefail
build=$1 source=$2
export CXX=$3 CMAKE_GENERATOR=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# consume NAME CMAKE_OPTIONS...: builds and runs the consumer in a folder of its own.
consume() {
  local name=$1
  shift
  echo "-- $name"
  cmake -S "$source/tests/install" -B "$work/$name" "$@" >"$work/$name.log" &&
    cmake --build "$work/$name" --parallel "$(nproc)" >>"$work/$name.log" ||
    { cat "$work/$name.log"; return 1; }
  "$work/$name/consumer"
}

cmake --install "$build" --prefix "$work/first" >"$work/install.log"
mv "$work/first" "$work/moved"
if grep -rlF -e "$work/first" -e "$source" -e '-march=' "$work"/moved/lib*/cmake "$work"/moved/lib*/*/cmake 2>/dev/null; then
  echo "the installed package names the build's folders or its instruction set" >&2
  exit 1
fi

package=(-DCMAKE_PREFIX_PATH="$work/moved" -DCMAKE_BUILD_TYPE=Release)
consume package "${package[@]}"
consume plain-x86-64 "${package[@]}" -DCMAKE_CXX_FLAGS=-march=x86-64
consume native "${package[@]}" -DCMAKE_CXX_FLAGS=-march=native
# Several files at a time and without debug information: this compiles the whole library again.
consume subdirectory -DUNROLL_SOURCE="$source" -DBUILD_SHARED_LIBS=ON -DUNROLL_UNITE=ON -DCMAKE_BUILD_TYPE=Debug \
        -DCMAKE_CXX_FLAGS_DEBUG=
