#!/usr/bin/env bash
# Dependencies run one way: autograd <- layers, autograd <- optim, autograd <- io; data stands alone but for
# the error types and the random numbers; train sees all. Nothing in the library includes an umbrella header.
# usage: check_includes.sh   (in the source tree)
set -euo pipefail
folders=(autograd layers optim io data train)

# What the files of a folder may include.
allowed() {
  case $1 in
    autograd) echo '^autograd/' ;;
    layers | optim | io) echo "^(autograd|$1)/" ;;
    data) echo '^(data/|autograd/(error|random)\.hpp$)' ;;
    train) echo '^(autograd|layers|optim|io|data|train)/' ;;
  esac
}

# Umbrella headers: nothing but includes.
umbrellas() {
  find . -name '*.hpp' -not -path './build*' | while read -r header; do
    awk '/^ *$/ || /^ *\/\// || /^#pragma once/ {next} /^#include/ {includes++; next} {code++}
         END {exit !(includes > 2 && !code)}' "$header" && echo "${header#./}"
  done
  true
}

# Prints every include that breaks a rule.
violations() {
  local folder file included all_umbrellas
  all_umbrellas=$(umbrellas)
  for folder in "${folders[@]}"; do
    [ -d "$folder" ] || continue
    find "$folder" -name '*.[ch]pp' | sort | while read -r file; do
      sed -n 's/^ *# *include *"\([^"]*\)".*/\1/p' "$file" | while read -r included; do
        [[ $included == xtensor* || $included == xflens/* || $included == xsimd/* ]] && continue
        if [[ ! $included =~ $(allowed "$folder") ]]; then
          echo "$file: $folder may not include \"$included\""
        elif grep -qxF "$included" <<<"$all_umbrellas"; then
          echo "$file: \"$included\" is an umbrella header"
        fi
      done
    done
  done
}

# The check itself is checked: a tree that breaks each rule once.
self_test() {
  local tree rule found expected=0
  tree=$(mktemp -d)
  mkdir "${folders[@]/#/$tree/}"
  for rule in autograd:layers/x.hpp autograd:optim/x.hpp layers:optim/x.hpp layers:io/x.hpp optim:layers/x.hpp \
              io:layers/x.hpp data:autograd/tape.hpp autograd:train/x.hpp train:unroll.hpp train:layers/all.hpp; do
    echo "#include \"${rule#*:}\"" >>"$tree/${rule%%:*}/bad.cpp"
    expected=$((expected + 1))
  done
  printf '#pragma once\n// All of it.\n#include "a.hpp"\n#include "b.hpp"\n#include "c.hpp"\n' >"$tree/layers/all.hpp"
  found=$(cd "$tree" && violations | grep -c bad.cpp)
  rm -r "$tree"
  [ "$found" = "$expected" ]
}

self_test || { echo "check_includes.sh no longer finds what it must find" >&2; exit 1; }
found=$(violations)
[ -z "$found" ] || { echo "$found" >&2; exit 1; }
