#!/usr/bin/env bash
# Prints all public names, one a line with the header that declares it: what namespace unroll has outside detail, and the
# public members of its classes. docs/api.txt is this list.
# usage: list_api.sh [FOLDER]   (FOLDER: a source tree, otherwise this one)
set -euo pipefail
export LC_ALL=C
cd "${1:-$(dirname "${BASH_SOURCE[0]}")/..}"

headers=$(grep -L '^#pragma once  // internal' $(find autograd layers optim io data train report export mpi -name '*.hpp' 2>/dev/null))

# ctags takes macros for what they look like and < for a bracket, and that of Debian 12 does not know concepts.
{ ctags --quiet --options=NONE -f - -u --language-force=C++ --kinds-C++=cdefgmpstuv --fields=sak $headers
  awk -v OFS='\t' '
    FNR == 1 {scope = ""}
    /^namespace .*\{/ {scope = scope "::" $2}
    /^}  \/\/ namespace/ {scope = substr(scope, 1, length(scope) - length("::" $NF))}
    {where = "namespace:" substr(scope, 3)}
    match($0, /^ *concept [A-Za-z_]+/) {print $2, FILENAME, "", "concept", where}
    match($0, /^UNROLL_[A-Z]+\([^,)]+/) {
      name = substr($0, RSTART, RLENGTH); sub(/.*\(/, "", name)
      print name, FILENAME, "", "made by a macro", where
    }
    match($0, /^[a-z].* operator<\(/) {print "operator<", FILENAME, "", "operator", where}
    /^#undef / {print $2, FILENAME, "", "undefined"}' $headers
  if [ -e autograd/ops/functions.hpp ]; then # functions of scalar ops are made from their list
    tools/docs/ops.sh functions | grep -oE 'auto [a-z_0-9]+\(' | tr -d '(' |
      awk -v OFS='\t' '{print $2, "autograd/ops/functions.hpp", "", "made from a list", "namespace:unroll"}'
  fi
} | awk -F '\t' '
  # Lines are: name, file, pattern, kind, then scope and access as far as there are such.
  {
    if ($1 ~ /^operator +[^A-Za-z]/) sub(/ +/, "", $1)
    name[NR] = $1; file[NR] = $2; kind = $4
    if (kind == "undefined") undefined[$1]
    for (i = 5; i <= NF; i++) {
      if ($i ~ /^access:/) access[NR] = substr($i, 8)
      else if ($i ~ /^(namespace|class|struct|union|enum|function|typename):/) {
        scope[NR] = $i; sub(/^[a-z]+:/, "", scope[NR])
        if ($i ~ /^function:/) hidden[scope[NR]]
        sub(/::UNROLL_ISA/, "", scope[NR]) # an inline namespace
      }
    }
    if (kind == "d") scope[NR] = "macro"
    if (access[NR] ~ /^(private|protected)$/ && kind ~ /^[csgut]$/) hidden[scope[NR] "::" $1]
  }
  function is_public(i,   parts, n, prefix, k) {
    if (access[i] ~ /^(private|protected)$/) return 0
    if (scope[i] == "macro") return !(name[i] in undefined)
    if (scope[i] !~ /^unroll(::|$)/ || scope[i] ~ /(^|::)(detail|__anon[0-9a-f]*)(::|$)/) return 0
    n = split(scope[i], parts, "::")
    if (name[i] == parts[n] || name[i] ~ /^(~|__anon|UNROLL_)/) return 0 # constructors, destructors, calls of macros
    prefix = ""
    for (k = 1; k <= n; k++) {
      prefix = prefix (k > 1 ? "::" : "") parts[k]
      if (prefix in hidden) return 0
    }
    return 1
  }
  END {
    for (i = 1; i <= NR; i++) if (is_public(i)) {
      n = split(file[i], part, "/")
      print (scope[i] == "macro" ? "" : scope[i] "::") name[i] "  <unroll/" part[1] "/" part[n] ">"
    }
  }' | sort -u
