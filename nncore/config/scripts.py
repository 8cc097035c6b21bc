"""A config -> the program that reproduces its run: with nncore, or rebuilt in PyTorch from the same weights and data."""

from __future__ import annotations

from nncore.config.fork import Fork
from nncore.config.own import needed
from nncore.config.run_config import TABLE, RunConfig
from nncore.data.table import TableChoice
from nncore.model.activations import ACTIVATIONS

TORCH_ACTIVATIONS = {
    "linear": "z",
    "sign": "torch.sign(z)",
    "sigmoid": "torch.sigmoid(z)",
    "tanh": "torch.tanh(z)",
    "erf": "torch.erf(z)",
    "hard_tanh": "F.hardtanh(z)",
    **{
        name: f"F.{name}(z)"
        for name in ("relu", "leaky_relu", "elu", "selu", "gelu", "silu", "softplus", "softsign", "mish")
    },
}

TORCH_OPTIMIZERS = {"sgd": "SGD", "rmsprop": "RMSprop", "adagrad": "Adagrad", "adam": "Adam", "adamw": "AdamW"}

TORCH_LOSSES = {"mse": "F.mse_loss", "bce": "F.binary_cross_entropy_with_logits", "cross_entropy": "F.cross_entropy"}

TORCH_NORMALIZATIONS = {"batch": "F.batch_norm(z, None, None, training=True)", "layer": "F.layer_norm(z, z.shape[-1:])"}


def config_source(config: RunConfig) -> str:
    """The expression that makes this config: the settings that are not RunConfig's defaults, one a line.

    Of a fork: its parent, its step, its edits, and the settings in which it differs from its parent.

    >>> print(config_source(RunConfig(activation="relu", steps=50)))
    nncore.RunConfig(
        activation="relu",
        steps=50,
    )
    """
    if isinstance(config, Fork):
        parent = config_source(config.parent).replace("\n", "\n    ")
        lines = [f"    {parent},", f"    at={config.at},"]
        if config.edits:
            lines += ["    edits=[", *(f"        nncore.{edit!r}," for edit in config.edits), "    ],"]
        lines += [f"    {name}={_literal(value)}," for name, value in config.changes.items()]
        return "\n".join(["nncore.Fork(", *lines, ")"])
    defaults = RunConfig()
    changed = {
        field.name: getattr(config, field.name)
        for field in RunConfig.fields()
        if getattr(config, field.name) != getattr(defaults, field.name)
    }
    if not changed:
        return "nncore.RunConfig()"
    lines = [f"    {name}={_literal(value)}," for name, value in changed.items()]
    return "\n".join(["nncore.RunConfig(", *lines, ")"])


def table_source(config: RunConfig) -> str:
    """The lines that read the file of a run on an uploaded table; none for other data sets."""
    if config.dataset != TABLE:
        return ""
    table = config.choice.rows()
    header = "" if table.header else ", header=False"
    return f'''
table = nncore.read_table("table.csv"{header})  # the file that the run was trained on
nncore.look_in({{table.digest: table}}.get)
'''


def own_source(config: RunConfig) -> str:
    """The lines that say which functions of somebody's own a program has to register first; none where it needs none."""
    missing = needed(config)
    return f"\n# Register here what nncore does not bring along: {' and '.join(missing)}.\n" if missing else ""


def nncore_script(config: RunConfig) -> str:
    """A program that repeats the run with nncore, bit for bit: its loss, δ per layer, and the history as a file."""
    return f'''"""Same settings, same bits: this run again, with nncore."""

import nncore
from nncore import measures
{own_source(config)}{table_source(config)}
config = {config_source(config)}
history = nncore.run(config)
print(f"loss {{history.loss[0]:.6g}} -> {{history.loss[-1]:.6g}} {{history.stopped}}".rstrip())

last = history.last_finite
delta = measures.per_layer(history, "delta_norm", records=[0, last])["delta_norm"]
for layer, (first, now) in enumerate(delta.T, 1):
    print(f"layer {{layer:2}}: delta norm {{first:.2e}} at step {config.first_step}, {{now:.2e}} at step {{history.step[last]}}")

history.to_parquet("run.parquet")
'''


def torch_script(config: RunConfig) -> str:
    """A program that trains the same network in PyTorch: same first weights, rows, batches and update rule.

    nncore gives the data and the first θ; forward and backward are PyTorch's own. It ends with `losses`, one a
    step, and prints every tenth of them. The bits differ from nncore's in the last digits: the sums run in
    another order. A run that diverges runs on to its end in PyTorch. Raises ValueError for a fork, and for an
    activation, a loss or an optimizer that PyTorch does not have.
    """
    if isinstance(config, Fork):
        raise ValueError("a fork goes on from nncore's own optimizer state, which PyTorch does not have")
    names = {config.activation} if isinstance(config.activation, str) else set(config.activation)
    unknown = sorted((names | {config.output}) - TORCH_ACTIVATIONS.keys())
    unknown += [name for name in (config.loss_name,) if name not in TORCH_LOSSES]
    unknown += [name for name in (config.optimizer,) if name not in TORCH_OPTIMIZERS]
    if unknown:
        raise ValueError(f"PyTorch has no {' and no '.join(unknown)} to rebuild this run with")
    head, network = _torch_head(config).strip(), _torch_network(config).strip()
    return f"{head}\n\n\n{network}\n\n\n{_torch_optimizer(config)}\n\n{_torch_loop(config)}\n"


def _torch_head(config: RunConfig) -> str:
    y = (
        "torch.tensor(config.targets(data.y_train))"
        if config.loss_name == "cross_entropy"
        else "torch.tensor(config.targets(data.y_train), dtype=dtype)"
    )
    return f'''
"""The same network, first weights and data in PyTorch. Needs: torch, and nncore for the data and weights."""

import nncore
import torch
from torch import nn
from torch.nn import functional as F
{own_source(config)}{table_source(config)}
config = {config_source(config)}
dtype = torch.{config.dtype}
data, layout = config.data(), config.layout()
x, y = torch.tensor(data.x_train, dtype=dtype), {y}
'''


def _torch_network(config: RunConfig) -> str:
    names = (config.activation,) * config.depth if isinstance(config.activation, str) else config.activation
    own, forward = [], ["*hidden, output = self.linear"]
    if names:
        mixed = len(set(names)) > 1
        if mixed:
            own = ["self.phi = [" + ", ".join(f"lambda z: {_torch_phi(config, name)}" for name in names) + "]"]
        forward.append("for linear, phi in zip(hidden, self.phi, strict=True):" if mixed else "for linear in hidden:")
        forward.append("    z = linear(a)")
        if config.normalization != "none":
            forward.append(f"    z = {TORCH_NORMALIZATIONS[config.normalization]}")
        phi = "phi(z)" if mixed else _torch_phi(config, names[0])
        if config.skip:
            forward += [f"    phi_z = {phi}", "    a = a + phi_z if a.shape == phi_z.shape else phi_z"]
        else:
            forward.append(f"    a = {phi}")
    if config.output == "linear":
        forward.append("return output(a)")
    else:
        forward += ["z = output(a)", f"return {_torch_phi(config, config.output)}"]
    held = [place for place, biases in enumerate(config.layer_biases()) if biases != "learned"]
    if held:
        which = "self.linear" if len(held) > config.depth else f"[self.linear[place] for place in {held}]"
        own.append(f"for linear in {which}:\n            linear.bias.requires_grad_(False)")
    indented = {
        name: "".join(f"        {line}\n" for line in lines) for name, lines in (("own", own), ("forward", forward))
    }
    return f"""
class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.ModuleList(nn.Linear(*fans, dtype=dtype) for fans in layout.fans)
        for linear, (weight, bias) in zip(self.linear, layout.split(config.initial_theta()), strict=True):
            linear.weight.data = torch.tensor(weight.T.copy())  # PyTorch keeps (fan_out, fan_in)
            linear.bias.data = torch.tensor(bias.copy())
{indented["own"]}
    def forward(self, a):
{indented["forward"]}
"""


def _torch_phi(config: RunConfig, name: str) -> str:
    if config.alpha is not None and ACTIVATIONS[name].alpha is not None:
        return f"F.{name}(z, {config.alpha!r})"
    return TORCH_ACTIVATIONS[name]


def _torch_optimizer(config: RunConfig) -> str:
    betas = f"betas=({config.beta_1!r}, {config.beta_2!r})"
    kind = TORCH_OPTIMIZERS[config.optimizer]
    settings = {
        "sgd": [f"momentum={config.momentum!r}", *(["nesterov=True"] if config.nesterov else [])],
        "rmsprop": [f"alpha={config.rms_alpha!r}"],
        "adagrad": [],
        "adam": [betas],
        "adamw": [betas],
    }[config.optimizer]
    if config.epsilon is not None and config.optimizer != "sgd":
        settings.append(f"eps={config.epsilon!r}")
    if config.weight_decay is not None:
        settings.append(f"weight_decay={config.weight_decay!r}")
    arguments = ", ".join(["network.parameters()", f"lr={config.learning_rate!r}", *settings])
    lines = ["network = Network()", f"optimizer = torch.optim.{kind}({arguments})"]
    if config.make_schedule() is not None:
        lines.append("schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, config.make_schedule())")
    return "\n".join(lines)


def _torch_loop(config: RunConfig) -> str:
    is_batched = config.batches() is not None
    lines = ["losses = []"]
    if is_batched:
        lines.append("batches = config.batches()")
    lines.append("for step in range(config.steps + 1):")
    x, y = "x", "y"
    if is_batched:
        lines.append("    rows = slice(None) if step == config.steps else torch.tensor(next(batches))")
        x, y = "x[rows]", "y[rows]"
    lines += ["    optimizer.zero_grad()", f"    loss = {TORCH_LOSSES[config.loss_name]}(network({x}), {y})"]
    for strength, name, power in ((config.l1, "l1", "abs()"), (config.l2, "l2", "square()")):
        if strength:
            lines.append(f"    loss = loss + config.{name} * sum(each.weight.{power}.sum() for each in network.linear)")
    lines += [
        "    loss.backward()",
        "    losses.append(loss.item())",
        "    if step % max(1, config.steps // 10) == 0:",
        "        size = network.linear[0].weight.grad.norm()",
        '        print(f"step {step:4}: loss {loss.item():.6g}, norm of the gradient of layer 1\'s weights {size:.2e}")',
    ]
    if config.clip_norm is not None:
        lines.append("    nn.utils.clip_grad_norm_(network.parameters(), config.clip_norm)")
    if config.clip_value is not None:
        lines.append("    nn.utils.clip_grad_value_(network.parameters(), config.clip_value)")
    lines.append("    optimizer.step()")
    if config.make_schedule() is not None:
        lines.append("    schedule.step()")
    return "\n".join(lines)


def _literal(value: object) -> str:
    """A setting as Python source: text in double quotes, equal widths as (32,) * 10."""
    if isinstance(value, (str, TableChoice)):
        return f'"{value}"'
    if isinstance(value, tuple):
        if len(value) > 2 and len(set(value)) == 1:
            return f"({_literal(value[0])},) * {len(value)}"
        return f"({', '.join(_literal(each) for each in value)}{',' if len(value) == 1 else ''})"
    return repr(value)
