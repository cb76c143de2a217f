#!/usr/bin/env bash
# Makes the reference, build/docs/index.html, out of the public headers and the guides; a warning is an error.
# usage: build.sh   (in the source tree)
set -euo pipefail
export LC_ALL=C
source=build/docs-source
rm -rf "$source" build/docs
mkdir -p "$source" build/docs

# Headers under the names by which programs include them.
for header in $(grep -L '^#pragma once  // internal' $(find autograd layers optim io data train report export mpi -name '*.hpp')); do
  copy=$source/unroll/${header%%/*}/${header##*/}
  mkdir -p "${copy%/*}"
  room=${header%/*}
  awk -v room="${room/\//_}" -f tools/docs/comments.awk "$header" >"$copy"
done
# What a list of ops becomes, in the place of the macro that makes it.
functions=$(tools/docs/ops.sh functions)
awk -v functions="$functions" '/^UNROLL_UNARY_OPS\(/ {print functions; next} /^UNROLL_BINARY_OPS\(/ {print ""; next} {print}' \
  "$source/unroll/autograd/functions.hpp" >"$source/functions" && mv "$source/functions" "$source/unroll/autograd/functions.hpp"

# Guides in the order of a reader who begins; those not named here follow.
guides=$(ls README.md SECURITY.md docs/*.md | awk '
  BEGIN {n = split("README first_cell recurrent_networks ops from_pytorch char_lm classify tag translate addition forecast architecture contributing reliability SECURITY performance file_formats", order, " ")
         for (k = 1; k <= n; k++) place[order[k] ".md"] = k}
  {name = $0; sub(/.*\//, "", name); print (name in place ? place[name] : 99), $0}' | sort -n | cut -d' ' -f2)
names=" $(for guide in $guides; do printf '%s ' "${guide##*/}"; done)"
for guide in $guides; do
  awk -v guides="$names" -f tools/docs/guide.awk "$guide" >"$source/${guide##*/}"
done

# Doxygen's own layout, with names of ours, and what a thing is before what it has.
doxygen -l "$source/layout.default"
awk '/type="pages"/ {sub(/title=""/, "title=\"Guides\"")}
     /type="modules"/ {sub(/title=""/, "title=\"Topics\"")}
     /type="files"/ {sub(/title=""/, "title=\"Headers\"")}
     /type="(hierarchy|globals)"/ {sub(/visible="yes"/, "visible=\"no\"")}
     /<(class|group)>/ {about = 1}
     /<\/(class|group)>/ {about = 0}
     about && /<detaileddescription/ {next}
     about && /<briefdescription/ {print "    <detaileddescription title=\"About\"/>"; next}
     {print}' "$source/layout.default" >"$source/layout.xml"

version=$(sed -nE 's/^project\(unroll VERSION ([0-9.]+).*/\1/p' CMakeLists.txt)
doxygen - <<TEXT
@INCLUDE       = tools/docs/Doxyfile
PROJECT_NUMBER = $version
INPUT          = $(for guide in $guides; do printf '%s ' "$source/${guide##*/}"; done) tools/docs/rooms.dox $source/unroll
TEXT
