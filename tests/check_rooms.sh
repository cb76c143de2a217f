#!/usr/bin/env bash
# The drawing of the rooms, docs/rooms.dot, shows how the folders and rooms include each other: each include follows
# its arrows, each arrow has an include, and docs/rooms.svg was drawn from it.
# usage: check_rooms.sh   (in the source tree)
set -euo pipefail

# drawn_arrows DOT: "FROM TO" for every arrow between rooms.
drawn_arrows() { sed -nE 's/^ *([a-z_0-9]+) -> ([a-z_0-9]+)$/\1 \2/p' "$1" | sed -E 's,(autograd|layers)_,\1/,g'; }

# The same of an SVG, in which each arrow has a title.
svg_arrows() { sed -nE 's/^<title>([a-z_0-9]+)&#45;&gt;([a-z_0-9]+)<.*/\1 \2/p' "$1" | sed -E 's,(autograd|layers)_,\1/,g'; }

# room_includes: "FROM TO" for the rooms of "FILE INCLUDED" lines.
room_includes() {
  awk 'function room(file,   part) {return split(file, part, "/") > 2 ? part[1] "/" part[2] : part[1]}
       $2 ~ /^(autograd|layers|optim|io|data|train|report|export|mpi)\// && room($1) != room($2) {print room($1), room($2)}' | sort -u
}

# differences ARROWS INCLUDES: what one says and the other does not.
differences() {
  awk 'NR == FNR {if ($1 != "programs") arrow[$1 " " $2]; to[$1] = to[$1] " " $2; next}
       {included[$1 " " $2]}
       function reaches(from, target,   n, next_, k) {
         n = split(to[from], next_, " ")
         for (k = 1; k <= n; k++) if (next_[k] == target || reaches(next_[k], target)) return 1
         return 0
       }
       END {
         for (e in included) {split(e, room, " "); if (!reaches(room[1], room[2])) print "no arrows lead from " room[1] " to " room[2]}
         for (e in arrow) if (!(e in included)) print "no include is behind the arrow from " e
       }' "$1" "$2" | sort
}

# The check itself is checked.
self_test() {
  local found
  found=$(differences <(printf 'a b\nb c\nb d\n') <(printf 'a b\na c\nb c\nc a\n'))
  [ "$found" = "no arrows lead from c to a
no include is behind the arrow from b d" ]
}

self_test || { echo "check_rooms.sh no longer finds what it must find" >&2; exit 1; }
found=$(differences <(drawn_arrows docs/rooms.dot) <(bash tests/check_includes.sh --edges | room_includes))
cmp -s <(drawn_arrows docs/rooms.dot | sort) <(svg_arrows docs/rooms.svg | sort) ||
  found+=$'\n'"docs/rooms.svg was drawn from another docs/rooms.dot: ./dev docs draws it"
[ -z "$found" ] || { echo "$found" >&2; exit 1; }
