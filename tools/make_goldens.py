#!/usr/bin/env python3
"""Writes the tables of numbers that the tests compare with PyTorch's: tests/golden_*.hpp.

usage: tools/make_goldens.py [FOLDER]
Needs PyTorch (Debian: python3-torch) and clang-format.
"""
import math
import pathlib
import subprocess
import re
import sys

import torch
from torch.nn.utils import rnn

sys.dont_write_bytecode = True  # of the next module, beside it
import torch_state_dict

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)


def numbers(tensor):
    return ", ".join(repr(x) for x in tensor.detach().flatten().tolist())


def header(what, includes, body):
    lines = "\n".join(f"#include <{name}>" for name in includes)
    return f"""#pragma once
/// \\file Written by tools/make_goldens.py with PyTorch {torch.__version__}: {what}.

{lines}

{body}"""


NOT_IN_PYTORCH = {"lion", "muon"}  # update rules that have nothing to be compared with


def rule_names():
    """The names of all update rules, from the one list of them."""
    text = (pathlib.Path(__file__).parent.parent / "optim/rules.hpp").read_text(encoding="utf-8")
    return {name.lower() for name in re.findall(r"\bX\((\w+)\)", text)}


def optimisers():
    """Four weights, 60 steps with the gradient θ/2 + sin(0.3 t + i), t from 1."""
    o = torch.optim
    rules = {
        "sgd": lambda p: o.SGD(p, lr=0.1),
        "sgd, weight decay": lambda p: o.SGD(p, lr=0.1, weight_decay=0.1),
        "sgd, momentum": lambda p: o.SGD(p, lr=0.1, momentum=0.9, dampening=0.2, weight_decay=0.1),
        "sgd, nesterov": lambda p: o.SGD(p, lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1),
        "adam": lambda p: o.Adam(p, lr=0.05),
        "adam, weight decay": lambda p: o.Adam(p, lr=0.05, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1),
        "adam, amsgrad": lambda p: o.Adam(p, lr=0.05, betas=(0.8, 0.9), weight_decay=0.1, amsgrad=True),
        "adamw": lambda p: o.AdamW(p, lr=0.05),
        "adamw, amsgrad": lambda p: o.AdamW(p, lr=0.05, betas=(0.8, 0.9), weight_decay=0.2, amsgrad=True),
        "rmsprop": lambda p: o.RMSprop(p),
        "rmsprop, weight decay": lambda p: o.RMSprop(p, lr=0.02, alpha=0.9, eps=1e-3, weight_decay=0.1),
        "rmsprop, centered": lambda p: o.RMSprop(p, alpha=0.9, weight_decay=0.1, centered=True),
        "rmsprop, momentum": lambda p: o.RMSprop(p, alpha=0.9, momentum=0.7, centered=True),
        "adagrad": lambda p: o.Adagrad(p),
        "adagrad, decay": lambda p: o.Adagrad(p, lr=0.1, lr_decay=0.05, weight_decay=0.1, eps=1e-3),
        "adadelta": lambda p: o.Adadelta(p),
        "adadelta, weight decay": lambda p: o.Adadelta(p, lr=0.5, rho=0.8, eps=1e-3, weight_decay=0.1),
    }
    missing = rule_names() - {name.split(",")[0] for name in rules} - NOT_IN_PYTORCH
    if missing:
        sys.exit(f"no golden for {', '.join(sorted(missing))}: add them to `rules`, or to NOT_IN_PYTORCH")
    rows = []
    for name, make in rules.items():
        weights = torch.tensor([0.5, -1.0, 2.0, 0.1], requires_grad=True)
        optimiser = make([weights])
        for t in range(1, 61):
            waves = torch.tensor([math.sin(0.3 * t + i) for i in range(4)])
            weights.grad = 0.5 * weights.detach() + waves
            optimiser.step()
            if t == 3:
                early = numbers(weights)
        rows.append(f'    {{"{name}", {{{early}}}, {{{numbers(weights)}}}}},\n')
    return header("weights after 3 and 60 steps of every update rule", ["vector"],
                  "struct GoldenOptimiser {\n  const char* name;\n  std::vector<double> after_3, after_60;\n};\n\n"
                  "inline const GoldenOptimiser golden_optimisers[] = {\n" + "".join(rows) + "};\n")


def lstm():
    """Two layers from non-zero states; the loss weighs outputs and final states by fixed random numbers."""
    torch.manual_seed(7)
    steps, batch, inputs, hidden, layers = 5, 2, 3, 4, 2
    net = torch.nn.LSTM(inputs, hidden, layers)
    values = {"x": torch.randn(steps, batch, inputs), "h0": torch.randn(layers, batch, hidden),
              "c0": torch.randn(layers, batch, hidden)}
    for v in values.values():
        v.requires_grad_()
    seeds = {"seed_y": torch.randn(steps, batch, hidden), "seed_h": torch.randn(layers, batch, hidden),
             "seed_c": torch.randn(layers, batch, hidden)}
    y, (h, c) = net(values["x"], (values["h0"], values["c0"]))
    ((y * seeds["seed_y"]).sum() + (h * seeds["seed_h"]).sum() + (c * seeds["seed_c"]).sum()).backward()
    values.update(net.named_parameters())
    table = {**values, **seeds, "y": y, "h": h, "c": c}
    table.update({f"grad {name}": v.grad for name, v in values.items()})
    rows = "".join(f'    {{"{name}", {{{numbers(v)}}}}},\n' for name, v in table.items())
    return header(f"an LSTM, T {steps}, B {batch}, I {inputs}, H {hidden}, {layers} layers",
                  ["map", "string", "vector"],
                  "inline const std::map<std::string, std::vector<double>> golden_lstm = {\n" + rows + "};\n")


def wave(shape, number):
    """0.6 sin(1.3 i + number) at element i: inputs that need not be written down."""
    return torch.tensor([0.6 * math.sin(1.3 * i + number) for i in range(math.prod(shape))]).reshape(shape)


def recurrent_table(net, steps, batch, lengths=None):
    """Outputs, final states and all gradients. Waves: x 0, initial states 1, 2; weights of the loss on y 3, on
    the final states 4, 5; the parameters from 10 on in their order. With lengths, as a packed sequence."""
    directions = net.num_layers * (2 if net.bidirectional else 1)
    with torch.no_grad():
        for k, p in enumerate(net.parameters()):
            p.copy_(wave(p.shape, 10 + k))
    sizes = {"h0": net.proj_size or net.hidden_size}
    if net.mode == "LSTM":
        sizes["c0"] = net.hidden_size
    x = wave((steps, batch, net.input_size), 0).requires_grad_()
    start = [wave((directions, batch, size), 1 + k).requires_grad_() for k, size in enumerate(sizes.values())]
    xs = rnn.pack_padded_sequence(x, lengths, enforce_sorted=False) if lengths else x
    y, last = net(xs, tuple(start) if len(start) == 2 else start[0])
    if lengths:
        y, _ = rnn.pad_packed_sequence(y, total_length=steps)
    last = last if isinstance(last, tuple) else (last,)
    loss = (y * wave(y.shape, 3)).sum()
    for k, member in enumerate(last):
        loss = loss + (member * wave(member.shape, 4 + k)).sum()
    loss.backward()
    leaves = {"x": x, **dict(zip(sizes, start)), **dict(net.named_parameters())}
    table = {"y": y, **dict(zip(["h", "c"], last)), **{f"grad {name}": v.grad for name, v in leaves.items()}}
    return "".join(f'    {{"{name}", {{{numbers(v)}}}}},\n' for name, v in table.items())


def recurrent():
    """Two layers, both directions, from non-zero states."""
    steps, batch, sizes = 3, 2, {"input_size": 2, "hidden_size": 3, "num_layers": 2, "bidirectional": True}
    nets = {"rnn_tanh": torch.nn.RNN(**sizes), "rnn_relu": torch.nn.RNN(nonlinearity="relu", **sizes),
            "gru": torch.nn.GRU(**sizes), "lstm_projection": torch.nn.LSTM(proj_size=2, **sizes)}
    body = "using GoldenTable = std::vector<std::pair<std::string, std::vector<double>>>;\n\n"
    for name, net in nets.items():
        body += f"inline const GoldenTable golden_{name} = {{\n{recurrent_table(net, steps, batch)}}};\n\n"
    return header("recurrent layers, T 3, B 2, I 2, H 3, 2 layers, both directions",
                  ["string", "utility", "vector"], body.rstrip() + "\n")


def ragged():
    """Batches of sequences that end at different times, in no order, and the state dicts as files have them."""
    steps, lengths = 4, [2, 4, 1]
    sizes = {"input_size": 2, "hidden_size": 2}
    nets = {"rnn_tanh": torch.nn.RNN(num_layers=2, bidirectional=True, **sizes),
            "rnn_relu": torch.nn.RNN(nonlinearity="relu", bias=False, **sizes),
            "lstm": torch.nn.LSTM(num_layers=2, bidirectional=True, **sizes),
            "lstm_projection": torch.nn.LSTM(2, 3, num_layers=2, proj_size=2),
            "gru": torch.nn.GRU(num_layers=2, bidirectional=True, **sizes)}
    body = ""
    for name, net in nets.items():
        state = " ".join(f"{key}{tuple(v.shape)}" for key, v in net.state_dict().items())
        body += f'inline const std::string golden_ragged_{name}_state =\n    "{state}";\n\n'
        body += (f"inline const GoldenTable golden_ragged_{name} = "
                 f"{{\n{recurrent_table(net, steps, len(lengths), lengths)}}};\n\n")
    small = torch.nn.Sequential(torch.nn.Embedding(2, 1), torch.nn.GRU(1, 1))
    with torch.no_grad():
        for k, p in enumerate(small.parameters()):
            p.copy_(wave(p.shape, k))
    content = torch_state_dict.to_safetensors(small.to(torch.float32).state_dict()).hex()
    body += f'inline const std::string golden_torch_file =\n    "{content}";\n'
    return header("recurrent layers on sequences of 2, 4 and 1 steps, and a state dict that\n"
                  "/// tools/torch_state_dict.py wrote, in hexadecimal", ["string"],
                  '#include "golden_recurrent.hpp"\n\n' + body)


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent / "tests")
    for name, make in {"optim": optimisers, "lstm": lstm, "recurrent": recurrent, "ragged": ragged}.items():
        path = folder / f"golden_{name}.hpp"
        path.write_text(make(), encoding="utf-8")
        subprocess.run(["clang-format", "-i", str(path)], check=True)
