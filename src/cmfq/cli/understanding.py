"""Commands that show why agents act as they do, and whether the theory holds."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tyro

from cmfq.cli.screen import ScreenTable, new_console
from cmfq.environments.keeping import teams_of
from cmfq.environments.settings import EnvironmentSettings
from cmfq.errors import UserError
from cmfq.explanation import Explanation, id_ranges
from cmfq.outputs import THEORY, validate_output
from cmfq.play.games import Deciding, decisions_until
from cmfq.play.players import load_policies
from cmfq.storage import write_json
from cmfq.text import say
from cmfq.theory import TheoryRow, check_theory

CHECKED_STEPS = (5, 10, 15, 20)
"""Steps whose observations are checked; of a shorter game those that it has, or its last."""
THEORY_COLUMNS = (
    "weights",
    "|Σ w δ|",
    "|R|",
    "share",
    "share, 95 %",
    "gap",
    "gap, 95 %",
    "L",
    "used",
)
LIKELY_ACTIONS = 6
"""Actions shown of the policies: the likeliest in any of them."""


def explain_in(
    settings_type: type[EnvironmentSettings], default: EnvironmentSettings
) -> Callable[..., None]:
    """``cmfq explain`` with the options of one kind of environment."""

    def explain(
        run: tyro.conf.Positional[Path],
        settings: tyro.conf.OmitArgPrefixes[settings_type] = default,  # type: ignore[valid-type]
        step: int = 10,
        agent: int = 0,
        seed: int = 0,
    ) -> None:
        """Show the neighbours and weights behind an agent's action.

        The policy plays a game against itself. Settings of the game that are not given are those of
        the run.

        Args:
            run: Run folder or checkpoint file.
            settings: Settings of the game.
            step: Step of the game.
            agent: Id of the agent; in battle 0 to size - 1 are red, size to 2 size - 1 blue.
            seed: Random seed of the game.
        """
        policies = load_policies(run, default.kind, teams_of(settings))
        generator = _generator(seed)
        if step < 0:
            raise UserError(f"step is {step}: give at least 0")
        seen = decisions_until(policies, settings, seed, step, generator)
        if len(seen) <= step:
            raise UserError(f"the game ends with step {len(seen) - 1}: give a step up to that")
        teams = seen[step]
        living = [agent in observation.ids for _, observation, _ in teams]
        if not any(living):
            ids = np.concatenate([observation.ids for _, observation, _ in teams]).tolist()
            raise UserError(f"no living agent has id {agent}: the living are {id_ranges(ids)}")
        team = living.index(True)
        policy, observation, decision = teams[team]
        others = [other for number, (_, other, _) in enumerate(teams) if number != team]
        told = policy.explain_decision(observation, decision, agent, others)
        _print_explanation(told, _where(settings, step, seed))

    return explain


def check_in(
    settings_type: type[EnvironmentSettings], default: EnvironmentSettings
) -> Callable[..., None]:
    """``cmfq check`` with the options of one kind of environment."""

    def check(
        run: tyro.conf.Positional[Path],
        settings: tyro.conf.OmitArgPrefixes[settings_type] = default,  # type: ignore[valid-type]
        seed: int = 0,
        json: Path | None = None,
    ) -> None:
        """Measure the error of the mean-field approximation (Eq 8-20).

        The error of Q with merged neighbours is measured for causal, mean and random weights, at
        steps 5, 10, 15 and 20 of a game of the policy against itself. Settings of the game that are
        not given are those of the run.

        Args:
            run: Run folder or checkpoint file.
            settings: Settings of the game.
            seed: Random seed of the game.
            json: JSON file to write with the rows of the table.
        """
        if json is not None:
            validate_output(json, THEORY)
        policies = load_policies(run, default.kind, teams_of(settings))
        generator = _generator(seed)
        watched = decisions_until(policies, settings, seed, max(CHECKED_STEPS), generator)
        chosen = [step for step in CHECKED_STEPS if step < len(watched)] or [len(watched) - 1]
        rows: dict[str, list[TheoryRow]] = {}
        merges: dict[str, bool] = {}
        for role, policy in policies.items():
            decisions = [
                decision for step in chosen for by, _, decision in watched[step] if by is policy
            ]
            rows[role] = check_theory(policy, decisions, generator)
            merges[role] = any(np.any(decision.merged_actions) for decision in decisions)
        if not any(rows.values()):
            raise UserError(
                f"{run} has nothing to check: in a game of seed {seed} {_why_nothing(watched)}"
            )
        if json is not None:
            write_json(json, rows)
        for role, of_role in rows.items():
            if of_role:
                _print_theory(role, of_role)
                _print_notes(of_role[0])
                if not merges[role]:
                    say(
                        f"{policies[role].algorithm} merged no actions: its network knows no other "
                        "merged action than ǎ = 0"
                    )
                say(approximation(role, of_role))
            else:
                say(f"{role}: no agent has two neighbours that acted differently: left out")

    return check


def _why_nothing(watched: Sequence[Sequence[Deciding]]) -> str:
    """Why no agent can be measured in a game, and what to give instead."""
    counts = [one.counts for step in watched for _, _, one in step if one.counts is not None]
    if any((of_agents.sum(axis=1) > 1).any() for of_agents in counts):
        return (
            "no agent has two neighbours that acted differently, so nothing is approximated; give "
            "another seed or run"
        )
    return (
        "no agent has two neighbours that acted, so each merged action is that of one neighbour "
        "and nothing is approximated; give a run with more agents"
    )


def _print_theory(role: str, rows: list[TheoryRow]) -> None:
    table = ScreenTable(
        title=f"Σ w_k Q(s, a, a_k) against Q(s, a, ǎ): {rows[0].agents} agents, role {role}"
    )
    for column in THEORY_COLUMNS:
        table.add_column(column, justify="left" if column == "weights" else "right")
    for row in rows:
        table.add_row(
            row.weights,
            f"{row.first_order:.0e}",
            f"{row.remainder:.4f}",
            f"{row.remainder_share:.1%}",
            f"{row.remainder_share_95:.1%}",
            f"{row.gap_share:.1%}",
            f"{row.gap_share_95:.1%}",
            "none" if row.smoothness is None else f"{row.smoothness:.3f}",
            "-" if row.bound_used is None else f"{row.bound_used:.1%}",
        )
    new_console().print(table)


def _print_notes(row: TheoryRow) -> None:
    """Explanation of the numbers and of their limits."""
    say("|Σ w δ|: greatest entry, zero by construction: ǎ is the weighted mean of the neighbours'")
    say("actions, so what is printed is rounding; |R|: an agent's greatest |R_k|, median over")
    say("agents; share: the same as a share of the standard deviation of the agent's Q over the")
    say("actions it may take; gap: the mean difference in Eq 8 as such a share; 95 %: 95th")
    say("percentiles over agents")
    if row.smoothness is None:
        say(
            "L: none. The network's rectifiers make the gradient of Q jump in ǎ, so Eq 14-20 bound "
            "nothing here; train with --activation softplus or silu for a Q that has an L"
        )
    elif row.smoothness == 0:
        say(
            "L: 0. The pairwise head is linear in ǎ: remainder and gap are zero by construction, "
            "for any weights, and what is printed is rounding; with --head additive they "
            "are not"
        )
    else:
        say(
            "L: a bound from the weights for every observation and ǎ, of the worst action; used: "
            "greatest |R_k| as a share of its bound L/2 ‖δ_k‖²"
        )


def approximation(role: str, rows: Sequence[TheoryRow]) -> str:
    """Sentence: how far Q with the merged action is from the mean of Q over neighbours (Eq 8)."""
    if rows[0].smoothness == 0:
        return f"{role}: the approximation is exact, whatever the weights."
    each = "; ".join(
        f"{row.gap_share:.1%} with {row.weights} weights ({row.gap_share_95:.1%} at the 95th "
        "percentile)"
        for row in rows
    )
    return (
        f"{role}: the error of the approximation, as a share of the spread of an agent's Q over "
        f"its actions, has the median {each}."
    )


def _where(settings: EnvironmentSettings, step: int, seed: int) -> str:
    return f"step {step} of {settings.title}, seed {seed}, against itself"


def _generator(seed: int) -> np.random.Generator:
    if seed < 0:
        raise UserError(f"seed is {seed}: give at least 0")
    return np.random.default_rng(seed)


def _print_explanation(explanation: Explanation, where: str) -> None:
    console = new_console()
    table = ScreenTable(title=f"Agent {explanation.agent} at {where}: its neighbours")
    effect = "effect" if explanation.rule_has_effects else "effect (Eq 7)"
    for column in ("id", "distance", "action", effect, "weight"):
        table.add_column(column, justify="left" if column == "action" else "right")
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
    title = "Its policy, and what it would be if all neighbours acted alike"
    if len(shown) < len(likely):
        title += f": the {len(shown)} likeliest of {len(likely)} actions"
    table = ScreenTable(title=title)
    table.add_column("", no_wrap=True)
    for action in shown:
        table.add_column(explanation.actions[action], justify="right")
    for name, policy in policies.items():
        table.add_row(name, *(f"{policy[action]:.3f}" for action in shown))
    console.print(table)
    say(
        f"This is {where}. The policies are Boltzmann's with inverse temperature β = "
        f"{explanation.beta:g}; effects are measured with β = {explanation.effect_beta:g}."
    )
    say(explanation.summary())
