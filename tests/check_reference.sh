#!/usr/bin/env bash
# The reference can be made of the public headers and the guides without a warning: every public name has a comment.
# usage: check_reference.sh   (in the source tree)
set -euo pipefail

# What tools/docs/comments.awk makes of declarations that Doxygen cannot be left alone with, line for line.
self_test() {
  local made
  made=$(awk -v room=cells -f tools/docs/comments.awk <<'CPP'
#pragma once
/// Not ours.
template <class T>
struct xt::of_theirs<T> {
  using type = T;
};
/// A cell.
struct Cell {
  [[gnu::noinline]] State step(const Variable<T>& x, const State& h) const {
CPP
  )
  [ "$(wc -l <<<"$made")" = 9 ] && ! grep -qE 'ours|theirs|type' <<<"$made" && grep -qx '/// A cell.' <<<"$made" &&
    grep -qE '^/\*\* One time step.* \*/ +\[\[gnu::noinline\]\] State step' <<<"$made" || { echo "$made"; return 1; }
}

self_test || { echo "tools/docs/comments.awk no longer prepares a header as it must" >&2; exit 1; }
command -v doxygen >/dev/null || { echo "not built: Doxygen is not installed"; exit 0; }
tools/docs/build.sh
