"""Tables of text, for the terminal, Markdown and HTML; and how numbers are written in them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cmfq.statistics.replication import Estimate
from cmfq.text import Strong, markdown_text, plain_text


class Share(str):
    """Cell of a share with its interval, from 0 to 1: HTML draws it as a bar beside the text."""

    __slots__ = ("rate",)
    rate: Estimate

    def __new__(cls, rate: Estimate) -> "Share":
        """The text is that of :func:`rate_text`."""
        cell = super().__new__(cls, rate_text(rate))
        cell.rate = rate
        return cell


@dataclass(frozen=True)
class Table:
    """Text in rows; the first column is left aligned."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]
    title: str = ""
    """Title on terminals, which leave out tables of a page that have none."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", tuple(map(plain_text, self.columns)))
        rows = [
            tuple(cell if isinstance(cell, Strong | Share) else plain_text(cell) for cell in row)
            for row in self.rows
        ]
        for row in rows:
            assert len(row) == len(self.columns), f"{len(row)} cells of {len(self.columns)}: {row}"
        object.__setattr__(self, "rows", rows)

    def markdown(self) -> str:
        """As Markdown."""
        lines = [list(map(markdown_text, line)) for line in (self.columns, *self.rows)]
        lines.insert(1, ["---", *["---:"] * (len(self.columns) - 1)])
        return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"

    def transposed(self) -> "Table":
        """Columns as rows: for tables of few rows and many columns."""
        columns = (self.columns[0], *(row[0] for row in self.rows))
        rows = [
            (name, *(row[number] for row in self.rows))
            for number, name in enumerate(self.columns[1:], 1)
        ]
        return Table(columns, rows, self.title)


def listing(names: Iterable[str]) -> str:
    """Names in a sentence: ``a, b and c``."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def conclusion(
    differences: Mapping[tuple[str, str], Estimate],
    even: float = 0.5,
    better: str = "beats",
    lacking: str = "too few games",
) -> str:
    """One sentence that says who is better than whom, as far as intervals tell.

    Args:
        differences: what A has against B, or more than B, by the names of A and B.
        even: value of equals.
        better: verb of who is better.
        lacking: why an interval may be without ends.

    Returns:
        The sentence; empty if nothing is compared.
    """
    behind: dict[str, list[str]] = {}
    told = {pair: one for pair, one in differences.items() if one.leaves_out(even)}
    for (a, b), one in told.items():
        first, second = (a, b) if one.low > even else (b, a)
        behind.setdefault(first, []).append(second)
    parts = [f"{name} {better} {listing(others)}" for name, others in behind.items()]
    unknown = [pair for pair, one in differences.items() if math.isinf(one.low)]
    untold = [pair for pair in differences if pair not in told and pair not in unknown]
    if len(untold) == 1:
        parts.append(f"{listing(untold[0])} cannot be told apart")
    elif untold and (told or unknown):
        parts.append(f"{'the other ' if told else ''}{len(untold)} pairs cannot be told apart")
    elif untold:
        parts.append("None of these pairs can be told apart")
    if unknown:
        pairs = listing(unknown[0]) if len(unknown) == 1 else f"{len(unknown)} pairs"
        parts.append(f"{'unknown' if parts else 'Unknown'} for {pairs}: {lacking}")
    return f"{'; '.join(parts)}." if parts else ""


def within(sentence: str) -> str:
    """A :func:`conclusion` as a part of another sentence."""
    return sentence.removesuffix(".").replace("None of", "none of").replace("Unknown", "unknown")


TOO_FEW = "too few to tell"
"""In the place of an interval that says nothing, for want of seeds or of games."""
ONE_RUN = "one of them is a single run"
"""Why two groups are not compared: what other seeds of one of them would do is not known."""
ALIKE = "all equal"
"""In the place of an interval without width: values that are all equal do not say how far others
could be from them."""


def rate_text(rate: Estimate) -> str:
    """A share with its interval; without one, if that is nan."""
    if math.isnan(rate.low):
        return f"{rate.value:.1%}"
    low, high = f"{100 * rate.low:.0f}", f"{100 * rate.high:.0f}"
    if (low, high) == ("0", "100"):
        return f"{rate.value:.1%} ({TOO_FEW})"
    return f"{rate.value:.1%} ({low} to {high}\N{NO-BREAK SPACE}%)"


def interval_text(low: float, high: float, digits: int = 1) -> str:
    """The ends of an interval; in words where too few seeds or games leave it without ends."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return TOO_FEW
    return f"{low:,.{digits}f} to {high:,.{digits}f}".replace("-", "\N{MINUS SIGN}")


def margin_text(value: Estimate, digits: int = 1) -> str:
    """A signed number with its interval; without one, if that is nan."""
    text = signed(value.value, digits)
    if math.isinf(value.low):
        text += f" ({TOO_FEW})"
    elif value.alike:
        text += f" ({ALIKE})"
    elif math.isfinite(value.low):
        text += f" ({signed(value.low, digits)} to {signed(value.high, digits)})"
    return text


def number_text(value: Estimate, digits: int = 1) -> str:
    """A number that is never negative, with its interval; without one, if that is nan."""
    text = f"{value.value:.{digits}f}"
    if math.isinf(value.low):
        text += f" ({TOO_FEW})"
    elif value.alike:
        text += f" ({ALIKE})"
    elif math.isfinite(value.low):
        text += f" ({max(0.0, value.low):.{digits}f} to {value.high:.{digits}f})"
    return text


def signed(value: float, digits: int = 0) -> str:
    """With a sign, a true minus, and no sign before 0."""
    text = f"{value:+.{digits}f}".replace("-", "\N{MINUS SIGN}")
    return text if float(f"{value:.{digits}f}") else text[1:]


def minus(value: float, digits: int) -> str:
    """With a true minus, and none before 0."""
    return signed(value, digits).removeprefix("+")
