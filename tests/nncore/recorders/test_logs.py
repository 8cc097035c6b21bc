"""Logs that people have, as recorded runs: TensorBoard's event files, a tidy CSV."""

import io
import json
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
import pytest

from nncore.diagnosis.recorded_run import RECORDED_RULES, recorded_verdict, without_a_number
from nncore.recorders import RECORDED_QUANTITIES, Recorded
from nncore.recorders.columns import OCTAVES, STORED
from nncore.recorders.example import example
from nncore.recorders.logs.messages import events, of_buckets
from nncore.recorders.logs.tensorboard import octaves_of, quantiles_of
from nncore.recorders.recorded import is_recorded

CASES = Path(__file__).parents[2] / "cases"
EVENTS = CASES / "two_layers.tfevents"
TENSORS = CASES / "two_layers_tensors.tfevents"
LOGGED = json.loads((CASES / "two_layers.json").read_text(encoding="utf-8"))
"""What the training of that file had, by plain autograd."""


FIRST = EVENTS.read_bytes()[: 12 + int.from_bytes(EVENTS.read_bytes()[:8], "little") + 4]
"""The first frame of an event file."""


def new_event(step: int = 0) -> Any:
    return next(events(FIRST)).__class__(step=step)


def add_tensor(event: Any, tag: str, numbers: Any, plugin: str = "") -> None:
    """A tensor of floats in an event, as TensorFlow writes it."""
    value, numbers = event.summary.value.add(tag=tag), np.asarray(numbers)
    value.metadata.plugin_data.plugin_name = plugin
    value.tensor.dtype = {"float32": 1, "float64": 2}[numbers.dtype.name]
    for size in numbers.shape:
        value.tensor.tensor_shape.dim.add(size=size)
    if numbers.ndim:
        value.tensor.tensor_content = numbers.tobytes()
    else:
        getattr(value.tensor, "float_val" if numbers.dtype == np.float32 else "double_val").append(float(numbers))


def frame(message: Any) -> bytes:
    """A message as it stands in an event file."""

    def checked(content: bytes) -> bytes:
        crc = google_crc32c.value(content)
        return content + (((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF).to_bytes(4, "little")

    content = message.SerializeToString()
    return checked(len(content).to_bytes(8, "little")) + checked(content)


def of_rows(*rows: str) -> Recorded:
    return Recorded(io.BytesIO("\n".join(["step,layer,quantity,value", *rows, ""]).encode()))


# TensorBoard ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("quantity", LOGGED)
def test_numbers_of_an_event_file_are_those_of_the_training(quantity: str) -> None:
    recorded = Recorded.open(EVENTS)
    found = recorded.quantity(quantity)
    units = recorded.modules if RECORDED_QUANTITIES[quantity].role == "module" else recorded.parameters
    for layer, values in LOGGED[quantity].items():
        column = found if layer == "" else found[:, [unit.name for unit in units].index(layer)]
        np.testing.assert_allclose(column, values, rtol=1e-6)


@pytest.mark.parametrize("quantity", LOGGED)
def test_numbers_of_tensorflows_tensors_are_those_of_the_training_to_the_width_of_a_bucket(quantity: str) -> None:
    recorded = Recorded.open(TENSORS)
    found = recorded.quantity(quantity)
    units = recorded.modules if RECORDED_QUANTITIES[quantity].role == "module" else recorded.parameters
    exact = quantity in ("loss", "activation_min", "activation_max")
    for layer, values in LOGGED[quantity].items():
        column = found if layer == "" else found[:, [unit.name for unit in units].index(layer)]
        np.testing.assert_allclose(
            column, values, rtol=1e-6 if exact else 0.02, atol=0.01 * (quantity == "activation_mean")
        )
    (said,) = (caveat for caveat in recorded.caveats if "estimated from their buckets" in caveat)
    assert not any("exact" in caveat for caveat in recorded.caveats)
    assert 1 < float(said.split("a factor of ")[1].split()[0]) < 2


def test_a_norm_lies_within_the_factor_that_is_said() -> None:
    random = np.random.default_rng(0)
    for n in (1, 2, 5, 100, 3000):
        for values in (
            random.normal(size=n),
            random.standard_cauchy(n),
            np.abs(random.normal(size=n)) + 5,
            np.zeros(n),
        ):
            edges = np.linspace(values.min(), values.max(), 31)
            counts = np.histogram(values, 30)[0] if np.ptp(values) else np.array([*[0] * 29, n])
            found = of_buckets(np.stack([edges[:-1], edges[1:], counts], axis=1).astype(float))
            norm, estimate = np.sqrt((values**2).sum()), np.sqrt(found.sum_squares)
            assert estimate / found.off <= norm * (1 + 1e-12) and norm <= estimate * found.off * (1 + 1e-12)
            assert (found.min, found.max, found.num) == (values.min(), values.max(), n)


@pytest.mark.parametrize("largest", [1e-60, 1e-200])
def test_tiny_gradients_in_tensors_keep_their_norm_or_are_blank(largest: float) -> None:
    event = new_event()
    add_tensor(event, "0.weight/grad", np.array([[-largest, 0.0, 2.0], [0.0, largest, 2.0]]))
    recorded = Recorded(io.BytesIO(FIRST + frame(event)))
    norm = recorded.quantity("gradient_norm")[0, 0]
    assert norm == pytest.approx(largest * np.sqrt(4 / 3)) if largest == 1e-60 else np.isnan(norm)


def test_keras_tags_and_a_scalar_repeated_in_its_message_are_read() -> None:
    event = new_event(3)
    add_tensor(event, "sequential/dense/kernel/histogram", np.array([[0.5, 0.5, 0.0], [0.5, 0.5, 4.0]]))
    add_tensor(event, "sequential/dense/kernel/image", np.zeros((2, 3)), plugin="images")
    add_tensor(event, "epoch_loss", np.float32(0.25))
    add_tensor(event, "epoch_learning_rate", np.float32(0.5))
    add_tensor(event, "epoch_accuracy", np.float32(0.5))
    recorded = Recorded(io.BytesIO(FIRST + frame(event)))
    assert [unit.name for unit in recorded.parameters] == ["sequential.dense.kernel"]
    assert recorded.quantity("weight_norm").tolist() == [[1.0]] and recorded.loss.tolist() == [0.25]
    assert recorded.quantity("learning_rate").tolist() == [0.5] and recorded.steps.tolist() == [3]


def test_values_with_a_nan_have_a_norm_that_is_none() -> None:
    event = new_event()
    add_tensor(event, "0.weight/grad", np.array([[np.nan, np.nan, 0.0]] * 3))
    add_tensor(event, "2.weight/grad", np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 4.0]]))
    recorded = Recorded(io.BytesIO(FIRST + frame(event)))
    np.testing.assert_array_equal(recorded.quantity("gradient_norm"), [[np.nan, 0.0]])
    assert recorded.has_number("gradient_norm").all() and not any("float32" in each for each in recorded.caveats)


def test_no_tensor_breaks_the_reader_whatever_its_numbers() -> None:
    random = np.random.default_rng(1)
    odd = [0.0, -0.0, 1.0, -1.0, 1e-320, 1e308, -1e308, np.inf, -np.inf, np.nan, 1e-30]
    for _ in range(300):
        event = new_event(int(random.integers(0, 5)))
        for tag in ("a.weight", "a.weight.grad", "activations/a", "loss", "other"):
            rows = random.choice(odd, (int(random.integers(0, 4)), 3))
            add_tensor(event, tag, rows if random.random() < 0.8 else np.float64(random.choice(odd)))
            tensor = event.summary.value[-1].tensor
            if random.random() < 0.1:
                tensor.tensor_content = tensor.tensor_content[:-3]
            if random.random() < 0.1:
                tensor.tensor_shape.dim.add(size=int(random.choice([-1, 0, 3, 2**60])))
            if random.random() < 0.1:
                tensor.dtype = int(random.integers(0, 20))
        try:
            recorded = Recorded(io.BytesIO(FIRST + frame(event)))
            recorded.caveats, recorded.frame()
        except ValueError as error:
            assert "\n" not in str(error)


def test_octaves_and_quantiles_come_from_the_buckets() -> None:
    recorded = Recorded.open(EVENTS)
    octaves = recorded.distribution("gradient_octaves", 0)
    assert octaves.sum(axis=1).tolist() == pytest.approx([18, 6, 6, 1], abs=2)
    norm = np.sqrt((octaves * (1.5 * 2.0**OCTAVES) ** 2).sum(axis=1))
    np.testing.assert_allclose(norm, recorded.quantity("gradient_norm")[0], rtol=0.5)
    place = [module.name for module in recorded.modules].index("1")
    quantiles = recorded.distribution("activation_quantiles", 0)[place]
    assert (np.diff(quantiles) >= 0).all()
    ends = [recorded.quantity(f"activation_{end}")[0, place] for end in ("min", "max")]
    np.testing.assert_allclose(quantiles[[0, -1]], ends, rtol=1e-6)


def test_an_event_file_is_read_on_as_it_grows_and_a_folder_with_it(tmp_path: Path) -> None:
    content, file = EVENTS.read_bytes(), tmp_path / "events.out.tfevents.1"
    file.write_bytes(content[: len(content) * 2 // 5])
    alone, folder = Recorded.open(file), Recorded.open(tmp_path)
    assert alone.may_grow and folder.may_grow and not Recorded(io.BytesIO(content)).may_grow
    assert not alone.refresh() and alone.steps.tolist() == folder.steps.tolist() == [0]
    with file.open("ab") as more:
        more.write(content[len(content) * 2 // 5 :])
    assert alone.refresh() and folder.refresh() and not folder.refresh()
    assert alone.steps.tolist() == folder.steps.tolist() == [0, 2]
    np.testing.assert_array_equal(alone.quantity("weight_norm"), Recorded.open(EVENTS).quantity("weight_norm"))
    second = tmp_path / "events.out.tfevents.2"
    event = new_event(9)
    event.summary.value.add(tag="grad_norm/0.weight", simple_value=0.5)
    second.write_bytes(FIRST + frame(event))
    assert folder.refresh() and folder.steps.tolist() == [0, 2, 9] and not alone.refresh()
    folder.to_parquet(tmp_path / "run.parquet")
    assert not Recorded.open(tmp_path / "run.parquet").may_grow


def test_a_log_that_breaks_while_it_is_followed_says_so_and_keeps_what_was_read(tmp_path: Path) -> None:
    table = tmp_path / "run.csv"
    table.write_text("step,layer,quantity,value\n0,a,delta_norm,1\n")
    recorded = Recorded.open(table)
    with table.open("a") as file:
        file.write("1,a,delta_norms,1\n")
    with pytest.raises(ValueError, match="did you mean 'delta_norm'"):
        recorded.refresh()
    assert recorded.steps.tolist() == [0]
    table.unlink()
    with pytest.raises(OSError):
        recorded.refresh()
    assert recorded.quantity("delta_norm").tolist() == [[1.0]]


def test_half_a_row_of_a_growing_table_waits_for_its_other_half(tmp_path: Path) -> None:
    table = tmp_path / "run.csv"
    rows = "step,layer,quantity,value\n0,a,delta_norm,1.5\n1,a,delta_norm,1.25e-08\n"
    table.write_text(rows[:-5])
    recorded = Recorded.open(table)
    assert recorded.quantity("delta_norm").tolist() == [[1.5]] and any(
        "half a row" in each for each in recorded.caveats
    )
    table.write_text(rows)
    assert recorded.refresh() and recorded.quantity("delta_norm").tolist() == [[1.5], [1.25e-08]]
    assert not any("half a row" in each for each in recorded.caveats)


@pytest.mark.parametrize("end", range(26, 60))
def test_a_table_cut_anywhere_has_no_number_that_the_whole_has_not(end: int) -> None:
    rows = b"step,layer,quantity,value\r\n0,a,delta_norm,1.5\r\n1,a,delta_norm,1.25e-08\r\n"
    try:
        recorded = Recorded(io.BytesIO(rows[:end]))
    except ValueError as error:
        assert "no numbers of layers" in str(error)
    else:
        assert recorded.quantity("delta_norm").tolist() == [[1.5]]


def test_modules_come_in_the_order_of_their_numbers_and_what_is_of_no_layer_is_named() -> None:
    recorded = Recorded.open(EVENTS)
    assert [module.name for module in recorded.modules] == ["0", "1", "2"]
    assert any("accuracy/test" in caveat for caveat in recorded.caveats)
    assert not recorded.refresh() and recorded.header.is_log


def test_a_folder_of_event_files_is_one_run(tmp_path: Path) -> None:
    assert not is_recorded(tmp_path)
    content = EVENTS.read_bytes()
    (tmp_path / "events.out.tfevents.1.a.0").write_bytes(content[:-10])  # cut, as by a kill
    (tmp_path / "events.out.tfevents.2.a.0").write_bytes(content)
    assert is_recorded(tmp_path)
    assert Recorded.open(tmp_path).steps.tolist() == [0, 2]


@pytest.mark.parametrize("cut", range(25, 1500, 97))
def test_a_cut_event_file_is_read_up_to_the_cut_or_refused(cut: int) -> None:
    content = EVENTS.read_bytes()
    try:
        Recorded(io.BytesIO(content[:-cut]))
        Recorded(io.BytesIO(content[: 60 + cut]))
    except ValueError as error:
        assert "no numbers of layers" in str(error)


def test_a_damaged_event_file_is_refused_with_the_place() -> None:
    content = bytearray(EVENTS.read_bytes())
    content[len(content) // 2] ^= 1
    with pytest.raises(ValueError, match="damaged"):
        Recorded(io.BytesIO(bytes(content)))


def test_norms_that_float32_has_lost_are_blank_and_said() -> None:
    content = FIRST
    for step, largest in enumerate((1e-30, 0.0)):
        event = new_event(step)
        value = event.summary.value.add(tag="0.weight.grad")
        value.histo.min, value.histo.max, value.histo.num, value.histo.sum_squares = -largest, largest, 4, 0.0
        value.histo.bucket_limit.extend([-1e-12, 1e-12])
        value.histo.bucket.extend([0, 4])
        content += frame(event)
    recorded = Recorded(io.BytesIO(content))
    np.testing.assert_array_equal(recorded.quantity("gradient_norm")[:, 0], [np.nan, 0.0])
    assert any("0.weight" in caveat and "float32" in caveat for caveat in recorded.caveats)
    assert recorded.distribution("gradient_octaves", 0)[0].sum() == 4
    assert recorded.distribution("gradient_octaves", 1)[0].sum() == 0


def test_no_histogram_breaks_the_reader_whatever_its_numbers() -> None:
    """With valid checksums around any numbers there is a run, or one sentence; no warning, which the tests make an error."""
    random = np.random.default_rng(0)
    odd = [0.0, -0.0, 1.0, -1.0, 1e-320, 1e308, -1e308, np.inf, -np.inf, np.nan, 1e-30]
    for _ in range(300):
        event = new_event(int(random.integers(-5, 5)))
        for tag in ("a.weight", "a.weight.grad", "activations/a", "other"):
            histogram = event.summary.value.add(tag=tag).histo
            for field in ("min", "max", "num", "sum", "sum_squares"):
                setattr(histogram, field, float(random.choice(odd)))
            n = int(random.integers(0, 4))
            histogram.bucket_limit.extend(random.choice(odd, n).tolist())
            histogram.bucket.extend(random.choice(odd, max(n - int(random.random() < 0.05), 0)).tolist())
        try:
            Recorded(io.BytesIO(FIRST + frame(event)))
        except ValueError as error:
            assert "\n" not in str(error)


def test_octaves_share_a_bucket_and_quantiles_of_nothing_are_none() -> None:
    counts = octaves_of(np.array([-4.0, -1.0, 0.0, 0.5]), np.array([10.0, 2.0, 4.0]))
    assert {int(OCTAVES[k]): int(counts[k]) for k in np.flatnonzero(counts)} == {-2: 4, -1: 2, 0: 5, 1: 5}
    assert octaves_of(np.array([0.0, 1e-60]), np.array([3.0]))[0] == 3
    assert octaves_of(np.array([1.0, 2.0]), np.array([1e9])).sum() == 65_535
    assert np.isnan(quantiles_of(np.array([0.0, 1.0]), np.zeros(1))).all()


# A tidy table -----------------------------------------------------------------------------------------------------


def test_a_recorded_run_comes_back_from_its_csv(tmp_path: Path) -> None:
    before = Recorded.open(example(tmp_path / "run.arrows", n_blocks=12, factor=0.3))
    before.to_csv(tmp_path / "run.csv")
    assert is_recorded(tmp_path / "run.csv")
    after = Recorded.open(tmp_path / "run.csv")
    for name in RECORDED_QUANTITIES:
        np.testing.assert_array_equal(after.quantity(name), before.quantity(name), err_msg=name)
    assert after.blocks == before.blocks
    assert [unit.name for unit in after.parameters] == [unit.name for unit in before.parameters]
    said = [(each.rule, each.sentence) for each in recorded_verdict(after)]
    assert said == [(each.rule, each.sentence) for each in recorded_verdict(before)] and said


def test_gradients_alone_are_judged_and_what_is_missing_is_named() -> None:
    names = ("fc1", "fc2", "fc3", "head")
    recorded = of_rows(*(f"{step},{n},gradient_norm,{1e-9 * 1e3**k}" for step in (0, 5) for k, n in enumerate(names)))
    (found,) = recorded_verdict(recorded)
    assert found.rule == "vanishing" and "fc1 receives 1e-09 of what head receives in ‖∂E/∂W‖" in found.sentence
    idle = {rule.name for rule in without_a_number(recorded, 1)}
    assert {"dead", "saturated", "update_swallowed", "unreached"} <= idle < set(RECORDED_RULES)


def test_the_loss_is_the_latest_by_each_record() -> None:
    recorded = of_rows("0,,loss,3", "0,a,delta_norm,1", "4,,loss,2", "5,a,delta_norm,1", "6,a,delta_norm,1")
    assert recorded.steps.tolist() == [0, 5, 6]
    np.testing.assert_array_equal(recorded.loss, [3, 2, np.nan])


def test_columns_come_in_any_order_and_names_may_hold_commas() -> None:
    recorded = Recorded(
        io.BytesIO(
            b'value,quantity,step,layer\n0.5,delta_norm,3,"a,b"\n,delta_norm,3,c\ninf,delta_norm,4,d\nnan,delta_norm,4,e\n'
        )
    )
    assert [module.name for module in recorded.modules] == ["a,b", "d", "e"]
    assert recorded.has_number("delta_norm").tolist() == [[True, False, False], [False, True, True]]
    assert recorded.quantity("delta_norm")[1, 1] == np.inf


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["0,a,gradient_nrom,1"], "quantity must be one of loss, .* got 'gradient_nrom'"),
        (["0,a,update_ratio,1"], "update_ratio is worked out from .*, which must be there"),
        (["-1,a,delta_norm,1"], "step must be a whole number from 0"),
        ([",a,delta_norm,1"], "step must be a whole number from 0"),
        (["0.5,a,delta_norm,1"], "its rows must be a step"),
        (["0,a,delta_norm,one"], "its rows must be a step"),
        (["0,a,delta_norm,1", "0,a,delta_norm,2"], "two values of delta_norm of layer 'a' at step 0"),
        (["0,,delta_norm,1"], "layer must be a layer's name"),
        (["0,a,loss,1"], "layer must be empty"),
        (["0,,loss,1"], "no numbers of layers"),
        ([], "no numbers of layers"),
        ([f"0,{'a' * 501},delta_norm,1"], "at most 500 characters"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_read_is_refused_in_a_sentence(rows: list[str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        of_rows(*rows)


def test_too_many_layers_and_too_many_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="layers and parameters and 10,000 are read"):
        of_rows(*(f"0,a{k},delta_norm,1" for k in range(10_001)))
    with pytest.raises(ValueError, match="more than the 0 MB"):
        Recorded(io.BytesIO(EVENTS.read_bytes()), memory_budget=1000)
    text = "step,layer,quantity,value\n" + "\n".join(f"{k},a,delta_norm,1" for k in range(3000))
    with pytest.raises(ValueError, match="more than the 1 MB"):
        Recorded(io.BytesIO(text.encode()), memory_budget=2**20)


@pytest.mark.parametrize("name", STORED)
def test_every_stored_quantity_can_be_brought(name: str) -> None:
    layer = "" if RECORDED_QUANTITIES[name].role == "run" else "a.weight"
    recorded = of_rows(f"0,{layer},{name},0.25", "0,b,delta_norm,1")
    assert np.nanmax(recorded.quantity(name)) in (0.25, 1)


def test_another_csv_is_no_recorded_run(tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("step,loss\n0,1\n")
    assert not is_recorded(tmp_path / "other.csv")
