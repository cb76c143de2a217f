#!/usr/bin/env bash
# Includes run one way, from folder to folder and from room to room, and never in a circle.
#
# - autograd <- layers, autograd <- optim, autograd <- io; data is built on io, errors and random numbers alone; train
#   sees all. Of a folder's rooms each includes those that stand before it in `rooms` only.
# - No unit, a header with its .cpp, includes itself through others; nothing in the library includes an umbrella header.
# - Layers use the engine through Variables and named services: they name neither Tensor, Node nor Tape.
# - All of the library is included by its prefix; no two public headers of a folder share a name.
# usage: check_includes.sh [--edges]   (in the source tree; or prints "FILE INCLUDED" for every include)
set -euo pipefail
folders=(autograd layers optim io data train report export mpi)

# The rooms of a folder, lowest first.
rooms() {
  case $1 in
    autograd) echo base gemm core fused ops plan tools ;;
    layers) echo base cells scan recurrent attention seq2seq learning diagnosis ;;
  esac
}

# What the files of a folder may include of others.
allowed() {
  case $1 in
    autograd) echo '^autograd/' ;;
    layers | optim | io) echo "^(autograd|$1)/" ;;
    data) echo '^(data/|io/|autograd/base/(error|random)\.hpp$)' ;;
    mpi) echo '^(autograd|layers|io|train|mpi)/' ;;
    export) echo '^(autograd|layers|io|export)/' ;;
    train) echo '^(autograd|layers|optim|io|data|train)/' ;;
    report) echo '^(autograd/base/error\.hpp$|(io|data|train|report)/)' ;;
  esac
}

sources() { find "${folders[@]}" -name '*.[ch]pp' 2>/dev/null | sort || true; }

# Umbrella headers: nothing but includes.
umbrellas() {
  awk 'FNR == 1 {tell(); file = FILENAME; includes = code = 0}
       /^ *$/ || /^ *\/\// || /^#pragma once/ {next}
       /^#include/ {includes++; next}
       {code++}
       function tell() {if (file && includes > 2 && !code) print file}
       END {tell()}' $(sources | grep '\.hpp$')
}

# header_paths: "INCLUDED FILE" for every header, as cmake/UnrollHeaders.cmake names them.
header_paths() {
  awk 'FNR == 1 {
         n = split(FILENAME, part, "/")
         print ($0 ~ /\/\/ internal$/ ? "unroll/detail/" FILENAME : "unroll/" part[1] "/" part[n]), FILENAME
       }' $(sources | grep '\.hpp$')
  echo "unroll/version.hpp cmake/version.hpp"
  echo "unroll/detail/config.hpp cmake/config.hpp"
}

# edges: "FILE INCLUDED" for every include of the library; INCLUDED is a file, or what was written if there is none.
edges() {
  awk 'NR == FNR {file[$1] = $2; next}
       match($0, /^ *# *include *["<][^">]*/) {
         name = substr($0, RSTART, RLENGTH); sub(/.*["<]/, "", name)
         if (name in file) print FILENAME, file[name]
         else if ($0 ~ /"/ && name !~ /^(xtensor|xflens|xsimd)/ || name ~ /^unroll\//) print FILENAME, name
       }' <(header_paths) $(sources)
}

# Prints every include that breaks a rule.
violations() {
  local umbrella_list room_list all_edges
  header_paths | awk 'seen[$1]++ {print $2 ": another header is <" $1 "> already"}'
  umbrella_list=$(umbrellas)
  room_list=$(for folder in "${folders[@]}"; do n=0; for room in $(rooms "$folder"); do echo "$folder/$room $((n += 1))"; done; done)
  all_edges=$(edges)
  awk 'FNR == 1 {list++}
       list == 1 {may[$1] = $2; next}
       list == 2 {umbrella[$1]; next}
       {folder = $1; sub("/.*", "", folder)
        target = $2; sub("/.*", "", target)
        if (target == "cmake") next
        if (!(target in may)) print $1 ": \"" $2 "\" is not a header of the library by its prefix"
        else if ($2 !~ may[folder]) print $1 ": " folder " may not include " $2
        else if ($2 in umbrella) print $1 ": " $2 " is an umbrella header"}
      ' <(for folder in "${folders[@]}"; do echo "$folder $(allowed "$folder")"; done) <(echo "$umbrella_list") <(echo "$all_edges")
  awk 'NR == FNR {place[$1] = $2; next}
       function room(file,   part) {return split(file, part, "/") > 2 ? part[1] "/" part[2] : part[1]}
       split($1, a, "/") > 2 && !(room($1) in place) {print $1 ": no room of this name in check_includes.sh"}
       room($1) in place && room($2) in place && a[1] "/" == substr($2, 1, length(a[1]) + 1) &&
         place[room($2)] > place[room($1)] {print $1 ": " room($1) " comes before " room($2) ", and may not include " $2}
      ' <(echo "$room_list") <(echo "$all_edges")
  grep -nE '(^|[^[:alnum:]_])(Tensor|TensorRef|Node|[A-Z][a-z]+Node|Tape)<|tensor\(\)(->|\.)' layers -r --include='*.[ch]pp' |
    sed 's/:.*/: layers name no Tensor, Node or Tape: use or add a service of the engine/' | sort -u
  # Units that are in a circle: those left when what includes nothing, or is included by nothing, is taken away.
  sed -E 's/\.[ch]pp\b//g' <<<"$all_edges" | awk '$1 != $2' | sort -u | awk '
    {from[NR] = $1; to[NR] = $2; left[NR] = 1}
    END {
      do {
        changed = 0; split("", out); split("", in_)
        for (e in left) {out[from[e]] = 1; in_[to[e]] = 1}
        for (e in left) if (!(to[e] in out) || !(from[e] in in_)) {delete left[e]; changed = 1}
      } while (changed)
      for (e in left) print from[e] ": is in a circle of includes with " to[e]
    }'
}

# The check itself is checked: a tree that breaks each rule once.
self_test() {
  local tree rule found expected=0
  tree=$(mktemp -d)
  mkdir "${folders[@]/#/$tree/}" "$tree"/autograd/{core,ops,attic} "$tree"/layers/{base,cells}
  for rule in autograd/x:layers/x optim/x:layers/x io/x:layers/x data/x:autograd/y autograd/x:train/x \
              train/x:unroll train/x:layers/all layers/x:optim/x layers/x:io/x autograd/core/x:autograd/z \
              layers/base/x:layers/c autograd/attic/x:autograd/y; do
    echo "#include \"unroll/${rule#*:}.hpp\"" >>"$tree/${rule%%:*}-bad.cpp"
    expected=$((expected + 1))
  done
  echo '#include "tape.hpp"' >"$tree/autograd/core/near-bad.cpp"
  printf '#pragma once  // internal\n#include "unroll/detail/train/two-bad.hpp"\n' >"$tree/train/one-bad.hpp"
  printf '#pragma once  // internal\n#include "unroll/detail/train/one-bad.hpp"\n' >"$tree/train/two-bad.hpp"
  printf '#pragma once\n' >"$tree/io/three-bad.hpp"
  printf '#pragma once\n#include "unroll/io/three-bad.hpp"\n' >"$tree/io/four-bad.hpp"
  printf '#include "unroll/io/four-bad.hpp"\n' >"$tree/io/three-bad.cpp"
  echo 'v.tensor()->grad = nullptr;' >"$tree/layers/base/tensor-bad.cpp"
  printf '#pragma once\n' | tee "$tree"/{layers,optim,io,train}/x.hpp "$tree"/autograd/core/{y,same-bad}.hpp \
    "$tree"/autograd/ops/{z,same-bad}.hpp >"$tree/layers/cells/c.hpp"
  printf '#pragma once\n// All of it.\n#include "unroll/io/x.hpp"\n#include "unroll/optim/x.hpp"\n#include "unroll/train/x.hpp"\n' \
    >"$tree/train/all.hpp"
  sed -i s,unroll/layers/all,unroll/train/all, "$tree/train/x-bad.cpp"
  found=$(cd "$tree" && violations)
  rm -r "$tree"
  # A tensor in a layer, an include without the prefix, two headers and two units in a circle, two of one name.
  expected=$((expected + 7))
  [ "$(grep -c -- -bad <<<"$found")" = "$expected" ] || { echo "$found" >&2; return 1; }
}

[ "${1:-}" != --edges ] || { edges; exit; }
self_test || { echo "check_includes.sh no longer finds what it must find" >&2; exit 1; }
found=$(violations)
[ -z "$found" ] || { echo "$found" >&2; exit 1; }
