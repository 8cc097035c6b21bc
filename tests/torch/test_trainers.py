"""Recording under Hugging Face's Trainer and Lightning's: the same bits as without, the same numbers as by hand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments, set_seed

from nncore.recorders import Recorded, huggingface
from nncore.recorders import lightning as of_lightning

STEPS = 6

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def bert(folder: Path, callbacks: list[Any], **more: Any) -> tuple[list[Tensor], list[float]]:
    """Weights after training a small transformer of random weights, and the losses that the Trainer logged."""
    set_seed(0)
    config = BertConfig(vocab_size=20, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32)
    model = BertForSequenceClassification(config)
    rows = [
        {"input_ids": torch.randint(20, (5,)), "labels": torch.tensor(k % 2), "attention_mask": torch.ones(5).long()}
        for k in range(8 * more.get("gradient_accumulation_steps", 1))
    ]
    arguments = TrainingArguments(
        str(folder),
        max_steps=STEPS,
        per_device_train_batch_size=4,
        logging_steps=1,
        report_to=[],
        save_strategy="no",
        use_cpu=True,
        disable_tqdm=True,
        dataloader_pin_memory=False,
        **more,
    )
    trainer = Trainer(model, arguments, train_dataset=rows, eval_dataset=rows, callbacks=callbacks)
    trainer.train()
    return [each.detach().clone() for each in model.parameters()], [
        each["loss"] for each in trainer.state.log_history if "loss" in each
    ]


@pytest.mark.parametrize(
    "more", [{}, {"gradient_accumulation_steps": 2}, {"eval_strategy": "steps", "eval_steps": 2, "max_grad_norm": 0.01}]
)
def test_hugging_faces_trainer_trains_the_same_bits_and_is_recorded(more: dict[str, Any], tmp_path: Path) -> None:
    alone, losses = bert(tmp_path / "a", [], **more)
    found, _ = bert(tmp_path / "b", [huggingface.recorder(every=1, path=tmp_path / "run.arrows")], **more)
    assert all(map(torch.equal, found, alone))
    recorded = Recorded.open(tmp_path / "run.arrows")
    assert recorded.finished and recorded.steps.tolist() == list(range(STEPS))
    assert recorded.header.framework.startswith("transformers ")
    np.testing.assert_allclose(recorded.loss, losses, rtol=1e-3)
    assert [block.name for block in recorded.blocks if ".layer." in block.name] == [
        "bert.encoder.layer.0",
        "bert.encoder.layer.1",
    ]
    for quantity in ("delta_norm", "activation_std"):
        assert np.isfinite(recorded.quantity(quantity)).all(axis=0).sum() > 20
    assert np.isfinite(recorded.quantity("update_norm")).all()
    clipping = recorded.quantity("clipping")
    assert (clipping < 0.5).any() == ("max_grad_norm" in more)


def test_a_second_training_needs_a_new_file(tmp_path: Path) -> None:
    callback = huggingface.recorder(every=2, path=tmp_path / "run.arrows")
    bert(tmp_path / "a", [callback])
    with pytest.raises(FileExistsError, match="new file"):
        bert(tmp_path / "b", [callback])


class Small(pl.LightningModule):
    """A network that its training step calls in parts."""

    def __init__(self, fails_at: int = 99) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 8), nn.Tanh())
        self.head = nn.Linear(8, 1)
        self.fails_at, self.losses = fails_at, []

    def training_step(self, batch: list[Tensor], index: int) -> Tensor:
        if self.global_step == self.fails_at:
            raise RuntimeError("it fails here")
        x, y = batch
        loss = (self.head(self.body(x)) - y).square().mean()
        self.losses.append(loss.item())
        return loss

    def validation_step(self, batch: list[Tensor], index: int) -> None:
        self.body(batch[0])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=0.01)


def fit(callbacks: list[Any], make: Callable[[], Small] = Small, **more: Any) -> Small:
    pl.seed_everything(0, verbose=False)
    module = make()
    x = torch.randn(24, 4)
    rows = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, x.sum(dim=1, keepdim=True)), batch_size=4)
    trainer = pl.Trainer(
        max_epochs=2,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=callbacks,
        **more,
    )
    trainer.fit(module, rows, rows)
    return module


@pytest.mark.parametrize("more", [{}, {"accumulate_grad_batches": 2}, {"gradient_clip_val": 0.01}])
def test_lightnings_trainer_trains_the_same_bits_and_is_recorded(more: dict[str, Any], tmp_path: Path) -> None:
    alone = fit([], **more)
    found = fit([of_lightning.recorder(every=1, path=tmp_path / "run.arrows")], **more)
    assert all(map(torch.equal, found.parameters(), alone.parameters()))
    recorded = Recorded.open(tmp_path / "run.arrows")
    n_batches = more.get("accumulate_grad_batches", 1)
    assert recorded.finished and len(recorded.steps) == 12 // n_batches
    np.testing.assert_allclose(recorded.loss, np.reshape(found.losses, (-1, n_batches)).mean(axis=1), rtol=1e-6)
    assert [module.name for module in recorded.modules] == ["body.0", "body.1", "body.2", "body.3", "head"]
    for quantity in ("delta_norm", "activation_std", "gradient_norm", "update_norm"):
        assert np.isfinite(recorded.quantity(quantity)).all(), quantity
    assert recorded.header.framework.startswith("lightning ")
    assert (recorded.quantity("clipping") < 0.5).any() == ("gradient_clip_val" in more)


def test_an_error_in_training_ends_the_recording(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="it fails here"):
        fit([of_lightning.recorder(every=1, path=tmp_path / "run.arrows")], lambda: Small(fails_at=3))
    recorded = Recorded.open(tmp_path / "run.arrows")
    assert recorded.finished and recorded.ended == "RuntimeError: it fails here" and len(recorded.steps) == 3


@pytest.mark.parametrize("make", [huggingface.recorder, of_lightning.recorder])
def test_what_cannot_be_meant_is_refused_before_training(make: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match="every must be"):
        make(every=0)
    with pytest.raises(ValueError, match="Parquet comes at its end"):
        make(path="run.parquet")
