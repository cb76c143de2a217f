#!/usr/bin/env python3
"""Turns a PyTorch state dict (.pt, .pth, .bin) into a .safetensors file, or such a file into a state dict.

The direction follows from the names of the files:

  torch_state_dict.py model.pt model.safetensors
  torch_state_dict.py model.safetensors model.pt

In Python a state dict is written by torch.save(model.state_dict(), "model.pt") and read by
model.load_state_dict(torch.load("model.pt")). Names, shapes, types and values stay as they are. What stands
where OUTPUT is to be written is replaced, whole or not at all. Needs nothing but PyTorch, 1.13 or newer.
"""
import argparse
import collections
import ctypes
import inspect
import json
import math
import os
import pickle
import sys

import torch

# The format's names, in the order by which its writers sort.
DTYPES = {name: getattr(torch, of_torch) for name, of_torch in {
    "U64": "uint64", "I64": "int64", "F64": "float64", "C64": "complex64", "F32": "float32", "U32": "uint32",
    "I32": "int32", "BF16": "bfloat16", "F16": "float16", "U16": "uint16", "I16": "int16",
    "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2", "I8": "int8", "U8": "uint8",
    "BOOL": "bool"}.items() if hasattr(torch, of_torch)}
NAMES = {dtype: name for name, dtype in DTYPES.items()}


class Problem(Exception):
    """What is wrong with a file, for its user."""


def item_size(dtype):
    return torch.empty((), dtype=dtype).element_size()


def load_pt(path, key):
    """The tensors of a .pt file, without running what a pickle may hold."""
    if "weights_only" not in inspect.signature(torch.load).parameters:
        raise Problem(f"PyTorch {torch.__version__} cannot read a .pt file safely; 1.13 or newer is needed")
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        # PyTorch's own text advises to read the file unsafely; of that only the reason is of use.
        reason = str(error).partition("WeightsUnpickler error: ")[2].partition("\n")[0]
        raise Problem("holds more than tensors, or is no file of torch.save; write it with torch.save("
                      f"model.state_dict(), ...){reason and f' ({reason})'}") from None
    for part in key.split(".") if key else []:
        if not isinstance(loaded, collections.abc.Mapping) or part not in loaded:
            raise Problem(f"there is no entry {key!r}; {describe(loaded)}")
        loaded = loaded[part]
    if not isinstance(loaded, collections.abc.Mapping):
        raise Problem(f"is no state dict; {describe(loaded)}")
    others = [repr(name) for name, value in loaded.items()
              if not isinstance(name, str) or not isinstance(value, torch.Tensor)]
    if others:
        raise Problem(f"these entries are no tensors with names: {', '.join(others)}; is the state dict one "
                      "of them? Then name it by --key")
    return dict(loaded)


def describe(value):
    if isinstance(value, collections.abc.Mapping):
        return f"there are: {', '.join(map(repr, value))}"
    return f"there is a {type(value).__name__}"


def raw_bytes(name, tensor):
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.dtype not in NAMES:
        raise Problem(f"{name}: the safetensors format cannot hold {tensor.dtype}, {tensor.layout}")
    dense = tensor.detach().resolve_conj().resolve_neg().contiguous()
    return ctypes.string_at(dense.data_ptr(), dense.numel() * dense.element_size()) if dense.numel() else b""


def to_safetensors(tensors):
    """The bytes of a safetensors file."""
    order = list(DTYPES)
    header, data, offset = {"__metadata__": {"format": "pt"}}, [], 0
    for name, tensor in tensors.items():
        if name == "__metadata__":
            raise Problem("a tensor is called __metadata__; the format keeps that name for itself")
        data.append((name, NAMES.get(tensor.dtype), list(tensor.shape), raw_bytes(name, tensor)))
    data.sort(key=lambda entry: (order.index(entry[1]), entry[0]))
    for name, dtype, shape, content in data:
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + len(content)]}
        offset += len(content)
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + b"".join(content for *_, content in data)


def unique(pairs):
    entries = dict(pairs)
    if len(entries) != len(pairs):
        raise Problem("a name stands in the header twice")
    return entries


def read_header(content):
    """The entries by name, and where the data begins."""
    size = int.from_bytes(content[:8], "little")
    if len(content) < 8 or size > min(100_000_000, len(content) - 8) or content[8:9] != b"{":
        raise Problem("is no safetensors file, or was cut off")
    try:
        header = json.loads(content[8:8 + size].decode(), object_pairs_hook=unique)
    except ValueError as error:
        raise Problem(f"the header is damaged: {error}") from None
    header.pop("__metadata__", None)
    return header, 8 + size


def from_safetensors(content):
    """The tensors in the bytes of a safetensors file, by name."""
    header, base = read_header(content)
    tensors, ranges = {}, []
    for name, entry in sorted(header.items()):
        try:
            dtype, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
            count = math.prod(shape)
            fits = all(type(n) is int and n >= 0 for n in (*shape, begin, end)) and isinstance(dtype, str)
        except (KeyError, TypeError, ValueError):
            raise Problem(f"{name}: the entry in the header is damaged") from None
        if fits and dtype not in DTYPES:
            raise Problem(f"{name}: PyTorch {torch.__version__} has no type {dtype}")
        if not fits or end - begin != count * item_size(DTYPES[dtype]) or end > len(content) - base:
            raise Problem(f"{name}: the data does not fit the shape {shape} of {dtype}, or was cut off")
        ranges.append((begin, end))
        # A copy for each: aligned, and a .pt file stores no more of it than the tensor.
        part = bytearray(content[base + begin:base + end])
        flat = torch.frombuffer(part, dtype=DTYPES[dtype]) if part else torch.empty(0, dtype=DTYPES[dtype])
        tensors[name] = flat.reshape(shape)
    reached = 0
    for begin, end in sorted(ranges):
        if begin != reached:
            raise Problem("the data has holes, or parts that overlap")
        reached = end
    if base + reached != len(content):
        raise Problem("there is more data than the header tells of")
    return tensors


def write_atomically(path, write):
    """Calls write(file) on a temporary file, which then takes the place of `path`."""
    temporary = path + ".tmp"
    try:
        with open(temporary, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.remove(temporary)
        raise


def convert(source, target, key):
    to_pt = source.endswith(".safetensors")
    if to_pt:
        with open(source, "rb") as file:
            tensors = from_safetensors(file.read())
        state = collections.OrderedDict(tensors)
        write_atomically(target, lambda file: torch.save(state, file))
    else:
        tensors = load_pt(source, key)
        content = to_safetensors(tensors)
        write_atomically(target, lambda file: file.write(content))
    return tensors


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input", metavar="INPUT", help="the file to read")
    parser.add_argument("output", metavar="OUTPUT", help="the file to write; one of the two is a .safetensors")
    parser.add_argument("--key", default="", help="where the state dict is in a .pt file that holds more, such "
                        "as a checkpoint: the name of the entry, or several joined by dots")
    parser.add_argument("--list", action="store_true", help="print name, type and shape of every tensor")
    options = parser.parse_args()
    to_pt = options.input.endswith(".safetensors")
    if to_pt == options.output.endswith(".safetensors"):
        parser.error("exactly one of INPUT and OUTPUT must end in .safetensors")
    if to_pt and options.key:
        parser.error("--key is for a .pt file as INPUT")
    if sys.byteorder != "little":
        parser.error("this machine is big-endian; the format is not")
    try:
        tensors = convert(options.input, options.output, options.key)
    except Problem as problem:
        sys.exit(f"{parser.prog}: {options.input}: {problem}")
    except OSError as error:
        sys.exit(f"{parser.prog}: {error.filename or options.output}: {error.strerror or error}")
    if options.list:
        for name, tensor in tensors.items():
            print(name, NAMES[tensor.dtype], tuple(tensor.shape))


if __name__ == "__main__":
    main()
