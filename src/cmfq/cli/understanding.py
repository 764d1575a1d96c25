"""Commands that show why agents act as they do, and whether the theory holds."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from cmfq.environments.base import TeamObservation
from cmfq.environments.registry import make_environment
from cmfq.errors import UserError
from cmfq.explanation import Explanation, id_ranges
from cmfq.policies import QPolicy
from cmfq.rollout import decide
from cmfq.storage import write_json
from cmfq.theory import TheoryRow, check_theory
from cmfq.training.checkpoint import load_checkpoint

LIKELY_ACTIONS = 6
"""Actions shown of the policies: the likeliest in any of them."""


def explain_in(settings_type: type[Any], default: Any) -> Callable[..., None]:
    """``cmfq explain`` with the options of one kind of environment."""

    def explain(
        run: tyro.conf.Positional[Path],
        settings: tyro.conf.OmitArgPrefixes[settings_type] = default,  # type: ignore[valid-type]
        step: int = 10,
        agent: int = 0,
        seed: int = 0,
    ) -> None:
        """Show whom an agent heeds in a game of a policy against itself, and what that changes.

        Args:
            run: a run folder or checkpoint file.
            settings: of the game; those of the run where not given.
            step: of the game.
            agent: its id; in battle 0 to size - 1 are red, size to 2 size - 1 blue.
            seed: of the game.
        """
        policies, generator = load_checkpoint(run).policies, _generator(seed)
        teams = _observe(policies, settings, seed, [step], generator)
        living = [agent in observation.ids for _, observation in teams]
        if not any(living):
            ids = np.concatenate([observation.ids for _, observation in teams]).tolist()
            raise UserError(f"no living agent has id {agent}: the living are {id_ranges(ids)}")
        policy, observation = teams[living.index(True)]
        _print_explanation(policy.explain(observation, agent, generator), step)

    return explain


def check_in(settings_type: type[Any], default: Any) -> Callable[..., None]:
    """``cmfq check`` with the options of one kind of environment."""

    def check(
        run: tyro.conf.Positional[Path],
        settings: tyro.conf.OmitArgPrefixes[settings_type] = default,  # type: ignore[valid-type]
        seed: int = 0,
        json: Path | None = None,
    ) -> None:
        """Measure what the paper assumes of Q, for causal, mean and random weights.

        Args:
            run: a run folder or checkpoint file.
            settings: of the game against itself that gives the observations.
            seed: of the game.
            json: file to write the rows to.
        """
        policies, generator = load_checkpoint(run).policies, _generator(seed)
        seen = _observe(policies, settings, seed, [5, 10, 15, 20], generator)
        rows = {
            role: check_theory(policy, [one for by, one in seen if by is policy], generator)
            for role, policy in policies.items()
        }
        if json:
            write_json(json, rows)
        for role, of_role in rows.items():
            _print_theory(role, of_role)
        print("first order: greatest |Σ w_k δ_k|; smoothness: L; remainder: greatest |R_k|;")
        print("inside: share of R_k in [-L, L]; gap: mean of Eq 8, and as a share of Q's spread")

    return check


def _print_theory(role: str, rows: list[TheoryRow]) -> None:
    table = Table(title=f"Σ w_k Q(s, a, a_k) against Q(s, a, ǎ), {role}")
    for name in (field.name for field in fields(TheoryRow)):
        table.add_column(name.replace("_", " "), justify="left" if name == "weights" else "right")
    for row in rows:
        table.add_row(
            row.weights,
            f"{row.first_order:.1e}",
            f"{row.smoothness:.3f}",
            f"{row.remainder:.3f}",
            f"{row.inside:.2%}",
            f"{row.gap:.4f}",
            f"{row.gap_share:.2%}",
        )
    Console().print(table)


def _generator(seed: int) -> np.random.Generator:
    if seed < 0:
        raise UserError(f"seed is {seed}: give at least 0")
    return np.random.default_rng(seed)


def _observe(
    policies: dict[str, QPolicy],
    settings: Any,
    seed: int,
    steps: list[int],
    generator: np.random.Generator,
) -> list[tuple[QPolicy, TeamObservation]]:
    """What every team sees at these steps of a game of the policies, and by whom it is played."""
    if min(steps) < 0:
        raise UserError(f"step is {min(steps)}: give at least 0")
    environment = make_environment(settings)
    players = [policies[team.role] for team in environment.teams]
    observations = environment.reset(seed)
    seen: list[tuple[QPolicy, TeamObservation]] = []
    for step in range(max(steps) + 1):
        if step in steps:
            seen += zip(players, observations, strict=True)
        (decisions,) = decide([players], [observations], generator)
        outcome = environment.step([decision.actions for decision in decisions])
        if (outcome.terminated or outcome.truncated) and step < max(steps):
            raise UserError(f"the game ends with step {step}: give a step up to that")
        observations = outcome.observations
    return seen


def _print_explanation(explanation: Explanation, step: int) -> None:
    console = Console()
    table = Table(title=f"Agent {explanation.agent} at step {step}: its neighbours")
    for column in ("id", "distance", "did", "effect", "weight"):
        table.add_column(column, justify="left" if column == "did" else "right")
    for neighbour in explanation.neighbours:
        table.add_row(
            str(neighbour.id),
            f"{neighbour.distance:.1f}",
            neighbour.action,
            f"{neighbour.effect:.4f}",
            f"{neighbour.weight:.3f}",
        )
    console.print(table)
    policies = {
        "before, with ā": explanation.policy_before,
        "after, with ǎ": explanation.policy_after,
        **{f"if all: {name}": p for name, p in explanation.counterfactual_policies.items()},
    }
    likely = np.max(list(policies.values()), axis=0)
    shown = np.argsort(-likely)[:LIKELY_ACTIONS]
    table = Table(title="Its policy, and what it would be if the whole crowd had acted like one")
    table.add_column("", no_wrap=True)
    for action in shown:
        table.add_column(explanation.actions[action], justify="right")
    for name, policy in policies.items():
        table.add_row(name, *(f"{policy[action]:.3f}" for action in shown))
    console.print(table)
