"""The paper's claims as data: what each says of which figure, in a form that can be measured."""

from dataclasses import dataclass
from typing import Literal

ALL, EACH_OTHER = "all", "each other"
"""Opponents of :class:`Earns` that are no group."""


@dataclass(frozen=True)
class Wins:
    """A's win rate against B."""

    figure: str
    a: str
    b: str
    size: int = 0
    """Size of the game in a figure of several; 0: the figure has one."""
    at_least: float = 0.5
    """The claim is that A wins more than this."""
    about: float | None = None
    """The claim is that A wins about so much, instead."""


@dataclass(frozen=True)
class WinsMore:
    """A's win rate against a third group, less B's."""

    figure: str
    a: str
    b: str
    against: str
    size: int


@dataclass(frozen=True)
class Earns:
    """Reward per agent and step of A in a role, less that of B."""

    figure: str
    a: str
    b: str
    role: Literal[0, 1]
    """Role that both play: 0, predators; 1, prey."""
    size: int = 0
    against: str = ALL
    """In the other role: all, the mean over all trained groups; a group; or each other, B against
    A and A against B."""


@dataclass(frozen=True)
class Steadier:
    """How much less A's reward changes than B's, from the smallest to the largest game."""

    figure: str
    a: str
    b: str
    role: Literal[0, 1]


@dataclass(frozen=True)
class Converges:
    """How far the reward of training still moves in its last half, as a share of its range."""

    figure: str
    group: str
    role: Literal[0, 1] | None = None
    """Role whose reward it is: 0, predators; 1, prey; None: all teams have one role."""


@dataclass(frozen=True)
class Bounded:
    """The greatest remainder as a share of its bound."""

    figure: str


@dataclass(frozen=True)
class Neglected:
    """What Eq 9 leaves out of Eq 8, as a share of the spread of an agent's Q over its actions.

    The 95th percentile over agents.
    """

    figure: str


Measured = Wins | WinsMore | Earns | Steadier | Converges | Bounded | Neglected


ABOUT: dict[str, tuple[type, ...]] = {
    "of groups with each other": (Wins, WinsMore, Earns, Steadier),
    "that training converges": (Converges,),
    "of the approximation": (Bounded, Neglected),
}
"""What claims are about, and how these are measured."""


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper, by its meaning, and what is measured to check it."""

    says: str
    measured: Measured


THREE = ("mfq", "attention-mfq", "cmfq")
SPELT = {
    "iql": "IQL",
    "mfq": "MFQ",
    "attention-mfq": "Attention-MFQ",
    "cmfq": "CMFQ",
    "random-weights": "random weights",
}
"""Names of algorithms in sentences."""

EPSILONS = (("0.001", "cmfq-epsilon-0.001"), ("1", "cmfq-epsilon-1"))
"""Groups of Fig 4d by their epsilon; the one of 0.01 is the CMFQ of Fig 4a and 4b."""


def _converging(world: str, figure: str) -> tuple[Claim, ...]:
    """Claims about training in a world of two roles: one earns what the other loses."""
    roles: tuple[tuple[str, Literal[0, 1]], ...] = (("predators", 0), ("prey", 1))
    return tuple(
        Claim(
            f"Training in {world} converges: {SPELT[group]} {name}", Converges(figure, group, role)
        )
        for group in THREE
        for name, role in roles
    )


CLAIMS: tuple[Claim, ...] = (
    *(
        Claim(f"Training in battle converges: {SPELT[group]}", Converges("4a", group))
        for group in ("iql", "mfq", "attention-mfq", "cmfq", "random-weights")
    ),
    Claim("MFQ beats IQL", Wins("4b", "mfq", "iql")),
    Claim("Attention-MFQ beats MFQ", Wins("4b", "attention-mfq", "mfq")),
    Claim("CMFQ beats Attention-MFQ", Wins("4b", "cmfq", "attention-mfq")),
    Claim("CMFQ beats MFQ", Wins("4b", "cmfq", "mfq")),
    Claim("Attention-MFQ beats IQL", Wins("4b", "attention-mfq", "iql")),
    Claim("CMFQ beats IQL", Wins("4b", "cmfq", "iql")),
    Claim("CMFQ beats random weights", Wins("4b", "cmfq", "random-weights")),
    Claim("MFQ beats random weights", Wins("4b", "mfq", "random-weights")),
    Claim(
        "CMFQ trained at 64 wins nearly every game against MFQ trained at 100, at 100 a side",
        Wins("4c", "cmfq", "mfq100", 100, at_least=0.9),
    ),
    Claim(
        "CMFQ trained at 64 wins nearly every game against MFQ trained at 100 for as many agents "
        "times episodes, at 100 a side",
        Wins("4c", "cmfq", "mfq100-steps", 100, at_least=0.9),
    ),
    Claim(
        "CMFQ trained at 64 wins 32 % against MFQ trained at 400, at 400 a side",
        Wins("4c", "cmfq", "mfq400", 400, about=0.32),
    ),
    Claim(
        "The same, against MFQ trained at 400 for as many agents times episodes",
        Wins("4c", "cmfq", "mfq400-steps", 400, about=0.32),
    ),
    *(
        Claim(
            f"MFQ trained at {size} beats MFQ trained at 64, at {size} a side",
            Wins("4c", f"mfq{size}", "mfq", size),
        )
        for size in (100, 400)
    ),
    *(
        Claim(
            f"{SPELT[a]} trained at 64 wins more than {SPELT[b]} trained at 64 against MFQ trained "
            f"at {size}, at {size} a side",
            WinsMore("4c", a, b, f"mfq{size}", size),
        )
        for size in (100, 400)
        for a, b in (("attention-mfq", "mfq"), ("cmfq", "attention-mfq"), ("cmfq", "mfq"))
    ),
    *(
        Claim(f"Training with epsilon {epsilon} converges: CMFQ", Converges("4d", group))
        for epsilon, group in EPSILONS
    ),
    *(
        Claim(f"CMFQ with epsilon {epsilon} beats {SPELT[other]}", Wins("4d", group, other))
        for epsilon, group in EPSILONS
        for other in ("iql", "mfq", "attention-mfq", "random-weights")
    ),
    Claim(
        "With a large epsilon CMFQ is about as strong as MFQ",
        Wins("4d", "cmfq-epsilon-1", "mfq", about=0.5),
    ),
    *_converging("pursuit", "6"),
    *(
        Claim(
            f"{SPELT[a]} predators earn more than {SPELT[b]} predators in pursuit, "
            f"{size} predators",
            Earns("7", a, b, 0, size),
        )
        for size in (20, 80, 180)
        for a, b in (("cmfq", "attention-mfq"), ("attention-mfq", "mfq"), ("cmfq", "mfq"))
    ),
    *(
        Claim(
            f"The reward of CMFQ predators changes less with size than that of {SPELT[other]}",
            Steadier("7", "cmfq", other, 0),
        )
        for other in ("attention-mfq", "mfq")
    ),
    *_converging("particles", "10"),
    *(
        Claim(
            f"{SPELT[a]} predators earn more than {SPELT[b]} predators in particles, against each "
            "other",
            Earns("I", a, b, 0, against=EACH_OTHER),
        )
        for a, b in (("cmfq", "mfq"), ("attention-mfq", "mfq"), ("cmfq", "attention-mfq"))
    ),
    Claim(
        "CMFQ predators earn more than Attention-MFQ predators in particles, against MFQ prey",
        Earns("I", "cmfq", "attention-mfq", 0, against="mfq"),
    ),
    *(
        Claim(
            f"{SPELT[a]} prey lose less than {SPELT[b]} prey in particles, against each other",
            Earns("I", a, b, 1, against=EACH_OTHER),
        )
        for a, b in (("cmfq", "mfq"), ("attention-mfq", "mfq"), ("cmfq", "attention-mfq"))
    ),
    Claim(
        "What Eq 9 leaves out can be neglected: less than 5 % of the spread of Q over actions",
        Neglected("bound"),
    ),
    Claim("The remainder of Eq 9 stays within its bound, which is a theorem", Bounded("bound")),
)
"""Sentences of the paper that can be checked, in the order of its figures."""
