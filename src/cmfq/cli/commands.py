"""The commands by name, each with one line of help. Nothing here imports what a command needs."""

from typing import NamedTuple

DESCRIPTION = "Causal mean-field reinforcement learning for hundreds of interacting agents."


class Command(NamedTuple):
    """One command of ``cmfq``."""

    summary: str
    """Help in one line, without a full stop: the first line of the function's docstring."""
    function: str
    """Function that runs it, as ``module:name`` within :mod:`cmfq.cli`."""
    by_environment: bool = False
    """Whether its options depend on the environment that its arguments name. The function is
    then called with the settings of the environment and returns the command."""
    first: tuple[str, ...] = ()
    """Options that ``--help`` shows, if not all of the command's own; ``--help-all`` shows all."""
    renamed: dict[str, str] = {}  # noqa: RUF012
    """Options that no longer exist, each with what to give instead."""
    former: dict[str, str] = {}  # noqa: RUF012
    """Options that are still taken under their old name, each with the new one: for programs that
    others wrote."""


LOG = {"--json": "--log"}
GROUPS = {
    "Train": {
        "environments": Command(
            "List the environments, or describe one", "describing:environments"
        ),
        "train": Command(
            "Train a policy for each role by self-play",
            "training:train_in",
            by_environment=True,
            first=(
                "--run",
                "--preset",
                "--algorithm",
                "--size",
                "--predators",
                "--prey",
                "--episodes",
                "--seed",
                "--opponents",
                "--checkpoint-period",
                "--evaluate-period",
                "--record-period",
            ),
            renamed={
                "--opponent": "--opponents self (was shared), or --opponents gated "
                "--gate-win-rate 0 (was snapshot)",
                "--snapshot-period": "--gate-games, with --opponents gated --gate-win-rate 0",
            },
        ),
        "train-many": Command("Train the runs of a plan, several at once", "many:train_many"),
        "resume": Command("Continue an interrupted run", "training:resume"),
        "curves": Command("Draw the training curves of runs (Fig 4a)", "tournaments:curves"),
        "export": Command(
            "Write the policy of a run, or of several together, as one file", "publishing:export"
        ),
    },
    "Play": {
        "evaluate": Command(
            "Play games between two players",
            "playing:evaluate_in",
            by_environment=True,
            former={"--episodes": "--games"},
        ),
        "report": Command("Play a run against opponents; write an HTML report", "playing:report"),
    },
    "Judge": {
        "tournament": Command(
            "Compare algorithms over training seeds",
            "tournaments:tournament_in",
            by_environment=True,
            renamed={"--episodes": "--games", "--report": "--html", **LOG},
        ),
        "cross": Command(
            "Compare algorithms role by role, such as predators and prey",
            "crossing:cross_in",
            by_environment=True,
        ),
        "progress": Command(
            "Play all checkpoints of runs against fixed opponents",
            "tournaments:progress",
            renamed=LOG,
        ),
        "sizes": Command("Draw win rates by number of agents (Fig 4c)", "tournaments:sizes"),
        "sweep": Command(
            "Measure which settings change the win rate", "studying:sweep", renamed=LOG
        ),
        "power": Command("Calculate how many seeds a comparison needs", "planning:power"),
    },
    "Watch": {
        "record": Command("Record a game", "recordings:record_in", by_environment=True),
        "view": Command("Watch recorded games in the browser", "recordings:view"),
        "watch": Command("Watch a run while it trains", "watching:watch"),
        "render": Command(
            "Draw a recorded game as a film, animation or picture", "recordings:render"
        ),
    },
    "Understand": {
        "explain": Command(
            "Show the neighbours and weights behind an agent's action",
            "understanding:explain_in",
            by_environment=True,
        ),
        "check": Command(
            "Measure the error of the mean-field approximation (Eq 8-20)",
            "understanding:check_in",
            by_environment=True,
        ),
    },
    "Reproduce": {
        "paper": Command("Make figures, tables and claims of the paper again", "paper:paper"),
        "reproduce": Command(
            "Repeat a stored tournament: train its runs, play its games",
            "studying:reproduce",
            renamed=LOG,
        ),
        "bench": Command("Measure the speed of training", "training:bench"),
    },
}
"""Commands by what a user wants, in the order of ``cmfq --help``."""
COMMANDS = {name: command for group in GROUPS.values() for name, command in group.items()}
