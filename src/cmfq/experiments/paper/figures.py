"""The paper's figures and tables as data: the runs that each needs, and what they play."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["curves", "matrix", "sizes", "crossing", "pictures", "bound"]
"""What a figure shows: rewards in training; win rates of everyone against everyone; the same at
several sizes; rewards role by role; moments of recorded games; the remainder of Eq 14-20."""


@dataclass(frozen=True)
class Group:
    """Runs that differ only in the seed."""

    name: str
    """Name in figures and run folders."""
    environment: str
    algorithm: str
    size: int = 0
    """Agents a side that it trains with; 0: as the environment has them by default."""
    changes: Mapping[str, object] = field(default_factory=dict)
    """Other settings by path: ``{"mean_field.epsilon": 1.0}``."""
    share: float = 1.0
    """Share of the preset's episodes: fewer at a larger size, for as many agents times episodes."""


@dataclass(frozen=True)
class Shot:
    """A moment of a recorded game, chosen by a rule: the step with the most attacks, or a step."""

    a: str
    """Group that plays the first team, with its first seed."""
    b: str
    size: int = 0
    """Size of the game; 0: that of training."""
    step: int = -1
    """Step that is drawn; -1: the one with the most attacks, the first of several."""
    weights: bool = False
    """Show the weights of one agent's neighbours: the agent of the first team with the most
    neighbours at that step, the lowest id of several."""
    ranges: bool = False
    """Draw how far each agent strikes."""


@dataclass(frozen=True)
class Bars:
    """How the paper groups win rates along the axis."""

    axis: tuple[tuple[str, int], ...]
    """What stands along the axis: a group, and the size that it plays at; 0: the figure's one."""
    bars: tuple[str, ...]
    """Groups that have a bar at each place of the axis."""
    of_axis: bool = False
    """A bar is the win rate of what stands on the axis against the bar's group; else the other
    way round."""


@dataclass(frozen=True)
class Figure:
    """A figure or table of the paper."""

    name: str
    """Name in the paper, as ``cmfq paper`` takes it."""
    kind: Kind
    title: str
    groups: tuple[Group, ...]
    sizes: tuple[int, ...] = ()
    """Sizes to play at; none: the size of the first group."""
    games: int = 20
    """Number of games of every two runs."""
    most_seeds: int = 0
    """Number of seeds that are enough for it; 0: as many as are asked for."""
    shots: tuple[Shot, ...] = ()
    """Pictures, if it is made of them."""
    bars: Bars | None = None
    """The paper's own grouping, if it is of win rates."""


def battle(algorithm: str, size: int = 64, name: str = "", **more: Any) -> Group:
    """Runs in battle."""
    return Group(name or algorithm, "battle", algorithm, size, **more)


def names_of(groups: tuple[Group, ...]) -> tuple[str, ...]:
    """Names of groups."""
    return tuple(one.name for one in groups)


ATTENTION = battle("attention-mfq", changes={"mean_field.oneself": False})
"""It weighs others alone, where the preset original has the mean of oneself too."""
IQL, MFQ, CMFQ, RANDOM = map(battle, ("iql", "mfq", "cmfq", "random-weights"))
FIVE = (IQL, MFQ, ATTENTION, CMFQ, RANDOM)
SMALL = (MFQ, ATTENTION, CMFQ)
LARGE = (
    battle("mfq", 100, "mfq100"),
    battle("mfq", 400, "mfq400"),
    battle("mfq", 100, "mfq100-steps", share=64 / 100),
    battle("mfq", 400, "mfq400-steps", share=64 / 400),
)
"""The paper does not say whether a larger crowd trained for as many episodes or agent-steps. Those
with ``-steps`` have as many agents times episodes, which is more agent-steps: games last longer."""
EPSILONS = tuple(
    battle("cmfq", name=f"cmfq-epsilon-{value:g}", changes={"mean_field.epsilon": value})
    for value in (0.001, 1.0)
)
"""Beside CMFQ itself, whose epsilon is 0.01."""
SMOOTH = battle(
    "cmfq",
    name="cmfq-smooth",
    changes={"network.head": "additive", "network.activation": "softplus"},
)
"""Q of the paper's bound: curved in the merged action, with a gradient that does not jump."""
ROLES = {
    world: tuple(Group(one, world, one) for one in ("mfq", "attention-mfq", "cmfq"))
    for world in ("pursuit", "particles")
}

FIGURES: dict[str, Figure] = {
    one.name: one
    for one in (
        Figure("4a", "curves", "Reward in training, battle, 64 a side", FIVE),
        Figure(
            "4b",
            "matrix",
            "Win rates in battle, 64 a side",
            FIVE,
            bars=Bars(tuple((one.name, 0) for one in FIVE), names_of(FIVE), of_axis=True),
        ),
        Figure(
            "4c",
            "sizes",
            "Win rates in larger battles",
            SMALL + LARGE,
            sizes=(64, 100, 400),
            games=4,
            bars=Bars((("mfq", 64), ("mfq100", 100), ("mfq400", 400)), names_of(SMALL)),
        ),
        Figure(
            "4d",
            "matrix",
            "Win rates by epsilon, battle, 64 a side",
            FIVE + EPSILONS,
            bars=Bars(
                (("cmfq-epsilon-0.001", 0), ("cmfq", 0), ("cmfq-epsilon-1", 0)),
                names_of(FIVE),
                of_axis=True,
            ),
        ),
        Figure(
            "5",
            "pictures",
            "CMFQ against MFQ in battle",
            (CMFQ, MFQ),
            most_seeds=1,
            shots=(Shot("cmfq", "mfq", ranges=True),),
        ),
        Figure("6", "curves", "Reward in training, pursuit", ROLES["pursuit"]),
        Figure(
            "7",
            "crossing",
            "Rewards in pursuit, role by role",
            ROLES["pursuit"],
            sizes=(20, 80, 180),
            games=4,
        ),
        Figure(
            "8",
            "pictures",
            "Pursuit after 400 steps",
            ROLES["pursuit"],
            most_seeds=1,
            shots=tuple(
                Shot(predator, "mfq", size, step=400)
                for predator in ("cmfq", "attention-mfq")
                for size in (20, 40, 180)
            ),
        ),
        Figure(
            "9",
            "pictures",
            "Weights of one agent's neighbours",
            (CMFQ, ATTENTION, MFQ),
            most_seeds=1,
            shots=(Shot("cmfq", "mfq", weights=True), Shot("attention-mfq", "mfq", weights=True)),
        ),
        Figure("10", "curves", "Reward in training, particles", ROLES["particles"]),
        Figure("I", "crossing", "Rewards in particles, role by role", ROLES["particles"], games=10),
        Figure("bound", "bound", "Remainder of the approximation, Eq 14-20", (SMOOTH,)),
    )
}
"""Figures and tables by their name in the paper."""
