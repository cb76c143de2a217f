#!/usr/bin/env bash
# Every cell as C: written, compiled, run, and held against the library.
# run.sh WRITE_ALL DRIVER.C STEPS [COMPILER...]; without a compiler: cc. Of compilers, `g++` and `clang++` take the files as C++17.
set -euo pipefail
write=$1 driver=$2 steps=$3
shift 3
compilers=("${@:-cc}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$write" "$work" "$steps"
strict="-pedantic -Wall -Wextra -Wconversion -Werror"
failed=0 count=0
for compiler in "${compilers[@]}"; do
  language="-std=c99"
  case $compiler in *++*) language="-x c++ -std=c++17" ;; esac
  for case in "$work"/*.h.in; do
    name=$(basename "$case" .h.in)
    # shellcheck disable=SC2086
    $compiler $language $strict -O1 ${SANITIZE:-} -c "$work/$name.c" -o "$work/$name.o" || { failed=$((failed + 1)); continue; }
    # No variable that changes, and nothing from outside but libm: nothing at all where the mathematics is in the file.
    if [ -z "${SANITIZE:-}" ]; then
      if nm "$work/$name.o" | grep -E ' [bBdDC] '; then echo "$name: has variables"; failed=$((failed + 1)); fi
      outside=$(nm -u "$work/$name.o" | awk '{print $2}' | grep -vxE '(exp|log|log1p|expm1|tanh|sqrt|pow|erf|erfc|sin|cos|sincos|tan|atan2|floor|rint|fabs)f?|_GLOBAL_OFFSET_TABLE_|memcpy|memset|memmove' || true)
      case $name in *_fast) outside=$(nm -u "$work/$name.o" | awk '{print $2}' | grep -vxE '_GLOBAL_OFFSET_TABLE_|memcpy|memset|memmove' || true) ;; esac
      if [ -n "$outside" ]; then echo "$name: needs $outside"; failed=$((failed + 1)); fi
    fi
    # shellcheck disable=SC2086
    ${compiler//++/cc} -std=gnu99 -O1 ${SANITIZE:-} -I"$work" -DCASE="\"$case\"" -c "$driver" -o "$work/driver.o" 2>/dev/null ||
      cc -std=gnu99 -O1 ${SANITIZE:-} -I"$work" -DCASE="\"$case\"" -c "$driver" -o "$work/driver.o"
    # shellcheck disable=SC2086
    $compiler ${SANITIZE:-} "$work/driver.o" "$work/$name.o" -o "$work/$name" -lm
    "$work/$name" || { echo "$name: wrong with $compiler"; failed=$((failed + 1)); }
    count=$((count + 1))
  done
done
# The polynomials of `fast`, at every UNROLL_FAST_STEP-th float.
cc -std=gnu99 -O2 -I"$work" -DCASE='"fast_ops.c"' -DSTEP="${UNROLL_FAST_STEP:-4999}" "$(dirname "$driver")/fast_math.c" -o "$work/fast_math" -lm
"$work/fast_math" || { echo "fast: not right to 2e-7"; failed=$((failed + 1)); }
if grep -l "int injected" "$work"/*.c | head -1 | xargs grep -n "int injected" | grep -v '^[0-9]*: \*'; then failed=$((failed + 1)); fi
echo "$count networks, $failed failures"
[ "$failed" = 0 ] && [ "$count" -gt 50 ]
