"""A small training of Keras that is recorded or not; as a program, what both trained and recorded with the JAX back end."""

import errno
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np


def train(
    callbacks: Callable[[Any, Any], list[Any]], clipnorm: float | None = None
) -> tuple[Any, Any, Any, list[float]]:
    """The model after three epochs of five batches, its weights at the beginning and the end, and the running losses."""
    import keras

    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Input((6, 6, 2)),
            layers.Conv2D(3, 3, name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(name="relu"),
            layers.Flatten(name="flat"),
            layers.Dropout(0.1, name="drop"),
            layers.Dense(5, name="dense"),
            layers.Activation("tanh", name="tanh"),
            keras.Sequential([layers.Dense(2, name="last")], name="inner"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01, clipnorm=clipnorm), "mse")
    x = np.random.default_rng(0).normal(size=(40, 6, 6, 2)).astype("float32")
    y = x.sum(axis=(1, 2))
    losses: list[float] = []
    told = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: losses.append(logs["loss"]))
    before = model.get_weights()
    model.fit(
        x, y, epochs=3, batch_size=8, shuffle=False, verbose=0, validation_split=0.2, callbacks=[told, *callbacks(x, y)]
    )
    return model, before, model.get_weights(), losses


def main(path: str) -> None:
    """Train without and with a recorder; exit in error where a bit differs."""
    from nncore.recorders.keras import recorder

    _, _, alone, losses = train(lambda x, y: [])
    _, _, found, again = train(lambda x, y: [recorder(every=2, path=path, probe=(x[:8], y[:8]))])
    assert losses == again and all((mine == theirs).all() for mine, theirs in zip(found, alone, strict=True))
    np.save(Path(path).with_suffix(".npy"), np.array(losses))


def on_a_full_disk(path: str) -> None:
    """The same where not even the file's header can be written; what was warned of, a line each."""
    from nncore.recorders.keras import recorder
    from nncore.recorders.stream import StreamWriter

    def full(self: StreamWriter, content: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    _, _, alone, _ = train(lambda x, y: [])
    StreamWriter._write = full  # type: ignore[method-assign]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _, _, found, _ = train(lambda x, y: [recorder(path=path)])
    assert all((mine == theirs).all() for mine, theirs in zip(found, alone, strict=True))
    print(*(each.message for each in caught if "recording" in str(each.message)), sep="\n")


if __name__ == "__main__":
    os.environ["KERAS_BACKEND"] = "jax"
    {"main": main, "on_a_full_disk": on_a_full_disk}[sys.argv[2]](sys.argv[1])
