#!/usr/bin/env python3
"""Tells which lines, branches and errors of the library and the programs no test has run.

usage: tools/coverage/report.py BUILD_FOLDER [PATH...]   (in the source tree)

BUILD_FOLDER was built with UNROLL_COVERAGE, and its tests have run. Prints the share of lines of each room, the branches
of the readers, and every `raise` and `throw` that was not executed; for each file that begins with a PATH also its lines
and branches that were not. Fails if a share is below its limit, or if an error that allowed.txt does not list was not
executed.

gcov counts; this only adds up. gcovr, which does that too, does not know whether the second half of
`if (...) raise<E>(...)` was executed, and counts one branch of each call that may throw.
"""
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys

LEAST_LINES = 95.0  # of all
LEAST_BRANCHES = 90.0  # of the readers
# What reads files.
READERS = re.compile(r"(io|data)/|train/(metrics_log|run_folder|state_dict|weights)\.|examples/\w+/saved_run\.")
ERROR = re.compile(r"\b(raise<|throw\b)")
# Where the source decides something. Elsewhere gcc branches to destroy what an exception leaves behind, or to pass over it.
DECISION = re.compile(r"\b(if|for|while|case|operator==)\b|&&|\|\||\?")
FOLDERS = ["autograd", "layers", "optim", "io", "data", "train", "report", "examples"]


# ---- What gcov knows ----

def decisions(branches):
    """The branches that the source has: a call that may throw is one branch to what follows and one to the handlers."""
    kept = []
    skip = False
    for k, branch in enumerate(branches):
        if skip:
            skip = False
        elif not branch["throw"]:
            kept.append(branch)
        elif k > 0 and kept and branches[k - 1]["fallthrough"]:
            kept.pop()
        else:
            skip = True
    return kept


def plain_name(function):
    """A function's name without template arguments, so that what one instantiation runs counts for all."""
    before = None
    while before != function:
        before, function = function, re.sub(r"<[^<>]*>", "", function)
    return function


class Coverage:
    """Sums over all compiled files: one function may stand in many of them."""

    def __init__(self, root):
        self.root = str(root) + "/"
        self.sources = dict(sources(root))
        self.lines = collections.defaultdict(dict)  # file: line: count
        self.branches = collections.defaultdict(dict)  # file: (line, function, number of branches): counts
        self.errors = set()  # (file, line) of the executed ones

    def path(self, name):
        return name.removeprefix(self.root)

    def add_counts(self, data):
        for file in data["files"]:
            name = self.path(file["file"])
            if name not in self.sources:
                continue
            source = ["", *self.sources[name]]
            names = {f["name"]: plain_name(f["demangled_name"]) for f in file["functions"]}
            for line in file["lines"]:
                number, count = line["line_number"], line["count"]
                if re.search(r"\w", source[number]):  # a brace alone is where destructors are called
                    self.lines[name][number] = self.lines[name].get(number, 0) + count
                if DECISION.search(source[number - 1][-3:] + source[number]):
                    self.add_branches(name, number, names.get(line.get("function_name")), decisions(line["branches"]))

    def add_branches(self, file, line, function, branches):
        if branches:
            counts = self.branches[file].setdefault((line, function, len(branches)), [0] * len(branches))
            for k, branch in enumerate(branches):
                counts[k] += branch["count"]


def executed_errors(text):
    """The `raise` and `throw` statements that a text of `gcov -b` shows as executed: (file, line)."""
    file, place, source, records = None, None, "", []
    for line in text:
        if line.startswith(("call", "branch")):
            records.append(line)
            continue
        if place and is_executed(source, records):
            yield file, place
        place, records = None, []
        part = line.split(":", 2)
        if len(part) < 3:
            continue
        count, number, source = part[0].strip(), int(part[1]), part[2]
        if number == 0 and source.startswith("Source:"):
            file = source.removeprefix("Source:").rstrip()
        elif count[0] in "123456789" and ERROR.search(source):
            place = number
    if place and is_executed(source, records):
        yield file, place


def is_executed(source, records):
    """Whether the error of an executed line was: a condition before it has branches, and it is called after them."""
    called = True
    for k, record in enumerate(records):
        if record.startswith("branch"):
            around = records[k + 1] if record.endswith("(fallthrough)") and k + 1 < len(records) else record
            if " taken " in record and not around.endswith("(throw)"):
                called = False
        elif "never executed" not in record:
            called = True
    return called


def collect(root, build):
    notes = sorted(build.rglob("*.gcno"))
    if not notes:
        sys.exit(f"{build}: nothing was compiled there with UNROLL_COVERAGE")
    coverage = Coverage(root)

    def run(*options):
        done = subprocess.run(["gcov", "--stdout", "--branch-counts", "--branch-probabilities", *options],
                              capture_output=True, text=True, errors="replace", cwd=build)
        if done.returncode != 0:  # what was compiled after the tests ran has other notes
            raise SystemExit(f"{done.stderr}\nrun the tests of this build again: ./dev coverage")
        return done.stdout

    def read(note):
        data = [json.loads(part) for part in run("--json-format", note).splitlines() if part.startswith("{")]
        return data, list(executed_errors(run(note).splitlines()))

    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("JOBS", os.cpu_count()))) as pool:
        for data, errors in pool.map(read, notes):
            for part in data:
                coverage.add_counts(part)
            coverage.errors.update((coverage.path(file), line) for file, line in errors)
    return coverage


# ---- What the sources have ----

def sources(root):
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.[ch]pp")):
            yield str(path.relative_to(root)), path.read_text(encoding="utf-8").splitlines()


def statements(sources_):
    """Every `raise` and `throw`: (file, line, text up to the end of the statement)."""
    for file, lines in sources_.items():
        for number, line in enumerate(lines, 1):
            code = re.sub(r"//.*", "", line)
            found = ERROR.search(code)
            if found:
                text = " ".join([code[found.start():], *lines[number:number + 4]])
                yield file, number, re.sub(r"\s+", " ", re.split(r"\);|throw;", text)[0])


def allowed():
    """The entries of allowed.txt: (file, part of the statement)."""
    for line in (pathlib.Path(__file__).parent / "allowed.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            file, part, reason = line.split(" | ")
            assert reason, line
            yield file, part


# ---- The report ----

def share(done, all_):
    return 100.0 * done / all_ if all_ else 100.0


def room_of(file):
    parts = file.split("/")
    return "/".join(parts[:2]) if len(parts) > 2 else parts[0]


def print_rooms(coverage):
    rooms = collections.defaultdict(lambda: [0, 0])
    for file, lines in coverage.lines.items():
        for room in (room_of(file), "all"):
            rooms[room][0] += sum(count > 0 for count in lines.values())
            rooms[room][1] += len(lines)
    all_ = rooms.pop("all")
    print(f"{'room':<22} {'lines':>6}  executed")
    for room, (done, lines) in [*sorted(rooms.items()), ("all", all_)]:
        print(f"{room:<22} {lines:>6}  {share(done, lines):6.1f} %")
    return share(*all_)


def print_readers(coverage):
    counts = [count for file, branches in coverage.branches.items() if READERS.match(file)
              for each in branches.values() for count in each]
    done = sum(count > 0 for count in counts)
    print(f"\nBranches of the readers: {share(done, len(counts)):.1f} % of {len(counts)} were taken")
    return share(done, len(counts))


def print_errors(coverage):
    """The errors that were not executed and should have been; entries of the list that are no longer needed."""
    exceptions = dict.fromkeys(allowed(), False)
    missed, total = 0, 0
    print("\nErrors that no test has thrown:")
    for file, line, text in statements(coverage.sources):
        total += 1
        if (file, line) in coverage.errors:
            continue
        entry = next((e for e in exceptions if e[0] == file and e[1] in text), None)
        if entry:
            exceptions[entry] = True
        else:
            missed += 1
            print(f"  {file}:{line}: {text[:90]}")
    print(f"  {missed} of {total}, besides {sum(exceptions.values())} that tools/coverage/allowed.txt lists")
    needless = [e for e, used in exceptions.items() if not used]
    for file, part in needless:
        print(f"  tools/coverage/allowed.txt: {file}: {part}: it is thrown, or is not there any more")
    return missed + len(needless)


def print_details(coverage, prefixes):
    for file, lines in coverage.sources.items():
        if not file.startswith(tuple(prefixes)):
            continue
        notes = {number: "not executed" for number, count in coverage.lines[file].items() if count == 0}
        for (number, _, _), counts in coverage.branches[file].items():
            if 0 in counts and number not in notes:
                notes[number] = f"branches taken: {' '.join(map(str, counts))}"
        for number, note in sorted(notes.items()):
            print(f"{file}:{number}: {note}: {lines[number - 1].strip()}")


def self_test():
    """What is executed and what is not must be told apart, or the report is worth nothing."""
    def text(*records):
        return ["        -:    0:Source:/x/io/a.cpp", "        3:    7:  if (n == 0) raise<E>();", *records]

    decided = ["branch  0 taken 0 (fallthrough)", "branch  1 taken 3"]
    throwing = ["call    2 returned 1", "branch  3 taken 1 (fallthrough)", "branch  4 taken 0 (throw)"]
    assert list(executed_errors(text(*decided, "call    2 never executed"))) == []
    assert list(executed_errors(text(*decided, "call    2 returned 0"))) == [("/x/io/a.cpp", 7)]
    assert list(executed_errors(text(*throwing, *decided, "call 7 never executed"))) == []
    assert list(executed_errors(text(*decided, *throwing))) == [("/x/io/a.cpp", 7)]
    assert list(executed_errors(["    #####:    7:  raise<E>();", "call    0 never executed"])) == []
    pair = [{"count": 1, "throw": False, "fallthrough": True}, {"count": 0, "throw": True, "fallthrough": False}]
    other = [{"count": 1, "throw": False, "fallthrough": True}, {"count": 0, "throw": False, "fallthrough": False}]
    assert decisions(pair + other + pair) == other
    assert plain_name("f<a<b>, c>(d<e>) [f]") == "f(d) [f]"


def main():
    self_test()
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    root = pathlib.Path.cwd().resolve()
    coverage = collect(root, pathlib.Path(sys.argv[1]).resolve())
    if sys.argv[2:]:
        print_details(coverage, sys.argv[2:])
        print()
    lines, branches = print_rooms(coverage), print_readers(coverage)
    missed = print_errors(coverage)
    failures = [f"need {LEAST_LINES} % of all lines; got {lines:.1f}"] * (lines < LEAST_LINES)
    failures += [f"need {LEAST_BRANCHES} % of the readers' branches; got {branches:.1f}"] * (branches < LEAST_BRANCHES)
    failures += [f"{missed} errors to test, or lines of allowed.txt to remove"] * (missed > 0)
    sys.exit("\n" + "\n".join(failures) if failures else 0)


main()
