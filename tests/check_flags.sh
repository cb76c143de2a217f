#!/usr/bin/env bash
# Every file of the engine (autograd/) is compiled with the engine's flags: -O3, and none of UNROLL_LESS_OPTIMISED.
# usage: check_flags.sh COMPILE_COMMANDS   (in the source tree; of a Release build)
set -euo pipefail

# commands FILE: "SOURCE<tab>COMMAND" for each source that compile_commands.json has, alone or in a united file.
commands() {
  awk '
    function text_of(line) {sub(/^ *"[a-z]+": "/, "", line); sub(/",?$/, "", line); return line}
    /^ *"command": / {command = text_of($0)}
    /^ *"file": / {
      file = text_of($0)
      if (file !~ /\/Unity\/unity_[0-9]+_cxx\.cxx$/) {print file "\t" command; next}
      while ((getline line < file) > 0) if (split(line, part, "\"") > 1) print part[2] "\t" command
      close(file)
    }' "$1"
}

# violations FILE: the engine's sources that are not compiled, or not with its flags.
violations() {
  awk -F '\t' -v root="$PWD/" '
    NR == FNR {source[root $1]; next}
    !($1 in source) {next}
    {
      compiled[$1]
      level = ""
      n = split($2, word, " ")
      for (i = 1; i <= n; i++) {
        if (word[i] ~ /^-O/) level = word[i]
        if (word[i] ~ /^-f(inline-functions|tree-vectorize|vect-cost-model=dynamic)$/) print $1 ": has " word[i]
      }
      if (level != "-O3") print $1 ": is compiled with " (level ? level : "no -O")
    }
    END {for (file in source) if (!(file in compiled)) print file ": is not compiled"}
  ' <(find autograd -name '*.cpp') <(commands "$1")
}

# The check itself is checked, by files that are compiled well, not at all, and each wrong way.
self_test() {
  local tree name found
  tree=$(cd "$(mktemp -d)" && pwd -P)
  mkdir -p "$tree/autograd/core" "$tree/Unity"
  for name in good united level-bad less-bad none-bad united-bad; do : >"$tree/autograd/core/$name.cpp"; done
  entry() { printf '{\n  "directory": "/",\n  "command": "c++ %s -c x",\n  "file": "%s"\n},\n' "$1" "$tree/$2"; }
  printf '#include "%s/autograd/core/united.cpp"\n' "$tree" >"$tree/Unity/unity_0_cxx.cxx"
  printf '#include "%s/autograd/core/united-bad.cpp"\n' "$tree" >"$tree/Unity/unity_1_cxx.cxx"
  { entry "-O2 -O3" autograd/core/good.cpp
    entry "-O3" Unity/unity_0_cxx.cxx
    entry "-O3 -O1" autograd/core/level-bad.cpp
    entry "-O3 -fvect-cost-model=dynamic" autograd/core/less-bad.cpp
    entry "-O1" Unity/unity_1_cxx.cxx
    entry "-O1" layers/any.cpp; } >"$tree/commands.json"
  found=$(cd "$tree" && violations commands.json)
  rm -r "$tree"
  [ "$(grep -c -- '-bad.cpp: ' <<<"$found")" = 4 ] && [ "$(wc -l <<<"$found")" = 4 ] || { echo "$found" >&2; return 1; }
}

self_test || { echo "check_flags.sh no longer finds what it must find" >&2; exit 1; }
found=$(violations "$1")
[ -z "$found" ] || { echo "$found" >&2; exit 1; }
