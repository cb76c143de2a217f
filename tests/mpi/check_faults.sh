#!/usr/bin/env bash
# Every way in which a rank can fail: all ranks end in time, with a status that is not 0 and a message that says why; no
# process and no lock is left; and the run goes on from its last checkpoint, on another number of ranks, to the same bits.
# usage: check_faults.sh PROGRAM TRIALS [FAULT...]   (PROGRAM: tiny_training)
# MPIRUN is the mpirun to use. The program's steps take milliseconds; a start takes about a second.
set -euo pipefail
program=$1 trials=$2
shift 2
faults=("$@")
[ ${#faults[@]} -gt 0 ] || faults=(kill throw nan exit exit0 disk stop seed options program usr1 term int term_at_once orphan)
mpirun=${MPIRUN:-mpirun}
ranks=4
watchdog=2 # seconds
longest=10 # seconds in which all must have ended, beside what a run without a fault takes
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  echo "$fault, trial $trial: $*" >&2
  sed 's/^/  | /' "$folder.log" >&2
  exit 1
}

now() { date +%s%3N; }
says() { grep -qE -e "$1" "$folder.log" || fail "no line says '$1'"; }
first_step() { grep -oE '^step [0-9]+' "$folder.log" | head -n 1 | cut -d' ' -f2; }
last_step() { grep -oE '^step [0-9]+' "$folder.log" 2>/dev/null | tail -n 1 | cut -d' ' -f2; }

# left: processes that still name the folder; those of this script do not.
left() { pgrep -f -c "tiny_training.* $folder( |\$)" || true; }

# all_ended: no process is left after a moment.
all_ended() {
  local k
  for k in {1..40}; do
    [ "$(left)" != 0 ] || return 0
    sleep 0.05
  done
  fail "$(left) processes are left: $(pgrep -f -a "$folder")"
}

# run ARG...: a run on all ranks; sets status and how many milliseconds it took.
run() {
  local begin
  begin=$(now)
  status=0
  timeout -s KILL 60 "$mpirun" -n $ranks "$program" "$folder" --watchdog $watchdog "$@" >"$folder.log" 2>&1 || status=$?
  took=$(($(now) - begin))
}

# start ARG...: the same in the background, until some steps are done; every step takes 50 ms.
start() {
  local k
  "$mpirun" -n $ranks "$program" "$folder" --watchdog 60 --fault slow 0 0 "$@" >"$folder.log" 2>&1 &
  pid=$!
  for k in {1..400}; do
    [ "$(last_step || true)" = "" ] || [ "$(last_step)" -lt 12 ] || return 0
    sleep 0.05
  done
  fail "it did not begin"
}

# ended: the end of what was started; sets status and took, from the signal on.
ended() {
  status=0
  wait "$pid" 2>/dev/null || status=$?
  took=$(($(now) - signalled))
}
signal() {
  signalled=$(now)
  kill -"$1" "$pid"
}

# failed: the run has ended as a failed one must.
failed() {
  [ "$status" != 0 ] || fail "status 0"
  [ "$took" -le $((longest * 1000 + usual)) ] || fail "it took $took ms, and $usual without a fault"
  all_ended
}

# whole STEPS: the weights after so many steps of a run that nothing stops.
declare -A whole_weights
whole() {
  [ "${whole_weights[$1]:-}" ] || whole_weights[$1]=$("$program" "$work/whole" --steps "$1" | grep '^weights')
  wanted=${whole_weights[$1]}
}

# resumes STEPS [LINE]: the run goes on, on 1 to 3 ranks, to the weights of a run that nothing stopped; it says LINE.
resumes() {
  local weights steps=$1
  shift
  whole "$steps"
  timeout -s KILL 60 "$mpirun" -n $((trial % 3 + 1)) "$program" "$folder" --resume --steps "$steps" >"$folder.log" 2>&1 ||
    fail "no resumption"
  weights=$(grep '^weights' "$folder.log") || fail "no resumption"
  [ "$weights" = "$wanted" ] || fail "resumed to '$weights', not '$wanted'"
  [ $# = 0 ] || says "$1"
  [ ! -e "$folder/running.json" ] || fail "the mark of a running program is left"
}
cut_off="^the run before, of $ranks ranks, was cut off; going on from its last checkpoint, of step"

one_trial() {
  local rank=$((trial % ranks)) step=$((trial * 7 % 25 + 12))
  local place="at step $step; last checkpoint: $folder/last.safetensors"
  case $fault in
    kill | exit | exit0)
      run --fault "$fault" $rank $step
      failed
      says "[Pp]rocess.*\b$rank\b|APPLICATION TERMINATED|RANK $rank|rank $rank failed"
      resumes 40 "$cut_off" ;;
    throw)
      run --fault throw $rank $step
      failed
      says "tiny_training: rank $rank: thrown on purpose"
      [ $rank = 0 ] || says "rank $rank failed $place: thrown on purpose"
      resumes 40 "$cut_off" ;;
    nan)
      run --fault nan $rank $step
      failed
      says "tiny_training: rank $rank: the loss is NaN"
      [ $rank = 0 ] || says "rank $rank failed $place: the loss is NaN"
      resumes 40 "$cut_off" ;;
    disk) # rank 0 writes
      run --fault disk 0 $step
      failed
      says "tiny_training: rank 0: $folder/last.safetensors: .*File too large"
      resumes 40 "$cut_off" ;;
    stop)
      run --fault stop $rank $step
      failed
      says "waited $watchdog s, and rank $rank does not answer, $place"
      resumes 40 "$cut_off" ;;
    seed)
      rank=$((trial % 3 + 1))
      run --seed 2 $rank
      failed
      says "rank $rank was started with seed 2, rank 0 with 1: start all ranks alike" ;;
    options)
      run --steps 40 : -n 1 "$program" "$folder" --watchdog $watchdog --steps 41
      failed
      says "rank $ranks was started with options --steps 41, rank 0 with --steps 40: start all ranks alike" ;;
    program)
      { cat "$program"; echo; } >"$folder-tiny_training"
      chmod +x "$folder-tiny_training"
      run : -n 1 "$folder-tiny_training" "$folder" --watchdog $watchdog
      rm "$folder-tiny_training"
      failed
      says "rank $ranks was started with program file [0-9a-f]{16}, rank 0 with [0-9a-f]{16}: start all ranks alike" ;;
    usr1 | term | int) # the step is finished, and saved; Open MPI tells of SIGTERM and SIGINT after its kill delay
      OMPI_MCA_odls_base_sigkill_timeout=2 start --steps 400
      signal "${fault^^}"
      ended
      [ "$took" -le $((longest * 1000)) ] || fail "it took $took ms"
      all_ended
      [ "$fault" != usr1 ] || [ "$status" = 0 ] || fail "status $status"
      [ ! -e "$folder/running.json" ] || fail "it was cut off"
      stopped=$(last_step)
      resumes 400
      # No step is lost; after SIGTERM mpirun no longer shows what the ranks print.
      [ "$(first_step)" -gt "$stopped" ] || fail "stopped after step $stopped, and went on with $(first_step)"
      ;;
    term_at_once) # without a delay: the last checkpoint stands
      OMPI_MCA_odls_base_sigkill_timeout=0 start
      signal TERM
      ended
      failed
      resumes 40 ;;
    orphan) # mpirun itself is killed
      start
      signal KILL
      ended
      while [ "$(left)" != 0 ] && [ $(($(now) - signalled)) -le $((longest * 1000)) ]; do sleep 0.1; done
      all_ended
      took=$(($(now) - signalled))
      resumes 40 "$cut_off" ;;
    *) echo "unknown fault '$fault'" >&2; exit 2 ;;
  esac
}

fault=none trial=0 folder=$work/usual usual=0
run
[ "$status" = 0 ] || fail "status $status without a fault"
usual=$took
for fault in "${faults[@]}"; do
  slowest=0
  for ((trial = 1; trial <= trials; trial++)); do
    folder=$work/$fault-$trial
    one_trial
    [ "$took" -le $slowest ] || slowest=$took
    rm -rf "$folder" "$folder".*
  done
  echo "$fault: $trials of $trials; the longest took $slowest ms"
done
