#!/usr/bin/env python3
"""A run survives a power cut at any moment: strace records its system calls, and after each call a model of a disk
tells what a cut may leave behind.

The disk has only what was synced. Of what was written to a file since its last fsync, any part may be there, and of the
names that were given, changed or removed in a folder since the folder's last fsync, any may have changed on the disk:
a rename, too, before the bytes of the file that it renames.

Whatever is left, then:
  - a checkpoint is complete, and once it was there, it is there, until --overwrite asks to begin anew;
  - the log that belongs to it is there, with all lines up to it;
  - when the program closes a checkpoint that it has written, writes a line to standard output, or ends, it is the new
    checkpoint that is there.

usage: check_power_loss.py FOLDER_OF_PROGRAMS"""

import os
import re
import subprocess
import sys
import tempfile

CHECKPOINTS = ("best.safetensors", "last.safetensors")
LOG = "metrics.jsonl"
CALLS = ("open,openat,creat,write,writev,pwrite64,pwritev,pwritev2,truncate,ftruncate,fallocate,copy_file_range,sendfile,"
         "fsync,fdatasync,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir,"
         "close,dup,dup2,dup3,mmap")


class Lost(Exception):
    """What a power cut can destroy."""


class File:
    def __init__(self):
        self.size = 0  # bytes
        self.safe = 0  # bytes at the beginning that no cut takes away
        self.log = None  # of a checkpoint: the log and its size when the checkpoint got its name

    def complete(self):
        return self.safe == self.size


class Folder:
    def __init__(self, path):
        self.path = path
        self.names = {}  # as programs see them
        self.on_disk = {}  # at the last fsync
        self.pending = []  # (name, what it then stands for, or None), since then

    def set(self, name, entry):
        self.pending.append((name, entry))
        if entry is None:
            self.names.pop(name, None)
        else:
            self.names[name] = entry

    def sync(self):
        self.on_disk, self.pending = dict(self.names), []

    def after_cut(self, name):
        """All that the name may stand for; None: there is no such name."""
        return {self.on_disk.get(name)} | {entry for changed, entry in self.pending if changed == name}


class Disk:
    """Carries out calls below the folder `root`, which is on the disk."""

    def __init__(self, root):
        self.root = Folder(root)
        self.open = {}  # descriptor: File or Folder
        self.places = set()  # (Folder, name) of checkpoints, past ones too
        self.announced = set()  # those that a cut must leave

    def place(self, path):
        """The folder of a path and its name there; None outside."""
        if not path.startswith(self.root.path + "/"):
            return None
        folder = self.root
        *parents, name = os.path.relpath(path, self.root.path).split("/")
        for parent in parents:
            folder = folder.names.get(parent)
            if folder is None:
                raise Lost(f"the model of the disk does not know the folder of {path}")
        return folder, name

    def entry(self, path):
        if path == self.root.path:
            return self.root
        place = self.place(path)
        return place and place[0].names.get(place[1])

    def carry_out(self, call, paths, descriptor, result, line, overwrite):
        if call in ("open", "openat", "creat"):
            self.open[result] = self.opened(paths[0], line)
        elif call == "close":
            self.open.pop(descriptor, None)
        elif call in ("mkdir", "mkdirat"):
            if place := self.place(paths[0]):
                place[0].set(place[1], Folder(paths[0]))
        elif call in ("unlink", "unlinkat"):
            self.remove(paths[0], overwrite)
        elif call in ("rename", "renameat", "renameat2"):
            self.rename(*paths)
        elif isinstance(entry := self.open.get(descriptor), (File, Folder)) and call != "mmap":
            self.change(call, entry, result, line)

    def opened(self, path, line):
        entry = self.entry(path)
        if entry is None and "O_CREAT" in line and (place := self.place(path)):
            entry = File()
            place[0].set(place[1], entry)
        elif isinstance(entry, File) and "O_TRUNC" in line:
            entry.size = entry.safe = 0
        return entry

    def remove(self, path, overwrite):
        if place := self.place(path):
            if place in self.announced and not overwrite:
                raise Lost(f"the checkpoint {path} is removed")
            self.announced.discard(place)
            place[0].set(place[1], None)

    def rename(self, old, new):
        source, target = self.place(old), self.place(new)
        if target is None:
            return
        file = source[0].names[source[1]]
        if target[1] in CHECKPOINTS:
            log = target[0].names.get(LOG)
            if log is None:
                raise Lost(f"{new} has no log")
            file.log = (log, log.size)
            self.places.add(target)
            self.announced.add(target)
        target[0].set(target[1], file)
        source[0].set(source[1], None)

    def change(self, call, entry, result, line):
        if call in ("fsync", "fdatasync"):
            if isinstance(entry, Folder):
                entry.sync()
            else:
                entry.safe = entry.size
        elif call == "write":
            entry.size += result
        elif call == "ftruncate":
            entry.size = int(line.rsplit(",", 1)[1].split(")")[0])
            entry.safe = min(entry.safe, entry.size)
        else:
            raise Lost(f"the model of the disk does not know what {call} does")

    def announces(self, call, descriptor):
        """Whether the program tells by this call that its checkpoints are saved."""
        checkpoints = [folder.names[name] for folder, name in self.announced]
        return (call == "write" and descriptor == 1) or (call == "close" and self.open.get(descriptor) in checkpoints)

    def check(self):
        """Raises Lost if a cut at this moment may leave what cannot be gone on from."""
        for folder, name in self.places:
            found = folder.after_cut(name)
            # Before its first name is on the disk, a checkpoint may be missing.
            if None in found and (folder, name) in self.announced and folder.on_disk.get(name):
                raise Lost(f"{name} may be missing")
            for file in found - {None}:
                if not file.complete():
                    raise Lost(f"{name} may be incomplete")
                self.check_log(folder, name, *file.log)

    def check_announced(self):
        """Raises Lost if a cut at this moment may lose a checkpoint that was announced."""
        for folder, name in self.announced:
            if folder.after_cut(name) != {folder.names[name]}:
                raise Lost(f"{name} may be an old one, or missing")
            self.check_path(folder)

    def check_log(self, folder, name, log, size):
        if folder.after_cut(LOG) != {log}:
            raise Lost(f"{name} may be there without its log")
        if log.safe < size:
            raise Lost(f"the log may lack lines up to {name}")

    def check_path(self, folder):
        while folder is not self.root:
            parent = self.entry(os.path.dirname(folder.path))
            if parent.after_cut(os.path.basename(folder.path)) != {folder}:
                raise Lost(f"the folder {folder.path} may be missing")
            folder = parent


LINE = re.compile(r"(?:\d+ +)?(\w+)\((.*)\) += (-?\d+)")
PATH = re.compile(r'(?:(?:AT_FDCWD|\d+)<([^>]*)>, )?"((?:[^"\\]|\\.)*)"')


def parse(line, root):
    """The call of a line of strace: name, paths, descriptor, result; None if it failed or is no call."""
    match = LINE.match(line)
    if not match or int(match[3]) < 0:
        return None
    call, arguments = match[1], match[2]
    paths = []
    if not call.startswith(("write", "pwrite")):
        paths = [os.path.normpath(os.path.join(root, base, name)) for base, name in PATH.findall(arguments)]
    descriptor = re.match(r"(\d+)", arguments)
    return call, paths, descriptor and int(descriptor[1]), int(match[3])


def check(traces, root):
    """Checks traces, (lines, whether --overwrite was given), that follow one another. Returns how many calls were
    followed by a cut, and how often a checkpoint was announced."""
    disk, calls, announcements = Disk(root), 0, 0
    for lines, overwrite in traces:
        disk.open.clear()
        for number, line in enumerate(lines, 1):
            if (call := parse(line, root)) is None:
                continue
            try:
                if disk.announces(call[0], call[2]):
                    disk.check_announced()
                    announcements += len(disk.announced)
                disk.carry_out(*call, line, overwrite)
                disk.check()
            except Lost as lost:
                raise Lost(f"call {number}: {lost}: {line.strip()[:150]}") from None
            calls += 1
        disk.check_announced()
        if len(disk.announced) != len(CHECKPOINTS):
            raise Lost("the run has announced no checkpoint")
    return calls, announcements


def record(command, root):
    trace = os.path.join(root, "trace")
    subprocess.run(["strace", "-f", "-qq", "-y", "-s", "16", "-o", trace, "-e", "trace=" + CALLS, *command], cwd=root,
                   stdout=subprocess.DEVNULL, check=True)
    with open(trace, errors="replace") as file:
        return file.readlines(), "--overwrite" in command


def refused(traces, root):
    try:
        check(traces, root)
    except Lost:
        return True
    return False


def needed_syncs(lines):
    """Where the calls of fsync are, without that of a folder from which nothing had to be removed."""
    return [at for at, line in enumerate(lines) if re.match(r"(\d+ +)?fsync\(", line)
            and not any("unlink(" in later and "ENOENT" in later for later in lines[at + 1:at + 3])]


def check_the_check(traces, root):
    """Traces without one of their syncs, or with one that comes too late, are refused. Returns how many were tried."""
    tried = 0
    for which, (lines, overwrite) in enumerate(traces):
        for at in needed_syncs(lines):
            without = lines[:at] + lines[at + 1:]
            doctored = [without]
            if "rename" in lines[at + 1]:
                doctored.append(without[:at + 1] + [lines[at]] + without[at + 1:])
            for changed in doctored:
                tried += 1
                if not refused(traces[:which] + [(changed, overwrite)] + traces[which + 1:], root):
                    sys.exit(f"a trace without this call, or with it too late, is accepted: {lines[at].strip()}")
    if not refused([([], False)], root):
        sys.exit("a trace without a checkpoint is accepted")
    return tried + 1


def check_program(program, data):
    tiny = ["--hidden", "2", "--threads", "1", "--cell", "elman", "--batch", "8", "--eval-every", "5"]
    with tempfile.TemporaryDirectory() as root:
        root = os.path.realpath(root)
        with open(os.path.join(root, "text"), "w") as file:
            file.writelines(f"{k % 3}\tthe sea was calm and ship {k} came home again.\n" for k in range(60))
        train = [program, "train", "--out", "runs/new/run", "--text", "text", *data, *tiny]
        traces = [record(train + more, root) for more in (["--epochs", "1"], ["--epochs", "2", "--resume"],
                                                          ["--epochs", "1", "--overwrite", "--seed", "2"])]
        calls, announcements = check(traces, root)
        print(f"{os.path.basename(program)}: cut after each of {calls} calls, {announcements} announcements of a checkpoint, "
              f"{check_the_check(traces, root)} doctored traces")


def main():
    programs = os.path.abspath(sys.argv[1])
    check_program(os.path.join(programs, "char_lm"), ["--seq-length", "8"])
    check_program(os.path.join(programs, "classify"), ["--keep", "best", "--schedule", "constant"])


try:
    main()
except Lost as lost:
    sys.exit(f"a power cut may lose what was saved: {lost}")
