"""Table I: rewards in particles as the paper prints them, beside those of the stored games."""

from pathlib import Path

from cmfq.experiments.paper.measuring import role_games
from cmfq.play.crossing import summarise
from cmfq.results.page import Section
from cmfq.results.table import Table, minus

PAPER = (
    ("mfq", "cmfq", 4.23, -8.64),
    ("cmfq", "mfq", 6.68, -13.05),
    ("mfq", "attention-mfq", 4.01, -8.47),
    ("attention-mfq", "mfq", 6.05, -12.46),
    ("cmfq", "attention-mfq", 3.15, -11.07),
    ("attention-mfq", "cmfq", 3.02, -4.23),
)
"""Predators, prey, and the mean reward of each per agent and step."""
HOW_TO_READ = (
    "Mean reward per agent and step, *ours* with its 95 % interval over training seeds. The paper "
    "gives one number from ten episodes, and not all settings of its world: what can be compared "
    "is the order, not the level."
)


def table_one(folder: Path) -> Section:
    """A row for each of the paper's; empty where the games are not there.

    Args:
        folder: folder of the paper.

    Raises:
        UserError: stored games are damaged.
    """
    games = role_games(folder / "I")
    if not games:
        return Section("Table I", ())
    cells = {(one.first, one.second): one for one in summarise(games)}
    rows = []
    for predators, prey, paper_predators, paper_prey in PAPER:
        cell = cells[predators, prey]
        first = _with_interval(cell.first_reward, cell.first_interval)
        second = _with_interval(cell.second_reward, cell.second_interval)
        rows.append(
            (predators, prey, minus(paper_predators, 2), first, minus(paper_prey, 2), second)
        )
    columns = ("predators", "prey", "paper: predators", "ours", "paper: prey", "ours")
    return Section("Table I", (Table(columns, rows), HOW_TO_READ))


def _with_interval(value: float, interval: tuple[float, float]) -> str:
    low, high = interval
    return f"{minus(value, 2)} ({minus(low, 2)} to {minus(high, 2)})"
