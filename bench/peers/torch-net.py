# PyTorch's side of `bench:peers --spec`: trains the net of a spec (see workloads/spec.ts) and prints one line of JSON, of its fastest variant.
import argparse
import json
import math
import os
import time

parser = argparse.ArgumentParser()
parser.add_argument("spec")
parser.add_argument("--threads", type=int, required=True)
parser.add_argument("--window-s", type=float, required=True)
args = parser.parse_args()
os.environ["OMP_NUM_THREADS"] = str(args.threads)  # before torch loads OpenMP and OpenBLAS

import torch
from torch import nn
from torch.nn import functional

torch.set_num_threads(args.threads)

WARM_UP_SECONDS = 0.7
WINDOWS = 3
BATCHES = 8

ACTIVATIONS = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
    "gelu": nn.GELU,
    "elu": nn.ELU,
    "leakyRelu": lambda: nn.LeakyReLU(0.01),
    "softmax": lambda: nn.Softmax(1),
    "logSoftmax": lambda: nn.LogSoftmax(1),
}
LOSSES = {
    "softmaxCrossEntropy": functional.cross_entropy,
    "sigmoidBinaryCrossEntropy": functional.binary_cross_entropy_with_logits,
    "meanSquaredError": functional.mse_loss,
}


class Residual(nn.Module):
    def __init__(self, layers, shortcut):
        super().__init__()
        self.layers, self.shortcut = layers, shortcut

    def forward(self, x):
        return self.layers(x) + self.shortcut(x)


class LayerNormOfChannels(nn.LayerNorm):
    def forward(self, x):
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


def pair(value):
    return (value, value) if isinstance(value, int) else tuple(value)


def padding_of(layer, shape, kernel, strides, dilation):
    """Rows and columns added before and behind: left, right, top, bottom, as nn.ZeroPad2d takes them."""
    padding = layer.get("padding", "valid")
    if padding == "valid":
        return (0, 0, 0, 0)
    if padding != "same":
        raise ValueError(f"padding {padding!r} has no twin here")
    sides = []
    for size, k, stride, step in zip(shape[1:], kernel, strides, dilation):
        total = max((math.ceil(size / stride) - 1) * stride + (k - 1) * step + 1 - size, 0)
        sides.append((total // 2, total - total // 2))
    return (*sides[1], *sides[0])


def window(layer, shape, kernel, make):
    """`make(strides, padding, dilation)` is a layer with a window; padding that is not symmetric stands before it."""
    strides = pair(layer.get("strides", layer.get("stride", kernel if "poolSize" in layer else 1)))
    dilation = pair(layer.get("dilation", 1))
    left, right, top, bottom = padding_of(layer, shape, kernel, strides, dilation)
    if left == right and top == bottom:
        return [make(strides, (top, left), dilation)]
    return [nn.ZeroPad2d((left, right, top, bottom)), make(strides, 0, dilation)]


def layers_of(layer, shape):
    """Of one record, for samples of the shape [channels, height, width] or [features]."""
    kind = layer.get("activation") if layer["kind"] == "activation" else layer["kind"]
    activation = layer.get("activation", "linear")
    behind = [] if activation == "linear" or kind in ACTIVATIONS else [ACTIVATIONS[activation]()]
    if kind in ACTIVATIONS:
        return [ACTIVATIONS[kind]()]
    if kind == "dense":
        return [nn.Linear(shape[0], layer["units"], bias=layer.get("bias", True)), *behind]
    if kind == "conv2d":
        kernel = pair(layer["kernelSize"])
        options = {"groups": layer.get("groups", 1), "bias": layer.get("bias", True)}
        return window(layer, shape, kernel, lambda s, p, d: nn.Conv2d(shape[0], layer["filters"], kernel, s, p, d, **options)) + behind
    if kind in ("maxPool2d", "averagePool2d"):
        kernel = pair(layer["poolSize"])
        make = nn.MaxPool2d if kind == "maxPool2d" else lambda k, s, p: nn.AvgPool2d(k, s, p, count_include_pad=False)
        return window(layer, shape, kernel, lambda s, p, d: make(kernel, s, p))
    if kind in ("globalAveragePool2d", "globalMaxPool2d"):
        return [(nn.AdaptiveAvgPool2d if "Average" in kind else nn.AdaptiveMaxPool2d)(1), nn.Flatten()]
    if kind == "batchNorm":
        return [(nn.BatchNorm1d if len(shape) == 1 else nn.BatchNorm2d)(shape[0])]
    if kind == "layerNorm":
        return [nn.LayerNorm(shape[0]) if len(shape) == 1 else LayerNormOfChannels(shape[0])]
    if kind == "dropout":
        return [nn.Dropout(layer["rate"])]
    if kind == "flatten":
        return [nn.Flatten()]
    if kind == "residual":
        return [Residual(net(layer["layers"], shape), net(layer.get("shortcut", []), shape))]
    raise ValueError(f"layer {kind} has no twin here")


def net(records, shape):
    modules = []
    for record in records:
        for module in layers_of(record, shape):
            modules.append(module)
            with torch.no_grad():
                shape = tuple(module.eval()(torch.zeros(1, *shape)).shape[1:])
            module.train()
    return nn.Sequential(*modules)


def make_step(spec, variant):
    torch.manual_seed(0)
    *spatial, channels = spec["inputShape"]
    shape = (channels, *spatial)
    model = net(spec["layers"], shape)
    count = BATCHES * spec["batchSize"]
    x = torch.randn(count, *shape)
    outputs = model(x[:2]).shape[1:]
    kind = spec["loss"]
    if kind == "softmaxCrossEntropy":
        y = torch.randint(0, outputs[0], (count,))
    else:
        y = torch.randn(count, *outputs) if kind == "meanSquaredError" else torch.rand(count, *outputs).round()
    if "channels_last" in variant:
        model, x = model.to(memory_format=torch.channels_last), x.contiguous(memory_format=torch.channels_last)
    rule = dict(spec["optimizer"])
    if rule.pop("kind") != "adagrad" or set(rule) - {"learningRate"}:
        raise ValueError("only adagrad with a learningRate has a twin here")
    flags = {name: True for name in ("foreach", "fused") if name in variant}
    optimizer = torch.optim.Adagrad(model.parameters(), lr=rule.get("learningRate", 0.01), **flags)
    start = 0

    def step():
        nonlocal start
        batch = slice(start, start + spec["batchSize"])
        start = batch.stop % count
        optimizer.zero_grad(set_to_none=True)
        loss = LOSSES[kind](model(x[batch]), y[batch])
        loss.backward()
        optimizer.step()
        return loss

    return step


def seconds_of(step, least):
    """Seconds a step, over at least so many."""
    start, steps = time.perf_counter(), 0
    while True:
        step()
        steps += 1
        seconds = time.perf_counter() - start
        if seconds >= least:
            return seconds / steps


with open(args.spec) as file:
    spec = json.load(file)
variants = [("default",), ("foreach",), ("fused",)]
if len(spec["inputShape"]) == 3:
    variants.append(("fused", "channels_last"))
best, first, last, times = None, None, None, {}
for variant in variants:
    step = make_step(spec, variant)
    start = step().item()
    seconds_of(step, WARM_UP_SECONDS)
    name = ", ".join(variant)
    times[name] = 1000 * sorted(seconds_of(step, args.window_s) for _ in range(WINDOWS))[WINDOWS // 2]
    if best is None or times[name] < times[best]:
        best, first, last = name, start, step().item()
print(json.dumps({
    "peer": "torch",
    "version": torch.__version__,
    "workload": spec["name"],
    "threads": args.threads,
    "samples_per_s": spec["batchSize"] / times[best] * 1000,
    "ms_per_step": round(times[best], 5),
    "loss_first": first,
    "loss_last": last,
    "gflops": None,
    "notes": f"best: {best}; " + ", ".join(f"{name} {ms:.4g} ms" for name, ms in times.items()),
}))
