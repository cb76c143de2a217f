#!/usr/bin/env bash
# What OpenMP's environment says does not change a bit of a model: the number of threads is what --threads says.
# usage: check_openmp.sh CHAR_LM
set -euo pipefail
char_lm=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset OMP_DYNAMIC OMP_THREAD_LIMIT OMP_NUM_THREADS
for _ in {1..150}; do echo "one bird, two birds, many a bird on the wire"; done >"$work/text"

train() { "$char_lm" train --text "$work/text" --out "$work/$1" --hidden 96 --epochs 1 --batch 16 --threads "$2" >"$work/log" 2>&1; }
# The tensors of a file without its header, which names the folder and times.
weights() {
  local file=$work/$1/last.safetensors header
  header=$(od -An -t u8 -N 8 "$file")
  tail -c "+$((header + 9))" "$file" | sha256sum
}

train plain 2 || { cat "$work/log" >&2; exit 1; }
OMP_DYNAMIC=true OMP_NUM_THREADS=1 train dynamic 2
[ "$(weights plain)" = "$(weights dynamic)" ] || { echo "OMP_DYNAMIC changes the bits" >&2; exit 1; }
OMP_THREAD_LIMIT=1 train limited 2
[ "$(weights plain)" = "$(weights limited)" ] || { echo "OMP_THREAD_LIMIT changes the bits" >&2; exit 1; }
