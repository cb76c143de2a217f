#!/usr/bin/env python3
"""Reads what `unroll events` writes, by the description of the format alone: records with masked CRC-32C, and protocol
buffers taken apart by hand; compares every number with the log, and `unroll csv` with both.

usage: check_events.py UNROLL   (the program)
"""
import csv
import json
import math
import pathlib
import struct
import subprocess
import sys
import tempfile


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(data):
    at = 0
    while at < len(data):
        head = data[at:at + 8]
        length, = struct.unpack("<Q", head)
        assert struct.unpack("<I", data[at + 8:at + 12])[0] == masked(head), f"byte {at}: the length's checksum"
        body = data[at + 12:at + 12 + length]
        assert len(body) == length, f"byte {at}: a record that is not whole"
        assert struct.unpack("<I", data[at + 12 + length:at + 16 + length])[0] == masked(body), f"byte {at}: the checksum"
        yield body
        at += 16 + length


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def fields(data):
    """(number, value) for each field of a message."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        elif key & 7 == 1:
            value, at = struct.unpack("<d", data[at:at + 8])[0], at + 8
        elif key & 7 == 5:
            value, at = struct.unpack("<f", data[at:at + 4])[0], at + 4
        else:
            assert key & 7 == 2, f"wire type {key & 7}"
            length, at = varint(data, at)
            value, at = data[at:at + length], at + length
        yield key >> 3, value


def events(data):
    for body in records(data):
        event = dict(fields(body))
        scalars = {}
        for number, value in fields(event.get(5, b"")):
            scalar = dict(fields(value))
            # proto3 writes no 0 of a plain field, but one of a oneof
            scalars[scalar[1].decode()] = scalar.get(2, 0.0)
        yield event.get(1, 0.0), event.get(2, 0), event.get(3), scalars


assert crc32c(b"123456789") == 0xE3069283  # the check value of CRC-32C
program = sys.argv[1]
lines = [{"step": 1, "loss": 2.5, "gradient_norm": 0.1, "seconds": 1.5, "zero": 0},
         {"step": 2, "loss": None, "grö\"ße, x": 1e30, "seconds": 2.5},
         {"step": 300, "train_loss": 2, "valid_loss": 1.75, "best": True, "example": "text", "seconds": 3}]
with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    first = {"config": {}, "run": {"started": "2026-01-02T03:04:05Z"}}
    (folder / "metrics.jsonl").write_text("\n".join(json.dumps(line) for line in [first, *lines]) + "\n{\"step\": 4, \"lo")
    subprocess.run([program, "events", folder], check=True, stdout=subprocess.DEVNULL)
    written = list(events((folder / "events.out.tfevents.0.unroll").read_bytes()))
    assert not list(folder.glob("*.tmp")), "a temporary file is left"
    start = 1767323045.0
    assert written[0] == (start, 0, b"brain.Event:2", {}), written[0]
    assert len(written) == 1 + len(lines)
    tags = {"loss": "loss/train", "train_loss": "loss/train_mean", "valid_loss": "loss/validation"}
    for line, (wall, step, version, scalars) in zip(lines, written[1:]):
        assert version is None and step == line["step"] and wall == start + line["seconds"], (wall, step)
        numbers = {tags.get(k, k): v for k, v in line.items() if k != "step" and (v is None or type(v) in (int, float))}
        assert scalars.keys() == numbers.keys(), (scalars, numbers)
        for tag, value in numbers.items():
            got = scalars[tag]
            assert math.isnan(got) if value is None else got == struct.unpack("<f", struct.pack("<f", value))[0], (tag, got, value)
    table = subprocess.run([program, "csv", folder], check=True, capture_output=True, text=True).stdout
    rows = list(csv.DictReader(table.splitlines()))
    assert [int(row["step"]) for row in rows] == [1, 2, 300]
    assert rows[1]["loss"] == "nan" and float(rows[1]["grö\"ße, x"]) == 1e30 and rows[0]["valid_loss"] == "" and rows[2]["best"] == "1"
    missing = subprocess.run([program, "events", folder / "none"], capture_output=True, text=True)
    assert missing.returncode == 1 and "none" in missing.stderr, missing
