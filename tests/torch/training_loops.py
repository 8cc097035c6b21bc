"""Trainings that people write, small: each takes how it is recorded, and returns every bit that it trained."""

import copy
import io
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

Record = Callable[..., AbstractContextManager[Any]]
"""record(model, optimizer, scaler=...) -> what stands in the `with`; its `log` takes the loss."""

STEPS = 12


class Nothing:
    """A recorder that records nothing."""

    def log(self, loss: Any) -> None:
        """Nothing."""


@contextmanager
def unrecorded(*model_and_optimizer: Any, **more: Any) -> Iterator[Nothing]:
    """The same loop without a recorder."""
    yield Nothing()


LOOPS: dict[str, Callable[[Record], list[Tensor]]] = {}


def loop(function: Callable[[Record], list[Tensor]]) -> Callable[[Record], list[Tensor]]:
    """Enter a loop under its own name; it begins from the same seed every time."""

    def seeded(record: Record) -> list[Tensor]:
        torch.manual_seed(0)
        return function(record)

    LOOPS[function.__name__] = seeded
    return seeded


def state(model: nn.Module, losses: list[Tensor]) -> list[Tensor]:
    """Every loss, parameter and buffer, and where the random numbers stand."""
    kept = [each.detach().clone() for each in (*model.parameters(), *model.buffers())]
    return [*(loss.detach().clone() for loss in losses), *kept, torch.get_rng_state()]


def blobs(n: int = 32, width: int = 8, classes: int = 3) -> tuple[Tensor, Tensor]:
    return torch.randn(n, width), torch.randint(classes, (n,))


def pictures(n: int = 8) -> tuple[Tensor, Tensor]:
    return torch.randn(n, 3, 12, 12), torch.randint(3, (n,))


def mlp(width: int = 8, hidden: int = 16, depth: int = 3, act: type[nn.Module] = nn.Tanh) -> nn.Sequential:
    layers: list[nn.Module] = []
    for fan_in in (width, *(hidden,) * (depth - 1)):
        layers += [nn.Linear(fan_in, hidden), act()]
    return nn.Sequential(*layers, nn.Linear(hidden, 3))


def plain_loop(
    model: nn.Module, record: Record, data: tuple[Tensor, Tensor], optimizer: Any = None, between: Any = None
) -> list[Tensor]:
    optimizer = optimizer or torch.optim.Adam(model.parameters(), lr=1e-2)
    x, y = data
    losses = []
    with record(model, optimizer) as recorder:
        for step in range(STEPS):
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.log(loss)
            losses.append(loss)
            if between is not None:
                between(step, model)
    return state(model, losses)


@loop
def multilayer_perceptron(record: Record) -> list[Tensor]:
    return plain_loop(mlp(), record, blobs())


@loop
def dropout(record: Record) -> list[Tensor]:
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 3))
    return plain_loop(model, record, blobs())


@loop
def momentum_and_weight_decay(record: Record) -> list[Tensor]:
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)
    return plain_loop(model, record, blobs(), optimizer)


def convolutional() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8 * 36, 3),
    )


@loop
def learning_rate_in_a_tensor(record: Record) -> list[Tensor]:
    model = mlp()
    optimizer = torch.optim.Adam(model.parameters(), lr=torch.tensor(1e-2), foreach=False)
    return plain_loop(model, record, blobs(), optimizer, lambda step, model: copy.deepcopy(optimizer))


@loop
def convolutions(record: Record) -> list[Tensor]:
    return plain_loop(convolutional(), record, pictures())


@loop
def convolutions_with_channels_last(record: Record) -> list[Tensor]:
    model = convolutional().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return plain_loop(model, record, pictures())


class Residual(nn.Module):
    """Two convolutions with an in-place relu, a sum in place, and the relu once more."""

    def __init__(self, channels: int = 8) -> None:
        super().__init__()
        self.c1, self.c2 = (nn.Conv2d(channels, channels, 3, padding=1, bias=False) for _ in range(2))
        self.b1, self.b2 = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y = self.b2(self.c2(self.relu(self.b1(self.c1(x)))))
        y += x
        return self.relu(y)  # type: ignore[no-any-return]


def residual_network() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Sequential(Residual(), Residual()),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 3),
    )


@loop
def resnet_with_in_place_relu(record: Record) -> list[Tensor]:
    return plain_loop(residual_network(), record, pictures())


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(4, 8, num_layers=2, batch_first=True, dropout=0.2)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.lstm(x)[0][:, -1])  # type: ignore[no-any-return]


@loop
def lstm(record: Record) -> list[Tensor]:
    return plain_loop(Recurrent(), record, (torch.randn(8, 5, 4), torch.randint(3, (8,))))


class Attention(nn.Module):
    def __init__(self, width: int, heads: int = 2) -> None:
        super().__init__()
        self.qkv, self.proj, self.heads = nn.Linear(width, 3 * width), nn.Linear(width, width), heads

    def forward(self, x: Tensor) -> Tensor:
        n, t, c = x.shape
        q, k, v = (each.view(n, t, self.heads, -1).transpose(1, 2) for each in self.qkv(x).chunk(3, dim=-1))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.proj(y.transpose(1, 2).reshape(n, t, c))  # type: ignore[no-any-return]


class GPTBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.ln1, self.ln2, self.attn = nn.LayerNorm(width), nn.LayerNorm(width), Attention(width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln1(x))
        return x + self.mlp(self.ln2(x))  # type: ignore[no-any-return]


class GPT(nn.Module):
    """Tied embedding and head; `checkpointed`: None, or whether each block is checkpointed reentrantly."""

    def __init__(self, width: int = 16, depth: int = 3, words: int = 11, checkpointed: bool | None = None) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(words, width), nn.Embedding(32, width)
        self.blocks = nn.ModuleList(GPTBlock(width) for _ in range(depth))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, words, bias=False)
        self.head.weight = self.tokens.weight
        self.checkpointed = checkpointed

    def forward(self, x: Tensor) -> Tensor:
        h = self.tokens(x) + self.places(torch.arange(x.shape[1]))
        for block in self.blocks:
            h = block(h) if self.checkpointed is None else checkpoint(block, h, use_reentrant=self.checkpointed)
        return self.head(self.norm(h)).transpose(1, 2)  # type: ignore[no-any-return]


def words() -> tuple[Tensor, Tensor]:
    text = torch.randint(11, (4, 9))
    return text[:, :-1], text[:, 1:]


@loop
def tied_transformer(record: Record) -> list[Tensor]:
    return plain_loop(GPT(), record, words())


@loop
def checkpointed(record: Record) -> list[Tensor]:
    return plain_loop(GPT(checkpointed=False), record, words())


@loop
def checkpointed_reentrantly(record: Record) -> list[Tensor]:
    return plain_loop(GPT(checkpointed=True), record, words())


@loop
def transformer_encoder_evaluated_in_between(record: Record) -> list[Tensor]:
    layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
    model = nn.Sequential(nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Flatten(), nn.Linear(80, 3))
    x, seen = torch.randn(8, 5, 16), []

    def evaluate(step: int, model: nn.Module) -> None:
        model.eval()
        with torch.no_grad():
            seen.append(model(x))
        model.train()

    return [*plain_loop(model, record, (x, torch.randint(3, (8,))), between=evaluate), *seen]


class ViewInPlace(nn.Module):
    """A view of a layer's output is changed in place."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.one(x)
        h[:, :4].mul_(0.5)
        h[:, 4:] += 1
        return self.two(h.relu_())  # type: ignore[no-any-return]


@loop
def a_view_changed_in_place(record: Record) -> list[Tensor]:
    return plain_loop(ViewInPlace(), record, blobs())


class FlattenThenRelu(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.flatten, self.head = nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(400, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(F.relu_(self.flatten(self.conv(x))))  # type: ignore[no-any-return]


@loop
def flatten_then_relu_in_place(record: Record) -> list[Tensor]:
    return plain_loop(FlattenThenRelu(), record, pictures())


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.into, self.shared, self.act, self.head = nn.Linear(8, 8), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.act(self.into(x))
        return self.head(self.act(self.shared(self.act(self.shared(h)))))  # type: ignore[no-any-return]


@loop
def a_module_used_twice(record: Record) -> list[Tensor]:
    return plain_loop(Twice(), record, blobs())


@loop
def frozen_part(record: Record) -> list[Tensor]:
    model = mlp()
    model[0].requires_grad_(False)
    model[2].requires_grad_(False)
    optimizer = torch.optim.Adam((each for each in model.parameters() if each.requires_grad), lr=1e-2)
    return plain_loop(model, record, blobs(), optimizer)


class FrozenUnderNoGrad(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.backbone, self.head = nn.Sequential(nn.Linear(8, 16), nn.ReLU()), nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            h = self.backbone(x)
        return self.head(h)  # type: ignore[no-any-return]


@loop
def frozen_under_no_grad(record: Record) -> list[Tensor]:
    return plain_loop(FrozenUnderNoGrad(), record, blobs())


@loop
def evaluation_with_gradients_in_between(record: Record) -> list[Tensor]:
    x, _ = blobs(300)
    return plain_loop(mlp(), record, blobs(), between=lambda step, model: model(x).sum())


@loop
def accumulation_and_clipping(record: Record) -> list[Tensor]:
    model, (x, y), losses = mlp(), blobs(), []
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    with record(model, optimizer) as recorder:
        for _ in range(STEPS):
            optimizer.zero_grad(set_to_none=False)
            for rows in range(0, 32, 8):
                loss = F.cross_entropy(model(x[rows : rows + 8]), y[rows : rows + 8]) / 4
                loss.backward()
                recorder.log(loss)
                losses.append(loss)
            nn.utils.clip_grad_norm_(model.parameters(), 0.1)
            optimizer.step()
            schedule.step()
    return state(model, losses)


@loop
def bfloat16_autocast(record: Record) -> list[Tensor]:
    model, (x, y), losses = mlp(), blobs(), []
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    with record(model, optimizer) as recorder:
        for _ in range(STEPS):
            with torch.autocast("cpu", torch.bfloat16):
                loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.log(loss)
            losses.append(loss)
    return state(model, losses)


@loop
def bfloat16_weights(record: Record) -> list[Tensor]:
    x, y = blobs()
    return plain_loop(mlp().bfloat16(), record, (x.bfloat16(), y))


def scaled(record: Record, fused: bool, to_none: bool = True) -> list[Tensor]:
    """Loss scaling with an overflow at steps 3 and 4, clipped after unscaling."""
    model, (x, y), losses = mlp(), blobs(), []
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2, fused=fused)
    scaler = torch.amp.GradScaler("cpu", init_scale=2.0**10, growth_interval=5)
    with record(model, optimizer, scaler=scaler) as recorder:
        for step in range(STEPS):
            loss = F.cross_entropy(model(x), y)
            optimizer.zero_grad(set_to_none=to_none)
            scaler.scale(loss * (math.inf if step in (3, 4) else 1.0)).backward()
            if not fused:
                scaler.unscale_(optimizer)
                nn.utils.clip_grad_norm_(model.parameters(), 0.1)
            scaler.step(optimizer)
            scaler.update()
            recorder.log(loss)
            losses.append(loss)
    return [*state(model, losses), torch.tensor(scaler.get_scale())]


@loop
def gradient_scaler_with_overflow(record: Record) -> list[Tensor]:
    return scaled(record, fused=False)


@loop
def gradient_scaler_that_zeroes_in_place(record: Record) -> list[Tensor]:
    return scaled(record, fused=False, to_none=False)


@loop
def gradient_scaler_with_fused_optimizer(record: Record) -> list[Tensor]:
    return scaled(record, fused=True)


@loop
def lbfgs(record: Record) -> list[Tensor]:
    model, (x, y), losses = mlp(), blobs(), []
    optimizer = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=4)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        return loss

    with record(model, optimizer) as recorder:
        for _ in range(STEPS):
            loss = optimizer.step(closure)
            recorder.log(loss)
            losses.append(loss)
    return state(model, losses)


@loop
def an_exception_in_mid_step(record: Record) -> list[Tensor]:
    model, (x, y), losses = mlp(), blobs(), []
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    with record(model, optimizer) as recorder:
        for step in range(STEPS):
            try:
                loss = F.cross_entropy(model(x[:, :5] if step in (0, 4) else x), y)
                optimizer.zero_grad()
                loss.backward()
                if step == 6:
                    raise RuntimeError("between backward and step")
            except RuntimeError:
                continue
            optimizer.step()
            recorder.log(loss)
            losses.append(loss)
    return state(model, losses)


@loop
def two_backwards_through_one_forward(record: Record) -> list[Tensor]:
    model, (x, y), losses = mlp(), blobs(), []
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    with record(model, optimizer):
        for _ in range(STEPS):
            out = model(x)
            loss = F.cross_entropy(out, y)
            optimizer.zero_grad()
            loss.backward(retain_graph=True)
            (0.01 * out.square().mean()).backward()
            optimizer.step()
            losses.append(loss)
    return state(model, losses)


@loop
def gradient_penalty(record: Record) -> list[Tensor]:
    model, (x, y), losses = mlp(), blobs(), []
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    with record(model, optimizer):
        for _ in range(STEPS):
            rows = x.clone().requires_grad_()
            loss = F.cross_entropy(model(rows), y)
            (slope,) = torch.autograd.grad(loss, rows, create_graph=True)
            loss = loss + slope.square().sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss)
    return state(model, losses)


@loop
def sparse_embedding(record: Record) -> list[Tensor]:
    model = nn.Sequential(nn.Embedding(50, 8, sparse=True), nn.Flatten(), nn.Linear(24, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    return plain_loop(model, record, (torch.randint(50, (16, 3)), torch.randint(3, (16,))), optimizer)


@loop
def two_optimizers_take_turns(record: Record) -> list[Tensor]:
    """A generator and a discriminator in one module, three steps of the one to one of the other."""
    model = nn.ModuleDict({"makes": mlp(), "judges": nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1))})
    makes, judges = (torch.optim.Adam(model[name].parameters(), lr=1e-2) for name in ("makes", "judges"))
    losses = []
    with record(model, [makes, judges]):
        for step in range(STEPS):
            fake, real = model["makes"](torch.randn(16, 8)), torch.randn(16, 3)
            judges.zero_grad()
            loss = F.softplus(-model["judges"](real)).mean() + F.softplus(model["judges"](fake.detach())).mean()
            loss.backward()
            judges.step()
            if step % 3 == 0:
                makes.zero_grad()
                F.softplus(-model["judges"](fake)).mean().backward()
                makes.step()
            losses.append(loss)
    return state(model, losses)


class Parts(nn.Module):
    """Its own forward is never called."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = mlp(), nn.Linear(3, 8)


@loop
def only_parts_of_the_model_are_called(record: Record) -> list[Tensor]:
    model, (x, _), losses = Parts(), blobs(), []
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    with record(model, optimizer):
        for _ in range(STEPS):
            loss = F.mse_loss(model.decoder(model.encoder(x)), x)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss)
    return state(model, losses)


@loop
def copied_and_saved_in_between(record: Record) -> list[Tensor]:
    averages, saved = [], []

    def keep(step: int, model: nn.Module) -> None:
        averages.append(copy.deepcopy(model))
        file = io.BytesIO()
        torch.save(model, file)
        file.seek(0)
        saved.append(torch.load(file, weights_only=False))

    found = plain_loop(mlp(), record, blobs(), between=keep)
    x = torch.ones(1, 8)
    return [*found, *(each(x) for each in averages), *(each(x) for each in saved)]


@loop
def weights_under_a_parametrization(record: Record) -> list[Tensor]:
    model = mlp()
    nn.utils.parametrizations.weight_norm(model[0])
    nn.utils.parametrizations.spectral_norm(model[2])
    return plain_loop(model, record, blobs())


@loop
def not_a_number_from_some_step_on(record: Record) -> list[Tensor]:
    x, y = blobs()

    def spoil(step: int, model: nn.Module) -> None:
        if step == 5:
            x[0, 0] = math.nan

    return plain_loop(mlp(act=nn.ReLU), record, (x, y), between=spoil)


class Outputs(dict[str, Tensor]):
    """A mapping, as large models return it."""


class Mapping(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = mlp()

    def forward(self, x: Tensor) -> Outputs:
        return Outputs(logits=self.body(x))


class Unwrap(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = Mapping()

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)["logits"]  # type: ignore[no-any-return]


@loop
def a_module_that_returns_a_mapping(record: Record) -> list[Tensor]:
    return plain_loop(Unwrap(), record, blobs())


@loop
def hooks_of_the_users_own(record: Record) -> list[Tensor]:
    model = mlp()
    model[0].register_forward_hook(lambda module, arguments, output: output * 1.01)
    model[1].register_full_backward_hook(lambda module, into, out: (0.5 * into[0],))
    next(model.parameters()).register_hook(lambda gradient: 2 * gradient)
    return plain_loop(model, record, blobs())


@loop
def compiled_model(record: Record) -> list[Tensor]:
    model = torch.compile(mlp(), backend="aot_eager")
    return plain_loop(model, record, blobs())


@loop
def a_compiled_part(record: Record) -> list[Tensor]:
    model = mlp()
    model[2].compile(backend="aot_eager")
    return plain_loop(model, record, blobs())
