#!/usr/bin/env bash
# A program without CMake: compiled, linked and run by what pkg-config says of the installed library, wherever its
# prefix was moved to; without warnings about shadowed names, where its headers are not those of the system.
# usage: check_pkg_config.sh PREFIX COMPILER [FLAG...]   (an installed tree; flags for the compiler)
set -euo pipefail
prefix=$1 compiler=$2
shift 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name unroll.pc)")
export PKG_CONFIG_PATH
cat >"$work/sum.cpp" <<'CPP'
#include <unroll/autograd/linear.hpp>
#include <unroll/data/symbols.hpp>
#include <unroll/layers/elman.hpp>
#include <unroll/layers/gru.hpp>
#include <unroll/layers/lstm.hpp>
#include <unroll/layers/skip_rnn.hpp>
#include <unroll/version.hpp>
#include <cstring>
template <class Cell>
void scan_with() {
  unroll::scan(Cell(2, 2), unroll::Variable<float>({3, 1, 2}, 1.F));
}
// d (x w) / dw = x, by the engine and its products of matrices.
int main(int, char** argv) {
  scan_with<unroll::ElmanCell<float>>(), scan_with<unroll::LstmCell<float>>(), scan_with<unroll::GruCell<float>>();
  scan_with<unroll::InputGateCell<float>>();
  unroll::Variable<float> w({1, 1}, 2.F);
  const unroll::Variable<float> x({1, 1}, 3.F);
  w.requires_grad(true);
  const unroll::Variable<float> y = unroll::linear(x, w);
  y.backward();
  const bool word = unroll::symbol_length("\u092f\u0939\u0940 x", unroll::Level::word) == 9;  // by Unicode's categories
  return word && y.item() == 6 && w.grad()(0, 0) == 3 && std::strcmp(argv[1], UNROLL_VERSION_STRING) == 0 ? 0 : 1;
}
CPP
read -ra flags <<<"$(pkg-config --cflags --libs unroll)"
"$compiler" -std=c++20 -O1 -Wshadow -Werror "$@" "$work/sum.cpp" "${flags[@]}" -o "$work/sum"
"$work/sum" "$(pkg-config --modversion unroll)"

# The headers as they are, not as those of the system: no warning, with either compiler; and one message without C++20.
read -ra cflags <<<"$(pkg-config --cflags unroll)"
warnings=(-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Werror)
for other in "$compiler" clang++; do
  command -v "$other" >"$work/found" || continue
  "$other" -std=c++20 -fsyntax-only "${warnings[@]}" "${cflags[@]}" tests/install/consumer.cpp
done
"$compiler" -std=c++17 -fsyntax-only "${cflags[@]}" "$work/sum.cpp" 2>"$work/old" && { echo "C++17 will do" >&2; exit 1; }
if [ "$(grep -c 'error:' "$work/old")" != 1 ] || ! grep -q 'unroll needs C++20' "$work/old"; then
  cat "$work/old" >&2
  echo "C++17: need one clear message" >&2
  exit 1
fi
