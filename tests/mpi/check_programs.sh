#!/usr/bin/env bash
# Programs under mpirun: the weights have the same bits for any number of processes, also through a kill and --resume
# with another number of them; ranks started with other options end with a message.
# usage: check_programs.sh FOLDER_OF_PROGRAMS
set -euo pipefail
programs=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mpi() { mpirun --oversubscribe -n "$@"; }

# tensors RUN: a sum over all tensors of a run's last checkpoint; the times in its metadata do not count.
tensors() {
  python3 - "$1/last.safetensors" <<'PYTHON'
import hashlib, json, struct, sys
data = open(sys.argv[1], "rb").read()
size = struct.unpack("<Q", data[:8])[0]
header = json.loads(data[8:8 + size])
total = hashlib.sha256()
for name in sorted(k for k in header if k != "__metadata__" and "checkpoint.json" not in k):
    first, last = header[name]["data_offsets"]
    if header[name]["dtype"] == "U8":
        continue  # text: options and times
    total.update(name.encode() + data[8 + size + first:8 + size + last])
print(total.hexdigest())
PYTHON
}

fail() { echo "check_programs.sh: $*" >&2; exit 1; }
# same A B WHAT
same() { [ "$(tensors "$1")" = "$(tensors "$2")" ] || fail "$3: $1 and $2 differ"; }

seq 1 3000 | awk '{print "line " $1 " of " $1 * 7 % 113 " words, and " $1 * $1 % 31}' >text
seq 1 60 | awk '{printf "%s\tname%d\n", $1 % 2 ? "odd" : "even", $1 * 37}' >labels

# char_lm PROCESSES OUT [OPTION...]
char_lm() {
  local processes=$1 out=$2
  shift 2
  mpi "$processes" "$programs/char_lm" train --text text --out "$out" --hidden 16 --batch 10 --seq-length 20 \
      --dropout 0.2 --valid-fraction 0.1 "$@" >"$out.log" 2>&1 || { cat "$out.log"; fail "char_lm on $processes: $?"; }
}

for cell in lstm gru mingru; do
  "$programs/char_lm" train --text text --out "$cell-alone" --hidden 16 --batch 10 --seq-length 20 --dropout 0.2 \
      --valid-fraction 0.1 --cell "$cell" --epochs 1 --shards 8 >"$cell-alone.log"
  for processes in 1 2 3 4; do
    char_lm $processes "$cell-$processes" --cell "$cell" --epochs 1
    same "$cell-alone" "$cell-$processes" "char_lm --cell $cell"
  done
done
[ "$(grep -c 'epoch 1' lstm-4.log)" = "$(grep -c 'epoch 1' lstm-1.log)" ] || fail "four processes print more than one"

# Another number of processes goes on, with the same bits.
char_lm 4 parts --epochs 1
mpi 2 "$programs/char_lm" train --out parts --resume --epochs 2 >parts2.log 2>&1 || { cat parts2.log; fail "resume"; }
char_lm 3 whole --epochs 2
same parts whole "char_lm --resume"

# A process is killed in the middle; what is left goes on.
(char_lm 4 killed --epochs 3 --eval-every 20 || true) &
for _ in $(seq 200); do [ -e killed/last.safetensors ] && break; sleep 0.1; done
pkill -9 -n -f "$work.*|char_lm train --text text --out killed" || fail "nothing to kill"
wait
mpi 2 "$programs/char_lm" train --out killed --resume >killed2.log 2>&1 || { cat killed2.log; fail "resume after a kill"; }
grep -q "was cut off" killed2.log || fail "--resume does not tell that the run was cut off"
char_lm 1 long --epochs 3 --eval-every 20
same killed long "char_lm, killed and resumed"

# Other programs.
for processes in 1 3; do
  mpi $processes "$programs/classify" train --text labels --out "names-$processes" --hidden 8 --epochs 2 --batch 10 \
      >"names-$processes.log" 2>&1 || { cat "names-$processes.log"; fail "classify on $processes"; }
  mpi $processes "$programs/addition" train --out "sums-$processes" --hidden 8 --epochs 1 --steps 30 --batch 9 \
      >"sums-$processes.log" 2>&1 || { cat "sums-$processes.log"; fail "addition on $processes"; }
done
same names-1 names-3 classify
same sums-1 sums-3 addition

# Ranks with other options are told apart.
if mpi 1 "$programs/char_lm" train --text text --out other --lr 0.01 --epochs 1 : \
    -n 1 "$programs/char_lm" train --text text --out other --lr 0.02 --epochs 1 >other.log 2>&1; then
  fail "ranks with two learning rates train together"
fi
grep -q -- "--lr" other.log || { cat other.log; fail "the message does not name --lr"; }
echo "programs: same bits"
