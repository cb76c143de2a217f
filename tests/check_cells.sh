#!/usr/bin/env bash
# The `step` of each cell that the library compiles is [[gnu::noinline]]: see layers/recurrent/library_layer.hpp.
# usage: check_cells.sh   (in the source tree)
set -euo pipefail

# inlined HEADER...: prints the steps that a program could inline.
inlined() {
  local header
  for header in $(grep -lE '^UNROLL_(LAYER|COMPILED_CELL)\(' "$@"); do
    grep -HnE '(^|[ >])step\(const ' "$header" | grep -vF '[[gnu::noinline]]' || true
  done
}

# The check itself is checked.
self_test() {
  local folder found
  folder=$(mktemp -d)
  printf '  [[gnu::noinline]] State step(const V& x, const State& h) const {\nUNROLL_LAYER(Good, GoodCell)\n' >"$folder/good.hpp"
  printf '  State step(const V& x, const State& h) const {\nUNROLL_COMPILED_CELL(BadCell)\n' >"$folder/bad.hpp"
  printf '  State step(const V& x, const State& h) const {\n' >"$folder/own.hpp"
  found=$(inlined "$folder"/*.hpp)
  rm -r "$folder"
  [ "$found" = "$folder/bad.hpp:1:  State step(const V& x, const State& h) const {" ] || { echo "$found" >&2; return 1; }
}

self_test || { echo "check_cells.sh no longer finds what it must find" >&2; exit 1; }
found=$(inlined layers/recurrent/*.hpp)
[ -z "$found" ] || { printf '%s\nwrite [[gnu::noinline]] before it: layers/recurrent/library_layer.hpp says why\n' "$found" >&2; exit 1; }

# The demo's program has a list of its own, and nothing else in the tests links it.
for list in $(sed -n 's/^CellKinds \([a-z_]*_cells\)();.*/\1/p' examples/common/recurrent.hpp); do
  grep -q "^CellKinds $list()" examples/demo/cells.cpp ||
    { echo "examples/demo/cells.cpp lacks $list(), which ./dev demo links" >&2; exit 1; }
done
