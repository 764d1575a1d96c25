"""Self-play: play episodes, learn from them, again (Algorithm 1)."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cmfq.devices import find_device, require_arithmetic
from cmfq.environments.base import Environment
from cmfq.environments.keeping import close_kept
from cmfq.errors import UserError
from cmfq.policies import Policy, QPolicy
from cmfq.replay_writer import ReplayWriter
from cmfq.rollout import Episode, Observer, play_episodes
from cmfq.storage import plain
from cmfq.training.head import settle_head
from cmfq.training.influence import InfluenceTally
from cmfq.training.metrics import EpisodeMetrics, measures_of
from cmfq.training.opponents import Meeting, Opponents
from cmfq.training.role_learner import RoleLearner, join_names, split_names, tensors_of
from cmfq.training.roles import check_replays, check_roles
from cmfq.training.settings import RunSettings
from cmfq.training.start import LoadPlayer, load_start
from cmfq.training.undoing import undone_on_failure
from cmfq.training.worlds import Worlds

Watch = Callable[
    [Environment, Sequence[Policy], Sequence[str], int], AbstractContextManager[Observer]
]
"""``(environment, policies, names of opponents, seed) -> observer``, entered before the episode and
left after it; a team that learns has an empty name."""
OPPONENTS = "*opponents"
"""Prefix of the opponents' tensors in a state; no role's, since "*" in a role is escaped."""


class SelfPlay:
    """The state of a training run between two episodes, and how to go on from it.

    Args:
        settings: settings of the run.
        load_player: loads the opponents that are scripts, checkpoints or run folders, as
            :func:`cmfq.play.players.load_player` does.
        begun: a state is restored next: what training started from is not loaded.
    """

    def __init__(
        self, settings: RunSettings, load_player: LoadPlayer | None = None, begun: bool = False
    ) -> None:
        with ExitStack() as made:
            self._begin(settings, load_player, begun, made)
            made.pop_all()

    def _begin(
        self, settings: RunSettings, load_player: LoadPlayer | None, begun: bool, made: ExitStack
    ) -> None:
        torch.set_num_threads(settings.threads)
        device = find_device(settings.device)
        require_arithmetic(settings.arithmetic, device)
        settings = replace(settings, device=str(device))
        seeds = np.random.SeedSequence(settings.seed)
        network_seed, episode_seed, acting_seed, learning_seed = seeds.spawn(4)
        close_kept()
        self.worlds = Worlds(settings.environment, settings.environments)
        made.callback(self.close)
        self.environments = self.worlds.usual
        self.teams = self.environments[0].teams
        self.settings = settings = settle_head(settings, self.teams)
        roles = {team.role: team for team in self.teams}
        check_roles(settings, roles)
        start = {} if begun else load_start(settings, self.teams, load_player)
        self._generators = {
            "episode": np.random.default_rng(episode_seed),
            "acting": np.random.default_rng(acting_seed),
        }
        self.sides: dict[str, RoleLearner] = {}
        """The learner of each role."""
        for role, specification in roles.items():
            self.sides[role] = RoleLearner(
                specification,
                sum(team.role == role for team in self.teams),
                settings,
                network_seed,
                np.random.default_rng(learning_seed),
                device,
                start.get(role),
            )
            network_seed, learning_seed = seeds.spawn(2)
        held = {role: side.replay.capacity for role, side in self.sides.items()}
        check_replays(settings, self.teams, held)
        self._generators["opponents"] = np.random.default_rng(seeds.spawn(1)[0])
        self.opponents = Opponents(
            settings,
            self.teams,
            {role: side.policy for role, side in self.sides.items()},
            self._generators["opponents"],
            load_player,
            begun,
        )
        self.episode = 0
        """Episodes played."""
        self.skipped_seeds: frozenset[int] = frozenset()
        """Seeds of episodes that are not played: the next that is drawn is played instead."""
        self.undone = False
        """Whether the last call of :meth:`run_episodes` failed while it played, and left
        everything as it was before."""

    def close(self) -> None:
        """Close the environments."""
        self.worlds.close()

    def run_episodes(self, watch: Watch | None = None) -> list[EpisodeMetrics]:
        """Play one episode in every world, then learn from as many sampled rows as they earned.

        Args:
            watch: gives an observer of the first world.

        Raises:
            UserError: a loss or a weight is no longer finite, or an episode could not be played
                (see :attr:`undone`).
        """
        settings = self.settings
        for side in self.sides.values():
            side.policy.beta = settings.exploration.beta(self.episode)
            falling = settings.learning_rate_episodes or settings.episodes
            side.learner.set_learning_rate(min(1.0, self.episode / falling))
        worlds = min(settings.environments, settings.episodes - self.episode)
        started = time.perf_counter()
        replays = [side.replay for side in self.sides.values()]
        generators = [*self._generators.values(), *(one.generator for one in self.sides.values())]
        keep = bool(settings.own_functions)  # nobody else's fail
        self.undone = False
        with undone_on_failure(generators, replays, keep, self._set_undone):
            meetings = [self.opponents.draw() for _ in range(worlds)]
            tallies = [InfluenceTally(self.teams, meeting.demonstrating) for meeting in meetings]
            played = self._play(meetings, tallies, watch)
        playing_seconds = time.perf_counter() - started
        losses = {role: self._learn(role, meetings, played) for role in self.sides}
        learning_seconds = time.perf_counter() - started - playing_seconds
        self._check_finite(losses)
        before = self.episode
        seconds = playing_seconds / worlds, learning_seconds / worlds
        metrics = [
            self._metrics(meeting, episode, tally, losses, *seconds)
            for meeting, episode, tally in zip(meetings, played, tallies, strict=True)
        ]
        self.opponents.follow(before, self.episode)
        return metrics

    def _play(
        self, meetings: Sequence[Meeting], tallies: Sequence[InfluenceTally], watch: Watch | None
    ) -> list[Episode]:
        """Play the games side by side; what the learners lived through goes into their replays."""
        observers: list[list[Observer]] = [
            [*self._replay_writers(meeting), tally]
            for meeting, tally in zip(meetings, tallies, strict=True)
        ]
        environments, seeds = self._draw_episodes(len(meetings))
        with ExitStack() as watched:
            if watch:
                first = meetings[0]
                names = [
                    "" if team in first.own else first.title for team in range(len(self.teams))
                ]
                watcher = watch(environments[0], first.policies, names, seeds[0])
                observers[0].append(watched.enter_context(watcher))
            return play_episodes(
                environments,
                [meeting.policies for meeting in meetings],
                seeds=seeds,
                generator=self._generators["acting"],
                observers=observers,
                threads=self.settings.threads,
            )

    def _replay_writers(self, meeting: Meeting) -> list[ReplayWriter]:
        """Writers of what each role learns from a game."""
        objective = self.settings.objective
        return [
            ReplayWriter(side.replay, self._learning(role, meeting), objective, side.generator)
            for role, side in self.sides.items()
        ]

    def _draw_episodes(self, worlds: int) -> tuple[list[Environment], list[int]]:
        """Environment and seed of the next episode in each world."""
        return [self._world(index) for index in range(worlds)], [
            self._draw_seed() for _ in range(worlds)
        ]

    def _world(self, index: int) -> Environment:
        """The environment of the next episode of a world, of a size that is drawn if there are."""
        if not self.settings.sizes:
            return self.environments[index]
        sizes = self.settings.sizes_at(self.episode + index)
        size = int(self._generators["episode"].choice(sizes))
        return self.worlds.of_size(index, size)

    def _learning(self, role: str, meeting: Meeting) -> list[int]:
        """Teams of a role that are learned from."""
        return [team for team in meeting.learning if self.teams[team].role == role]

    def _learn(
        self, role: str, meetings: Sequence[Meeting], played: Sequence[Episode]
    ) -> list[float]:
        """Make the updates of a role that the games earned; the loss of each."""
        rows = [
            sum(episode.agent_steps_of[team] for team in self._learning(role, meeting))
            for meeting, episode in zip(meetings, played, strict=True)
            if self._learning(role, meeting)
        ]
        return self.sides[role].learn(sum(rows), len(rows))

    def next_seeds(self) -> list[int]:
        """Seeds of the episodes that are played next, side by side."""
        generator = self._generators["episode"]
        before = generator.bit_generator.state
        worlds = min(self.settings.environments, self.settings.episodes - self.episode)
        _, seeds = self._draw_episodes(worlds)
        generator.bit_generator.state = before
        return seeds

    def _draw_seed(self) -> int:
        while (seed := int(self._generators["episode"].integers(2**31))) in self.skipped_seeds:
            pass
        return seed

    def _set_undone(self) -> None:
        self.undone = True
        for side in self.sides.values():
            side.policy.beta = self._last_beta()

    def _last_beta(self) -> float:
        """``β`` of the last episodes, which were played side by side: that of the first of them."""
        round_before = max(0, self.episode - 1) // self.settings.environments
        return self.settings.exploration.beta(round_before * self.settings.environments)

    def averaged_policies(self) -> dict[str, QPolicy]:
        """The policy of each role that checkpoints hold: averaged weights, and ``β`` in play."""
        play_beta = self.settings.exploration.play_beta
        averaged = {role: side.learner.averaged_policy() for role, side in self.sides.items()}
        return {
            role: replace(policy, beta=play_beta or policy.beta)
            for role, policy in averaged.items()
        }

    def _check_finite(self, losses: dict[str, list[float]]) -> None:
        for role, side in self.sides.items():
            if not side.is_finite(losses[role]):
                raise UserError(
                    f"the loss or a weight became non-finite in episode {self.episode + 1}: what "
                    "was saved before is kept; train again in another folder with a learning_rate "
                    f"below {self.settings.learner.learning_rate}"
                )

    def _metrics(
        self,
        meeting: Meeting,
        played: Episode,
        influence: InfluenceTally,
        losses: dict[str, list[float]],
        playing_seconds: float,
        learning_seconds: float,
    ) -> EpisodeMetrics:
        """Metrics of the next episode, whose result is counted."""
        self.episode += 1
        self.opponents.record(meeting, played)
        sides = self.sides.values()
        every_loss = [loss for role_losses in losses.values() for loss in role_losses]
        return EpisodeMetrics(
            episode=self.episode,
            **measures_of(played, self.teams),
            **influence.measures(),
            loss=_mean(every_loss),
            role_losses=[_mean(role_losses) for role_losses in losses.values()],
            updates=sum(side.learner.updates for side in sides),
            beta=next(iter(sides)).policy.beta,
            playing_seconds=playing_seconds,
            learning_seconds=learning_seconds,
            opponent=meeting.title,
            side=meeting.side,
            win_rates=self.opponents.results.win_rates(),
            win_rate=self.opponents.results.overall(),
            gate_openings=self.opponents.gate_openings,
        )

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """All that the next episode depends on: tensors, and a JSON-able rest.

        After the last episode nothing is learned any more, and the replay and past selves, by far
        the largest parts, are left out.
        """
        more = self.episode < self.settings.episodes
        states = {role: side.state(with_replay=more) for role, side in self.sides.items()}
        own, opponents = self.opponents.state(with_past=more)
        tensors = join_names({role: tensors for role, (tensors, _) in states.items()})
        return tensors | {f"{OPPONENTS}/{name}": tensor for name, tensor in own.items()}, {
            "opponents": opponents,
            "settings": plain(self.settings),
            "episode": self.episode,
            "sides": {role: info for role, (_, info) in states.items()},
            "generators": {
                name: generator.bit_generator.state for name, generator in self._generators.items()
            },
        }

    def restore(self, tensors: dict[str, Tensor], info: dict[str, Any]) -> None:
        """Become what :meth:`state` saw: the run goes on as if it had never stopped."""
        own = split_names(tensors)
        self.episode = info["episode"]
        for role, side in self.sides.items():
            side.restore(tensors_of(role, own), info["sides"][role])
            side.policy.beta = self._last_beta()
        for name, state in info["generators"].items():
            self._generators[name].bit_generator.state = state
        if "opponents" in info:
            self.opponents.restore(own.get(OPPONENTS, {}), info["opponents"])
        else:
            former = {role: split_names(tensors_of(role, own)) for role in self.sides}
            self.opponents.restore_snapshot(
                {role: parts.get("opponent", {}) for role, parts in former.items()}
            )


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
