"""Opponents of a training run: who is met in which game, and how the learners fare."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from cmfq.environments.base import TeamSpecification
from cmfq.environments.settings import Measure
from cmfq.environments.sides import seats
from cmfq.errors import UserError
from cmfq.imports import own_names
from cmfq.policies import Policy, QPolicy
from cmfq.rollout import Episode
from cmfq.training.copies import GatedSelf, PastSelves
from cmfq.training.demonstrator import Demonstrator
from cmfq.training.opponent_settings import GATED, PAST, SELF, parse_mix
from cmfq.training.own_player import load_own_player
from cmfq.training.results import Results, title_of
from cmfq.training.role_learner import join_names, split_names
from cmfq.training.settings import RunSettings
from cmfq.training.start import LoadPlayer


@dataclass(frozen=True)
class Meeting:
    """Players of a game, and which of them learn from it."""

    opponent: str
    """``self``, ``gated``, ``past``, or the name that was given."""
    policies: tuple[Policy, ...]
    """Policy of each team."""
    own: tuple[int, ...]
    """Teams that are played by their learners."""
    learning: tuple[int, ...]
    """Teams that are learned from."""
    side: int | None = None
    """Which side (see :func:`cmfq.environments.sides.seats`) the learners play; none: both."""
    past_episode: int | None = None
    """Training episodes of a past self."""

    @property
    def demonstrating(self) -> tuple[int, ...]:
        """Teams that are learned from, though another player chose their actions."""
        return tuple(
            team for team, policy in enumerate(self.policies) if isinstance(policy, Demonstrator)
        )

    @property
    def title(self) -> str:
        """The opponent, and of a past self which one."""
        return title_of(self.opponent, self.past_episode)


class Opponents:
    """The opponents of a run, with the results against them.

    Args:
        settings: settings of the run.
        teams: teams of its environment.
        learners: the current policy of every role.
        generator: generator of the draws of opponents and sides.
        load_player: loads scripts, checkpoints and run folders; needed if there are some.
        begun: the run is resumed.

    Raises:
        UserError: an opponent is not there or cannot play this game, or a gate can never open.
    """

    def __init__(
        self,
        settings: RunSettings,
        teams: Sequence[TeamSpecification],
        learners: Mapping[str, QPolicy],
        generator: np.random.Generator,
        load_player: LoadPlayer | None = None,
        begun: bool = False,
    ) -> None:
        self._settings = settings.opponent_pool
        self._shares = parse_mix(settings.opponents)
        self._teams = teams
        self._learners = learners
        self._generator = generator
        self._sides = _find_sides(self._shares, teams)
        decided_by = settings.environment.decided_by
        self.results = Results(teams, self._sides, decided_by, self._settings.result_games)
        self._gate_measure: Measure = decided_by
        if self._settings.gate_measure == "reward":
            self._gate_measure = "rewards"
        self._past = None
        if PAST in self._shares:
            self._past = PastSelves(self._settings, learners, settings.start_from is not None)
        self._gated = None
        if GATED in self._shares:
            _check_gate(settings, self._shares[GATED], self.results)
            self._gated = GatedSelf(self._settings, learners)
        self._loaded = {
            name: _load(name, settings, teams, load_player, begun)
            for name in self._shares
            if name not in (SELF, GATED, PAST)
        }

    @property
    def gate_openings(self) -> int | None:
        """Number of times that the gated self was replaced; ``None`` without a gate."""
        return self._gated.openings if self._gated else None

    def draw(self) -> Meeting:
        """Draw the opponent and the learners' side of the next game."""
        names, shares = list(self._shares), list(self._shares.values())
        name = names[self._generator.choice(len(names), p=shares)] if len(names) > 1 else names[0]
        if name == SELF:
            policies = tuple(self._learners[team.role] for team in self._teams)
            everyone = tuple(range(len(policies)))
            return Meeting(SELF, policies, everyone, everyone)
        side = int(self._generator.integers(2))
        past_episode = None
        if name in self._loaded:
            theirs = self._loaded[name]
        elif self._gated and name == GATED:
            theirs = self._with_current_beta(self._gated.players)
        else:
            assert self._past, "there is no other name"
            past_episode = self._past.draw(
                self._generator, lambda one: self.results.expected(side, PAST, one)
            )
            theirs = self._with_current_beta(self._past.copies[past_episode])
        own = tuple(self._sides[side])
        players = tuple(
            self._learners[role] if team in own else self._opponent(name, theirs[role], role)
            for team, role in enumerate(team.role for team in self._teams)
        )
        learning = tuple(range(len(players))) if self._settings.learn_from else own
        return Meeting(name, players, own, learning, side, past_episode)

    def _opponent(self, name: str, player: Policy, role: str) -> Policy:
        """The opponent of a role as it plays here: learned from, if the settings say so."""
        if not self._settings.learn_from or name not in self._loaded:
            return player  # a copy of the learner merges as the learner does
        return Demonstrator(player, self._learners[role])

    def _with_current_beta(self, copies: Mapping[str, QPolicy]) -> Mapping[str, QPolicy]:
        for role, policy in copies.items():
            policy.beta = self._learners[role].beta
        return copies

    def record(self, meeting: Meeting, played: Episode) -> None:
        """Count the result of a game."""
        self.results.record(meeting.opponent, meeting.side, meeting.past_episode, played)
        if self._gated and meeting.side is not None and meeting.opponent == GATED:
            self._gated.record(self.results.margin(meeting.side, played, self._gate_measure))

    def follow(self, before: int, episode: int) -> None:
        """Let copies follow the learners, after the updates that the last games earned.

        Args:
            before: episodes played before these games.
            episode: episodes played with them.
        """
        if self._gated:
            self._gated.follow()
        if self._past:
            self._past.follow(before, episode)
            self.results.forget_past(self._past.copies)

    def state(self, with_past: bool) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that the next draw depends on, but for the generator.

        Args:
            with_past: past selves included.

        Returns:
            Tensors, and a JSON-able rest.
        """
        tensors: dict[str, Tensor] = {}
        info: dict[str, Any] = {
            "results": self.results.state(),
            "loaded": {name: digest_of(players) for name, players in self._loaded.items()},
        }
        if self._past and with_past:
            tensors |= {f"{PAST}/{name}": weight for name, weight in self._past.state().items()}
        if self._gated:
            weights, info[GATED] = self._gated.state()
            tensors |= {f"{GATED}/{name}": weight for name, weight in weights.items()}
        return tensors, info

    def restore(self, tensors: dict[str, Tensor], info: Mapping[str, Any]) -> None:
        """Become what :meth:`state` saw.

        Raises:
            UserError: an opponent that was loaded has other weights now.
        """
        for name, players in self._loaded.items():
            if digest_of(players) != info["loaded"][name]:
                raise UserError(
                    f"the opponent {name} has other weights than before: restore the old file, or "
                    "train again with a checkpoint file, which does not change"
                )
        self.results.restore(info["results"])
        parts = split_names(tensors)
        if self._past and PAST in parts:
            self._past.restore(split_names(parts[PAST]))
        if self._gated:
            self._gated.restore(parts[GATED], info[GATED])

    def restore_snapshot(self, weights: Mapping[str, Mapping[str, Tensor]]) -> None:
        """Take up the opponent of a run from before there were mixes: weights of each role."""
        if self._gated:
            self._gated.restore(join_names(weights), {"points": [], "openings": 0})


def digest_of(players: Mapping[str, Policy]) -> str:
    """Digest of the weights of learned policies; the same for all that are not learned."""
    digest = hashlib.sha256()
    for role, policy in sorted(players.items()):
        if isinstance(policy, QPolicy):
            digest.update(role.encode())
            for name, weight in policy.network.state_dict().items():
                digest.update(name.encode() + weight.cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def _find_sides(
    shares: Mapping[str, float], teams: Sequence[TeamSpecification]
) -> tuple[list[int], list[int]]:
    """Teams of each side; none where only the current policies play."""
    others = [name for name in shares if name != SELF]
    if not others:
        return [], []
    sides = seats(teams)
    if not sides[1]:
        raise UserError(
            f"opponents has {others[0]!r}: this game has one team and no opponents; leave "
            "opponents at self"
        )
    return sides


def _check_gate(settings: RunSettings, share: float, results: Results) -> None:
    if not results.alike:
        raise UserError(
            f"opponents has {GATED!r}, which needs two sides of the same roles to compare them, "
            f"but the sides are {' and '.join(results.roles)}: give {PAST} instead"
        )
    games, needed = share * settings.episodes, settings.opponent_pool.gate_games
    if games < needed:
        raise UserError(
            f"gate_games is {needed}: the gate would never open, since about {games:.3g} of "
            f"{settings.episodes} episodes are played against {GATED}; give fewer gate_games, a "
            f"larger share of {GATED}, or more episodes"
        )


def _load(
    name: str,
    settings: RunSettings,
    teams: Sequence[TeamSpecification],
    load_player: LoadPlayer | None,
    begun: bool,
) -> Mapping[str, Policy]:
    if own_names(name):
        return load_own_player(name, teams)
    if load_player is None:
        raise UserError(
            f"opponents has {name!r}, which cannot be loaded: in Python, give SelfPlay "
            "load_player=cmfq.play.players.load_player"
        )
    try:
        return load_player(name, settings.environment.kind, teams)
    except UserError as error:
        way_out = (
            "; a resumed run needs the opponents with which it began: restore this one, or train "
            f"again with others, among which {SELF}, {GATED} and {PAST} need no file"
        )
        raise UserError(f"opponents has {name!r}: {error}{way_out if begun else ''}") from error
