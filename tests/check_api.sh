#!/usr/bin/env bash
# docs/api.txt has a line for every public name, and no other: a name cannot appear or go unnoticed.
# usage: check_api.sh   (in the source tree)
set -euo pipefail

# The check itself is checked: a header with names of every kind, public and not.
self_test() {
  local tree found
  tree=$(mktemp -d)
  mkdir -p "$tree/layers/cells"
  printf '#pragma once  // internal\nnamespace unroll { struct Internal {}; }\n' >"$tree/layers/cells/internal.hpp"
  cat >"$tree/layers/cells/cell.hpp" <<'TEXT'
#pragma once
#define UNROLL_MAKE(f) void f();
namespace unroll {
namespace detail {
template <class X>
concept Hidden = true;
struct Secret { int value; };
}  // namespace detail
template <class X>
concept Shown = true;
UNROLL_MAKE(made)
#undef UNROLL_MAKE
enum class Kind { first };
void declared(int x);
bool operator<(Kind a, int b);
inline int defined() { struct Local { int inside; }; return 0; }
class Cell {
 public:
  Cell();
  ~Cell();
  int member = 0;
  int operator()(int x) const;
  explicit operator bool() const;
 private:
  struct Part { int piece; };
  int own_ = 0;
};
}  // namespace unroll
TEXT
  found=$(tools/list_api.sh "$tree" | sed 's/  <unroll\/layers\/cell.hpp>$//' | paste -sd ' ')
  rm -r "$tree"
  [ "$found" = "unroll::Cell unroll::Cell::member unroll::Cell::operator bool unroll::Cell::operator() unroll::Kind\
 unroll::Kind::first unroll::Shown unroll::declared unroll::defined unroll::made unroll::operator<" ] || { echo "$found" >&2; return 1; }
}

self_test || { echo "list_api.sh no longer finds what it must find" >&2; exit 1; }
tools/list_api.sh | diff -u docs/api.txt - ||
  { echo "docs/api.txt is not what the headers say (+ they have it, - they have not): run ./dev docs" >&2; exit 1; }
