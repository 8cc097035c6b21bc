"""`python -m nncore.clinic`: the table of the labelled runs and the rates, to the terminal or into the documentation."""

from __future__ import annotations

import argparse
import sys

import numpy as np
from tqdm import tqdm

from nncore.clinic import CASES, SICK, WELL, Examined, examined, rates
from nncore.diagnosis import RULES
from nncore.history.whole_file import write_whole_text

HEAD = """# The clinic

{sick} runs that something is wrong with and {well} that are well, each labelled with what a good engineer would say of it,
decided from its training and not from a verdict (`nncore/clinic/cases.py`). `python -m nncore.clinic` trains them all, asks
the diagnosis, takes the best remedy that it offers and trains that to its end. `--docs` writes this page.

| | found | goal |
| --- | --- | --- |
| sick called sick, by a verdict of severity 2 or 3 | {called_sick:.1%} | 100 % |
| cause among the gravest verdicts | {named:.1%} | 95 % |
| best remedy keeps its word: a lower loss than before and than a guess, to its end | {mended:.1%} | 95 % |
| well called sick | {false_alarms:.1%} | at most 2 % |

Losses are shares of the constant answer's: 1 is what the best answer has that ignores the input.
"""

SICK_HEAD = """
## Sick

| run | what is wrong | first verdict | cause named | loss | best remedy | loss with it |
| --- | --- | --- | --- | --- | --- | --- |
"""

WELL_HEAD = """
## Well

| run | why | loss | left in peace |
| --- | --- | --- | --- |
"""


def sick_row(found: Examined) -> str:
    """One line of the first table."""
    first = RULES[found.gravest[0].rule].title if found.gravest else "none"
    remedy, after = ("none", "") if found.remedy is None else (found.remedy.label, _share(found.remedy.after.share))
    cells = (found.case.name, found.case.says, first, _yes(found.is_named), _share(found.end.share), remedy, after)
    return f"| {' | '.join(cells)} |"


def well_row(found: Examined) -> str:
    """One line of the second table."""
    cells = (found.case.name, found.case.says, _share(found.end.share), _yes(not found.is_called_sick))
    return f"| {' | '.join(cells)} |"


def _share(value: float) -> str:
    return f"{value:.2g}" if np.isfinite(value) else "not finite"


def _yes(value: bool) -> str:
    return "yes" if value else "**no**"


def page() -> str:
    """The whole page; takes some minutes."""
    bar = tqdm(CASES, unit="run", file=sys.stderr, disable=None)
    found = [examined(case, with_remedies=case.is_sick) for case in bar]
    head = HEAD.format(sick=len(SICK), well=len(WELL), **vars(rates(found)))
    ill = "\n".join(sick_row(each) for each in found if each.case.is_sick)
    well = "\n".join(well_row(each) for each in found if not each.case.is_sick)
    return f"{head}{SICK_HEAD}{ill}\n{WELL_HEAD}{well}\n"


def main() -> None:
    """Print the page or write it."""
    parser = argparse.ArgumentParser(prog="python -m nncore.clinic", description="How often the diagnosis is right.")
    parser.add_argument("--docs", metavar="FILE", help="write the page to a file, such as docs/clinic.md")
    file = parser.parse_args().docs
    if file:
        write_whole_text(file, page())
    else:
        print(page())


if __name__ == "__main__":
    main()
