"""What is kept is weighed, and the least recently used goes first."""

from nncore import RunConfig
from nncore.numerics.cache import kept


def test_results_are_made_once_while_they_fit_and_the_oldest_goes_first() -> None:
    made: list[int] = []

    @kept(10, size=len)
    def dashes(count: int) -> str:
        made.append(count)
        return "-" * count

    for count in (4, 5, 4, 5):
        assert dashes(count) == "-" * count
    assert made == [4, 5]
    dashes(4)
    dashes(3)  # 12 together: 5 is the least recently used
    dashes(4)
    assert made == [4, 5, 3]
    dashes(5)
    assert made == [4, 5, 3, 5]


def test_what_is_larger_than_the_budget_is_not_kept() -> None:
    made: list[int] = []

    @kept(10, size=len)
    def dashes(count: int) -> str:
        made.append(count)
        return "-" * count

    assert dashes(11) == dashes(11) == "-" * 11
    assert made == [11, 11]


def test_the_rows_of_many_seeds_are_kept_together() -> None:
    configs = [RunConfig(n_samples=100, seed=seed) for seed in range(300)]
    first = [config.data() for config in configs]
    assert all(config.data() is data for config, data in zip(configs, first, strict=True))
