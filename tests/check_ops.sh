#!/usr/bin/env bash
# docs/ops.md is what tools/docs/ops.sh makes of the sources.
# usage: check_ops.sh   (in the source tree)
set -euo pipefail

# The check itself is checked: a new op in its struct and one list appears by itself, with its function.
self_test() {
  local tree status=0
  tree=$(mktemp -d)
  mkdir -p "$tree/tools"
  cp -r autograd "$tree" && cp -r tools/docs "$tree/tools"
  cat >>"$tree/autograd/fused/scalar_ops.hpp" <<'CPP'
/// x + 1
struct next2_op { UNROLL_OP(next2, 1);
CPP
  sed -i 's/^#define UNROLL_UNARY_OPS(X)/& X(next2)/' "$tree/autograd/fused/scalar_op_list.hpp"
  grep -qxF '| `next2(x)` | x + 1 |' <(cd "$tree" && tools/docs/ops.sh) &&
    grep -qF 'auto next2(X&& x)' <(cd "$tree" && tools/docs/ops.sh functions) || status=1
  rm -r "$tree"
  return $status
}

self_test || { echo "tools/docs/ops.sh no longer finds a new op" >&2; exit 1; }
diff <(tools/docs/ops.sh) docs/ops.md || { echo "docs/ops.md is stale: ./dev docs writes it" >&2; exit 1; }
