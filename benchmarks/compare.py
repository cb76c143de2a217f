#!/usr/bin/env python3
"""Runs two commands in turn and prints the ratio of the medians that they print.

Each command is one string for the shell. A line of its output counts that holds `median NUMBER ms`; what comes
before `median` is its name. If a command prints several such lines, and so does the other, those are compared
whose names begin with the same word. Of each pair of lines the ratio first / second is taken in every round;
which command begins changes from round to round. For example:

    benchmarks/compare.py 'build/release/benchmarks/workloads W2' './onednn_lstm 512 32 100'
    benchmarks/compare.py --threads 2 'build/release/benchmarks/workloads --threads 2 W1' './torch_bench 2 W1'
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile

MEDIAN = re.compile(r"^(.*?):?[ \t]*median[ \t]+([0-9.]+)[ \t]*ms", re.MULTILINE)


def environment(threads):
    """One thread pool of the right size each, no spinning, and OpenBLAS 0.3.21 with the kernels of this processor."""
    env = dict(os.environ, OMP_NUM_THREADS=str(threads), OPENBLAS_NUM_THREADS=str(threads), OMP_WAIT_POLICY="passive")
    with open("/proc/cpuinfo", encoding="utf-8") as cpu:
        if "avx512f" in cpu.read():
            env.setdefault("OPENBLAS_CORETYPE", "SkylakeX")
    return env


def run(command, env):
    """The medians that a command prints, by name, and its peak of resident memory in MiB."""
    with tempfile.TemporaryFile("w+") as output:
        child = subprocess.Popen(["bash", "-c", command], env=env, stdout=output)
        _, status, usage = os.wait4(child.pid, 0)
        output.seek(0)
        medians = {name.strip() or "median": float(ms) for name, ms in MEDIAN.findall(output.read())}
    if status != 0 or not medians:
        sys.exit(f"compare.py: no median from: {command}")
    return medians, usage.ru_maxrss / 1024


def pairs(ours, theirs):
    same = [(a, b) for a in ours for b in theirs if a.split()[0] == b.split()[0]]
    single = len(ours) == 1 or len(theirs) == 1
    return [(a, b) for a in ours for b in theirs] if single else same


def show(label, values, digits):
    print(f"  {label:<40} median {statistics.median(values):.{digits}f}, {min(values):.{digits}f} – {max(values):.{digits}f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("first", help="command whose time is to be judged")
    parser.add_argument("second", help="command it is judged by")
    parser.add_argument("-n", "--rounds", type=int, default=7, help="how often each of them runs (7)")
    parser.add_argument("--threads", type=int, default=1, help="OMP_NUM_THREADS and OPENBLAS_NUM_THREADS of both (1)")
    args = parser.parse_args()
    if args.rounds < 1 or args.threads < 1:
        parser.error("rounds and threads must be at least 1")

    env = environment(args.threads)
    rounds = []
    for k in range(args.rounds):
        commands = [args.first, args.second]
        results = [run(c, env) for c in (commands if k % 2 == 0 else reversed(commands))]
        rounds.append(results if k % 2 == 0 else results[::-1])
        print(f"round {k + 1} of {args.rounds}: {rounds[-1][0][0]} {rounds[-1][1][0]}", file=sys.stderr)

    compared = pairs(rounds[0][0][0], rounds[0][1][0])
    if not compared:
        sys.exit("compare.py: no line of the one command begins with the same word as one of the other")
    for a, b in compared:
        print(f"{a} / {b}")
        show("first, ms", [r[0][0][a] for r in rounds], 3)
        show("second, ms", [r[1][0][b] for r in rounds], 3)
        show("ratio", [r[0][0][a] / r[1][0][b] for r in rounds], 3)
    print("peak of resident memory")
    show("first, MiB", [r[0][1] for r in rounds], 1)
    show("second, MiB", [r[1][1] for r in rounds], 1)
    show("ratio", [r[0][1] / r[1][1] for r in rounds], 3)


if __name__ == "__main__":
    main()
