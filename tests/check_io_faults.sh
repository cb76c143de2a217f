#!/usr/bin/env bash
# The programs survive system calls on files that fail: strace makes the n-th call of each kind fail, for every n.
# After each failure, the program has ended with the right result, or with a status and a message that names the file
# and the reason; it has left no temporary file; every checkpoint is complete, and --resume goes on from it to weights
# that are equal to the bit to those of a run that nothing disturbed.
# usage: check_io_faults.sh FOLDER_OF_PROGRAMS [SCENARIO...]
set -euo pipefail
programs=$(realpath "$1")
shift
scenarios=("$@")
[ $# -gt 0 ] || scenarios=(train resume overwrite sample classify predict)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cases=0 failures=0

# ---- What runs ----

for k in {10..45}; do echo "the sea was calm and ship $k came home again."; done >text
mkdir classes
for k in {10..19}; do echo "the sea was calm, ship $k"; done >classes/sea
for k in {10..19}; do echo "a road with dust, cart $k"; done >classes/land
printf 'the ship was calm\na cart with dust\n' >lines
tiny=(--hidden 2 --threads 1 --optimizer sgd --lr 0.1 --cell elman)
char_lm=("$programs/char_lm" train --text text --out run "${tiny[@]}" --layers 1 --seq-length 8 --batch 8 --dropout 0.2
         --eval-every 20)
classify=("$programs/classify" train --text classes --out run "${tiny[@]}" --embedding 2 --forward --epochs 1)

# start SCENARIO: the folder `run` before it; sets `command`, and `kind`: what it makes.
start() {
  rm -rf run
  [ ! -e "before_$1" ] || cp -r "before_$1" run
  kind=run
  case $1 in
    train) command=("${char_lm[@]}" --epochs 1) ;;
    resume) command=("${char_lm[@]}" --epochs 2 --resume) ;;
    overwrite) command=("${char_lm[@]}" --epochs 1 --seed 2 --overwrite) ;;
    classify) command=("${classify[@]}") ;;
    sample) kind=output command=("$programs/char_lm" sample --model run --seed 1 --length 20 --check-words) ;;
    predict) kind=output command=("$programs/classify" predict --model run) ;;
    *) echo "check_io_faults.sh: no scenario '$1'" >&2; exit 2 ;;
  esac
}

# ---- What is compared ----

# The tensors of a checkpoint, without its header, which holds times.
weights() { tail -c "+$(($(od -An -t u8 -N 8 "$1") + 9))" "$1" | sha256sum; }
# Without times and rates, and without where and by which command a run began.
timeless() {
  sed -E 's/[0-9,]+ [a-z]+s\/s .*//; s/[0-9]+:[0-9]+ of training//; s/"[a-z_]*(seconds|per_second)":[^,}]*//g
          s/"run":\{[^}]*\}//' "$@"
}
result() {
  timeless out
  [ "$kind" = output ] || { weights run/last.safetensors; weights run/best.safetensors; timeless run/metrics.jsonl; }
}

# ---- What fails ----

# Reasons that the manual gives for a call.
reasons() {
  case $1 in
    openat) echo EMFILE ENOSPC EIO EINTR ;;
    write | ftruncate | fsync) echo ENOSPC EIO EINTR ;;
    read | pread64) echo EIO EINTR ;;
    flock) echo ENOLCK EINTR ;;
    close) echo EIO EINTR ;;
    renameat | mkdir) echo ENOSPC EIO ;;
    lseek) echo ESPIPE ;;
    fcntl) ;;
    *) echo EIO ;;
  esac
}
text_of() {
  case $1 in
    EMFILE) echo "Too many open files" ;;
    ENOSPC) echo "No space left on device" ;;
    EIO) echo "Input/output error" ;;
    EINTR) echo "Interrupted system call" ;;
    *) echo "no such message" ;;
  esac
}

# calls TRACE: `call number file first` for each call on a file of the program's own, behind the first call of main. What
# reads the system's libraries is left out, and standard error, which would have to tell of its own failure.
calls() {
  awk -v FS='[(]' -v work="$work" '
    {sub(/^[0-9]+ +/, ""); name = $1; ++count[name]}
    /^fcntl\(0</ {begun = 1}
    !begun {next}
    {
      line = substr($0, length(name) + 2)
      descriptor = line; sub(/<.*/, "", descriptor)
      file = line; sub(/^[^<]*</, "", file); sub(/>.*/, "", file)
      if (match(line, /^(AT_FDCWD<[^>]*>, |[0-9]+<[^>]*>, )?"[^"]+"/) && name !~ /^(read|write|pread64|getcwd)$/) {
        file = substr(line, RSTART, RLENGTH - 1); sub(/.*"/, "", file)
      }
      if (name == "getcwd") file = "run"
      if (descriptor == 0) file = "standard_input"
      if (descriptor == 1) file = "standard_output"
      if (file == "." || file == work) file = "run"  # the folder in which it is made
      if (descriptor == 2 || file ~ /^\/(lib|usr|etc|proc|sys|dev)\//) next
      print name, count[name], file, seen[name, file]++ ? "again" : "first"
    }' "$1"
}

calls_traced=openat,open,creat,read,pread64,write,writev,pwrite64,fsync,fdatasync,sync_file_range,rename,renameat,renameat2,close
calls_traced+=,lseek,truncate,ftruncate,fallocate,unlink,unlinkat,link,linkat,symlink,mkdir,mkdirat,rmdir,chmod,fchmod
calls_traced+=,stat,fstat,lstat,newfstatat,statx,access,faccessat2,flock,fcntl,getdents64,getcwd,chdir

fail() { failures=$((failures + 1)); printf '%s\n' "$scenario: $*" >&2; sed 's/^/  err: /' err >&2; }

# check_message FILE REASON
check_message() {
  local name
  name=$(basename "${1/standard_/standard }" .tmp)
  grep -qF -e "$name" err || fail "$what: the message does not name $1"
  grep -qF "$(text_of "$2")" err || fail "$what: the message does not give the reason"
}

# old_run_stands: --resume has told that another run is there, or the log of another run that can be overwritten.
old_run_stands() {
  if [ -e run/last.safetensors ]; then
    grep -q "the run to be continued has" err && [ "$(weights run/last.safetensors)" = "$old" ]
  else
    grep -q "which has left no checkpoint" err
  fi
}

# check_folder: every checkpoint in it is complete, and goes on to the end that nothing disturbs.
check_folder() {
  local resumed=("${command[@]/--overwrite/--resume}")
  [[ " ${resumed[*]} " = *" --resume "* ]] || resumed+=(--resume)
  [ $scenario != resume ] || [ -e run/last.safetensors ] || fail "$what: the last checkpoint is gone"
  [ $scenario = classify ] || [ ! -e run/best.safetensors ] ||
    "$programs/char_lm" sample --model run --length 1 >/dev/null 2>>err || fail "$what: no sample of what is left"
  if ! timeout 60 "${resumed[@]}" >resumed 2>>err; then
    # An old run that stands is another run than the one that was to begin.
    [ $scenario = overwrite ] && old_run_stands || fail "$what: --resume fails"
    return
  fi
  cp out out.failed; : >out
  [ "$(result)" = "$(cat "expected.$scenario.files")" ] || fail "$what: --resume ends with another result"
}

# try CALL NUMBER[+] REASON FILE: one case. With +, calls on the file are counted, or on those that a run writes if it is
# `run_files`, and all later ones fail too.
try() {
  local call=$1 number=$2 reason=$3 file=$4 status=0 paths=()
  what="$call $number ($file) $reason"
  if [ "$file" = run_files ]; then
    paths=(-P "$work/run/metrics.jsonl" -P "$work/run/best.safetensors.tmp" -P "$work/run/last.safetensors.tmp")
  elif [[ $number = *+ ]]; then
    paths=(-P "${file/standard_output/$work\/out}" -P "$work/$file" -P "$work/run/$file")
    [ $file != run ] || paths+=(-P . -P "$work")
  fi
  start "$scenario"
  timeout 60 strace --seccomp-bpf -f -qq -o trace "${paths[@]}" -e trace="$call" -e inject="$call:error=$reason:when=$number" \
    "${command[@]}" <lines >out 2>err || status=$?
  grep -q INJECTED trace || { fail "$what: the program did not meet it"; return; }
  cases=$((cases + 1))
  [ $status -lt 124 ] || { fail "$what: status $status"; return; }
  if [ $status = 0 ]; then
    [ "$(result)" = "$(cat "expected.$scenario")" ] || fail "$what: status 0 with another result"
  else
    # The stream of standard output repeats no write, and C++ no opening of a folder; the programs' handlers let the
    # system do that.
    [[ $reason != EINTR || $file = standard_output || $call$file = openatclasses ]] || fail "$what: an interrupted call is not repeated"
    [ "$file" != run_files ] || file=
    check_message "$file" "$reason"
  fi
  [ "$kind" = run ] || return 0
  # What cannot be examined may be the file of another.
  if [[ ! ($call = newfstatat && $file = *.tmp) && $call != unlink* ]] && compgen -G 'run/*.tmp' >/dev/null; then fail "$what: a temporary file is left"; fi
  [ $status = 0 ] || check_folder
}

# ---- All of them ----

# expect SCENARIO: runs it undisturbed.
expect() {
  start "$1"
  "${command[@]}" <lines >out 2>err || { cat err >&2; exit 1; }
  result >"expected.$1"
  : >out
  result >"expected.$1.files"
}

"${char_lm[@]}" --epochs 1 >/dev/null
for scenario in resume overwrite sample; do cp -r run before_$scenario; done
old=$(weights run/last.safetensors)
rm -r run
"${classify[@]}" >/dev/null
mv run before_predict

for scenario in "${scenarios[@]}"; do
  expect $scenario
  start $scenario
  strace -f -qq -y -o trace -e trace=$calls_traced "${command[@]}" <lines >out 2>err
  calls trace >list.$scenario
  [ -s list.$scenario ] || { echo "$scenario: no calls were found" >&2; exit 1; }
  # Each fails: the first on each file for every reason, later ones for one reason after the other.
  while read -r call number file first <&3; do
    read -ra all <<<"$(reasons "$call")"
    [ $first = first ] || [ ${#all[@]} = 0 ] || all=("${all[number % ${#all[@]}]}")
    for reason in "${all[@]}"; do try "$call" "$number" "$reason" "$file"; done
  done 3<list.$scenario
  # All calls on a file fail.
  while read -r call number file first <&3; do
    for reason in $(reasons "$call"); do
      [ $reason = EINTR ] || try "$call" 1+ "$reason" "$file"
    done
  done 3< <(awk '$1 !~ /^(write|getcwd)$/ && $3 != "standard_input" && $4 == "first"' list.$scenario)
  # A disk that is full from the n-th write of the run's files on.
  [ "$kind" = output ] || for ((number = 1; number <= $(grep -c '^write .*/run/' list.$scenario); number += 5)); do
    try write $number+ ENOSPC run_files
  done
done
echo "$cases cases, $failures failures"
[ $failures = 0 ]
