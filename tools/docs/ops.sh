#!/usr/bin/env bash
# The tables of docs/ops.md, made from the sources: a scalar op's row from its struct in scalar_ops.hpp, a header's row
# from what it declares.
# usage: ops.sh            prints docs/ops.md as it should be
#        ops.sh functions  prints declarations of what functions.hpp makes of the lists, for the reference
# (in the source tree)
set -euo pipefail
export LC_ALL=C
lists=autograd/fused/scalar_op_list.hpp structs=autograd/fused/scalar_ops.hpp

# names LIST: the ops of one list of scalar_op_list.hpp, in its order.
names() {
  awk -v list="#define $1(X)" '
    index($0, list) {open = 1}
    open {line = $0; while (match(line, /X\([a-z_0-9]+\)/)) {print substr(line, RSTART + 2, RLENGTH - 3); line = substr(line, RSTART + RLENGTH)}}
    open && !/\\$/ {exit}' "$lists"
}

# meanings: "OP TAB ARITY TAB MEANING" of every scalar op, in the order of the structs.
meanings() {
  awk '/^\/\/\/ / {about = substr($0, 5)}
       match($0, /^struct [a-z_0-9]+_op /) && match($0, /UNROLL_OP\([a-z_0-9]+, [0-9]/) {
         split(substr($0, RSTART + 10, RLENGTH - 10), op, ", ")
         print op[1] "\t" op[2] "\t" about
       }' "$structs"
}

scalar_rows() {
  local unary binary
  unary=" $(names UNROLL_UNARY_OPS | tr '\n' ' ')" binary=" $(names UNROLL_BINARY_OPS | tr '\n' ' ')"
  meanings | awk -F'\t' -v unary="$unary" -v binary="$binary" '
    BEGIN {
      split("add + sub - mul * div / greater > greater_equal >=", sign, " ")
      for (k = 1; k in sign; k += 2) call[sign[k]] = "a " sign[k + 1] " b"
      call["neg"] = "-x"
      call["leaky_relu"] = "leaky_relu(x, slope)"
      call["elu"] = "elu(x, alpha)"
      call["clamp"] = "clamp(a, b, c)"
      call["where"] = "where(a, b, c)"
      call["lerp"] = "lerp(a, b, c)"
      call["root_one_minus_square"] = "root_one_minus_square(a, floor)"
      call["root_one_minus_exp"] = "root_one_minus_exp(l, floor)"
    }
    {
      how = index(unary, " " $1 " ") ? $1 "(x)" : index(binary, " " $1 " ") ? $1 "(a, b)" : call[$1]
      if (how == "") {print "ops.sh: how is " $1 " called?" >"/dev/stderr"; exit 1}
      gsub(/\|/, "\\|", $3)
      print "| `" how "` | " $3 " |"
    }'
}

# header_row HEADER: its names outside of namespace detail, and the first sentence of its comment.
header_row() {
  awk '
    /^\/\/\/ \\file / {about = substr($0, 11); more = 1; next}
    more && /^\/\/\/ / && about !~ /\.$/ {about = about " " substr($0, 5); next}
    {more = 0}
    inside || /^namespace (unroll::)?detail/ {inside += gsub(/{/, "{") - gsub(/}/, "}"); next}
    /^[ #}\/]/ || /^(template|using|namespace|extern|static_assert|UNROLL)/ {next}
    /^requires/ && !/ auto [a-z_0-9]+\(/ {next}
    match($0, /^(class|struct|enum class|concept) [A-Z][A-Za-z0-9]*/) {
      name = substr($0, RSTART, RLENGTH); sub(/.* /, "", name); add(name); next
    }
    match($0, /[ &][a-z_][a-z_0-9]*\(/) && !/operator/ {add(substr($0, RSTART + 1, RLENGTH - 2))}
    function add(name) {if (!(name in seen)) {seen[name]; names = names " " name}}
    END {
      if (names == "") exit
      sub(/:? `.*/, "", about)
      sub(/\. .*/, "", about); sub(/\.$/, "", about)
      gsub(/\|/, "\\|", about)
      file = FILENAME; sub(/.*\//, "", file)
      print "| " file " | `" substr(names, 2) "` | " about " |"
    }' "$1"
}

functions() {
  local op how said
  meanings | while IFS=$'\t' read -r op how said; do
    if grep -qx "$op" <(names UNROLL_UNARY_OPS); then
      printf '/** %s */ template <detail::Operand X> auto %s(X&& x); ' "$said" "$op"
    elif grep -qx "$op" <(names UNROLL_BINARY_OPS); then
      printf '/** %s */ template <class A, class B> requires detail::Operands<A, B> auto %s(A&& a, B&& b); ' "$said" "$op"
    fi
  done
}

page() {
  cat <<'TEXT'
# Which header has which op
`unroll::Variable`, `grad` and `parameter` are in `unroll/autograd/variable.hpp`, which all of these include.
`./dev docs` generates the tables from the sources.

## Scalar ops
They are in `unroll/autograd/functions.hpp`. Operands are Variables, expressions and numbers, which broadcast as in
NumPy. An expression is lazy: it is evaluated in one loop when it is converted to a Variable.

| call | value |
|---|---|
TEXT
  scalar_rows
  cat <<'TEXT'

`a < b` and `a <= b` are `b > a` and `b >= a`.

Maximum errors over the whole range, in units in the last place, including denormal results unless `FlushToZero` is on:
`sqrt`, `square` and `log1p` 1; `exp`, `log`, `tanh`, `sigmoid`, `sin`, `cos`, `expm1`, `erf` and both roots of 1 − a² 2;
`softplus`, `log_sigmoid`, `tan` and `atan2` 3; `pow`, `elu`, `silu` and `gelu_tanh` 4; `mish` 5; `gelu` and `erfc` 6;
`sigmoid` 2.5 on a processor without fused multiply-add (FMA). `sign`, `floor` and `round` are exact.
`tests/test_accuracy.cpp` checks these bounds against long double.

`log_sigmoid(x)` is `-softplus(-x)`, and `hardtanh(x, low, high)` is `clamp` between numbers.

The derivatives of `sigmoid` and `tanh` are computed from their values, as y (1 − y) and 1 − y². They are 0 where y rounds
to 1: from about 17 on for `sigmoid` (37 in double) and from 9 (19) for `tanh`. The same holds for the second derivative of
`softplus`.

Float sums of any number of positive terms are accurate to 1e-6: at most 16 terms are added in float, and these partial
sums in double. So are products' inner sums of more than 16,384 terms.

## Everything else
Array ops are evaluated immediately and return Variables; they also accept expressions.

| header in unroll/autograd/ | names | what for |
|---|---|---|
TEXT
  for header in $(grep -L '^#pragma once  // internal' autograd/*/*.hpp | sort -t/ -k3); do
    header_row "$header"
  done
  cat <<'TEXT'

Layers are in unroll/layers/, each in a header of the same name; losses and pooling over sequences of different lengths
use `unroll/layers/pooling.hpp`. `#include <unroll/layers/recurrent.hpp>` gives `Recurrent`, `scan` and all scalar ops.
TEXT
}

case ${1:-} in
  functions) functions ;;
  *) page ;;
esac
