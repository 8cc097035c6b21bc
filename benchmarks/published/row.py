"""One published number and ours, and the lines of a table that compare them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Row:
    """A published number, as it is printed there, and what nncore finds."""

    quantity: str
    published: str
    ours: float
    allowed: str = ""
    """Largest difference; unless given one unit of the last published digit, since some sources cut digits off"""
    more: int = 2
    """Digits of ours beyond the published ones"""
    formula: str = ""
    """What the published number is computed from, where the source has a formula"""
    is_bound: bool = False
    """The source says that ours lies below the published number"""

    @property
    def ours_shown(self) -> Decimal:
        """Ours, rounded as it is printed; a zero has no sign."""
        return Decimal(float(self.ours)).quantize(self._unit.scaleb(-self.more)) + 0

    @property
    def difference(self) -> Decimal:
        """Ours as printed, less the published number: who reads the table can check it."""
        return self.ours_shown - Decimal(self.published)

    @property
    def tolerance(self) -> Decimal:
        """Largest difference allowed."""
        return Decimal(self.allowed) if self.allowed else self._unit

    @property
    def agrees(self) -> bool:
        """Whether the difference is within the tolerance, or on the side that the source says."""
        return self.difference < 0 if self.is_bound else abs(self.difference) <= self.tolerance

    @property
    def _unit(self) -> Decimal:
        return Decimal(1).scaleb(int(Decimal(self.published).as_tuple().exponent))

    def line(self) -> str:
        """One line of the table."""
        published = f"{self.formula} = {self.published}" if self.formula else self.published
        published = f"below {published}" if self.is_bound else published
        allowed = "any below" if self.is_bound else _short(self.tolerance)
        cells = (self.quantity, published, f"{self.ours_shown:f}", _short(self.difference, "+"), allowed)
        return f"| {' | '.join(cells)} | {'yes' if self.agrees else '**no**'} |"


def _short(number: Decimal, sign: str = "") -> str:
    return "0" if number == 0 else f"{float(number):{sign}.2g}"


@dataclass(frozen=True)
class Result:
    """One publication: where its numbers stand, how ours are found, and the rows that compare them."""

    title: str
    source: str
    rows: Callable[[], list[Row]]
    remark: str = ""

    def section(self, rows: list[Row]) -> str:
        """Its part of the document."""
        remark = f"\n{self.remark}\n" if self.remark else ""
        lines = "\n".join(row.line() for row in rows)
        return f"## {self.title}\n\n{self.source}\n{remark}\n{HEAD}\n{lines}\n"


HEAD = """| quantity | published | ours | difference | allowed | agrees |
| --- | --- | --- | --- | --- | --- |"""
