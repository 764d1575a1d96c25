"""Commands that show why agents act as they do, and whether the theory holds."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from cmfq.environments.base import TeamObservation
from cmfq.environments.battle import BattleEnvironment, BattleSettings
from cmfq.errors import UserError
from cmfq.explanation import Explanation
from cmfq.policies import QPolicy
from cmfq.rollout import decide
from cmfq.storage import write_json
from cmfq.theory import TheoryRow, check_theory
from cmfq.training.checkpoint import load

LIKELY_ACTIONS = 6
"""Actions shown of the policies: the likeliest in any of them."""


def explain(
    run: tyro.conf.Positional[Path],
    step: int = 10,
    agent: int = 0,
    size: int = 64,
    seed: int = 0,
) -> None:
    """Show whom an agent heeds in a game of a policy against itself, and what that changes.

    Args:
        run: a run folder or checkpoint file.
        step: of the game.
        agent: its id: 0 to size - 1 are red, size to 2 size - 1 blue.
        size: agents a side.
        seed: of the game.
    """
    policy, generator = load(run), _generator(seed)
    observations = _observe(policy, size, seed, [step], generator)[0]
    team = next((o for o in observations if agent in o.ids), observations[agent >= size])
    _print_explanation(policy.explain(team, agent, generator), step)


def check(
    run: tyro.conf.Positional[Path],
    size: int = 64,
    seed: int = 0,
    json: Path | None = None,
) -> None:
    """Measure on a trained network what the paper assumes of it (Eq 8, 9, 14-20).

    Args:
        run: a run folder or checkpoint file.
        size: agents a side, of the game against itself that gives the observations.
        seed: of the game.
        json: file to write the rows to.
    """
    policy, generator = load(run), _generator(seed)
    steps = _observe(policy, size, seed, [5, 10, 15, 20], generator)
    rows = check_theory(policy, [team for step in steps for team in step], generator)
    table = Table(title="Σ w_k Q(s, a, a_k) against Q(s, a, ǎ)")
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
    if json:
        write_json(json, rows)
    Console().print(table)
    print("first order: greatest |Σ w_k δ_k|; smoothness: L; remainder: greatest |R_k|;")
    print("inside: share of R_k in [-L, L]; gap: mean of Eq 8, and as a share of Q's spread")


def _generator(seed: int) -> np.random.Generator:
    if seed < 0:
        raise UserError(f"seed is {seed}: give at least 0")
    return np.random.default_rng(seed)


def _observe(
    policy: QPolicy, size: int, seed: int, steps: list[int], generator: np.random.Generator
) -> list[tuple[TeamObservation, ...]]:
    """What both teams see at these steps of a game of the policy against itself."""
    if min(steps) < 0:
        raise UserError(f"step is {min(steps)}: give at least 0")
    environment = BattleEnvironment(BattleSettings(size=size))
    observations = environment.reset(seed)
    seen = []
    for step in range(max(steps) + 1):
        if step in steps:
            seen.append(observations)
        decisions = decide((policy, policy), observations, generator)
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
