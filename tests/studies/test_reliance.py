"""The study of reliance: known networks give known numbers, and its report tells its rows."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cmfq.algorithms import MeanFieldSettings
from cmfq.environments.base import TeamObservation
from cmfq.environments.battle import BattleEnvironment, BattleSettings
from cmfq.environments.pursuit import PursuitSettings
from cmfq.errors import UserError
from cmfq.heads import PairwiseHead
from cmfq.merge import Merged, MergeInput, interaction_weights
from cmfq.networks import NetworkSettings
from cmfq.new_network import new_network
from cmfq.play.games import Game
from cmfq.policies import QPolicy
from cmfq.results.page import Finding
from cmfq.training.run import Run
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import TrainSettings
from studies.reliance.__main__ import main
from studies.reliance.exchange import Seen, exchanges, look, of_another
from studies.reliance.games import Averaging, play
from studies.reliance.report import HEADINGS, page_of, worths
from studies.reliance.rows import (
    EXCHANGES,
    ExchangeRow,
    Found,
    PlayRow,
    StudySettings,
    WeightRow,
    read_all,
)

ACTIONS = 21
BATTLE = BattleSettings(size=20, max_steps=40)
NAMES = list(EXCHANGES)
PLAYED = ("iql", "mfq", "cmfq")


@pytest.fixture(scope="module")
def observation() -> TeamObservation:
    """A team after some random steps."""
    environment = BattleEnvironment(BattleSettings(size=64))
    rng = np.random.default_rng(0)
    seen = environment.reset(0)
    for _ in range(4):
        actions = [rng.integers(ACTIONS, size=len(o.ids)).astype(np.int32) for o in seen]
        seen = environment.step(actions).observations
    return seen[0]


def imitator(algorithm: str, strength: float, beta: float = 2.0) -> QPolicy:
    """Does what the crowd does: ``Q(s, a, ǎ) = strength · ǎ_a``, whatever it sees."""
    specification = BattleEnvironment(BATTLE).teams[0]
    network = new_network(specification, NetworkSettings(), algorithm)
    assert isinstance(network.head, PairwiseHead)
    table = torch.cat([torch.zeros(1, ACTIONS), strength * torch.eye(ACTIONS)])
    with torch.no_grad():
        network.head.output_layer.weight.zero_()
        network.head.output_layer.bias.copy_(table.flatten())
    return QPolicy(specification, network, algorithm, MeanFieldSettings(), beta)


def looked_at(policy: QPolicy, observation: TeamObservation, usual: torch.Tensor) -> Seen:
    others = list(exchanges(policy, usual).values())
    (decision,) = policy.decide([observation], np.random.default_rng(0))
    return look(policy, others, decision, np.random.default_rng(0))


def softmax(x: np.ndarray) -> np.ndarray:
    powers = np.exp(x - x.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def test_a_network_of_known_reliance_gives_the_known_numbers(observation: TeamObservation) -> None:
    usual = torch.eye(ACTIONS)[7]
    seen = looked_at(imitator("mfq", strength=3.0), observation, usual)
    counts = imitator("mfq", 3.0).neighbourhood([observation]).counts.numpy().astype(float)
    counts = counts[counts.any(1)]
    mean = counts / counts.sum(1, keepdims=True)
    policy = softmax(2 * 3.0 * mean)
    np.testing.assert_allclose(seen.neighbours, counts.sum(1))
    np.testing.assert_allclose(seen.greedy, policy.max(1), atol=1e-5)

    zero, always = NAMES.index("zero"), NAMES.index("usual")
    to_uniform = 0.5 * np.abs(policy - 1 / ACTIONS).sum(1)
    np.testing.assert_allclose(seen.variation[zero], to_uniform, atol=1e-5)
    one_mind = softmax(2 * 3.0 * np.eye(ACTIONS))  # a row for each action that all could take
    apart = 0.5 * np.abs(policy[:, None] - one_mind).sum(-1)
    np.testing.assert_allclose(seen.variation[always], apart[:, 7], atol=1e-5)
    np.testing.assert_array_equal(seen.changed[always], mean.argmax(1) != 7)
    np.testing.assert_allclose(seen.variation[-1], apart.max(1), atol=1e-5)
    assert seen.changed[-1].all()


@pytest.mark.parametrize("algorithm", ["mfq", "attention-mfq", "cmfq", "random-weights"])
def test_a_network_that_heeds_nobody_changes_by_nothing(
    algorithm: str, observation: TeamObservation
) -> None:
    seen = looked_at(imitator(algorithm, strength=0.0), observation, torch.eye(ACTIONS)[0])
    assert len(seen.neighbours) > 30
    assert not seen.changed.any()
    assert not seen.variation.any()


def test_the_plain_mean_changes_nothing_of_mfq_and_much_of_cmfq(
    observation: TeamObservation,
) -> None:
    usual, mean = torch.eye(ACTIONS)[0], NAMES.index("mean")
    seen = looked_at(imitator("mfq", 3.0), observation, usual)
    assert not seen.changed[mean].any()
    assert not seen.variation[mean].any()
    assert not seen.distance.any()
    np.testing.assert_allclose(seen.effective, 1, rtol=1e-5)
    causal = looked_at(imitator("cmfq", 30.0), observation, usual)
    assert causal.variation[mean].mean() > 0.05
    assert causal.distance.mean() > 0.05


def test_iql_has_no_merged_action_to_exchange(observation: TeamObservation) -> None:
    seen = looked_at(imitator("iql", 3.0), observation, torch.zeros(ACTIONS))
    assert [column.shape[-1] for column in seen] == [0] * len(seen)


@pytest.mark.parametrize("algorithm", ["attention-mfq", "cmfq"])
def test_effective_neighbours_and_distance_are_those_of_the_single_weights(
    algorithm: str, observation: TeamObservation
) -> None:
    policy = imitator(algorithm, 5.0)
    seen = looked_at(policy, observation, torch.zeros(ACTIONS))
    crowd, pairs = policy.neighbourhood([observation]), policy.interactions(observation)
    with torch.no_grad():
        encoding = policy.network.encode(
            torch.from_numpy(observation.view), torch.from_numpy(observation.features)
        )
        merged = policy.merge(policy.network, encoding, crowd, np.random.default_rng(0))
    weights = interaction_weights(merged, crowd.counts, pairs).numpy()
    busy = [i for i in range(len(observation.ids)) if (pairs.agent == i).any()]
    for column, i in enumerate(busy):
        mine = (pairs.agent == i).numpy()
        w, number = weights[mine], int(mine.sum())
        assert w.sum() == pytest.approx(1, abs=1e-4)
        assert seen.effective[column] == pytest.approx(1 / (w**2).sum() / number, rel=1e-4)
        merged_action = np.bincount(pairs.action.numpy()[mine], w - 1 / number, ACTIONS)
        assert seen.distance[column] == pytest.approx(np.abs(merged_action).sum() / 2, abs=1e-5)


def test_everyone_with_neighbours_gets_the_merged_action_of_another_one() -> None:
    action = torch.rand(9, 4)
    action[[2, 5]] = 0.0
    policy = imitator("mfq", 1.0)
    rule = of_another(lambda network, situation, settings: Merged(action))
    for seed in range(20):
        situation = MergeInput(None, None, 1.0, np.random.default_rng(seed))  # type: ignore[arg-type]
        exchanged = rule(policy.network, situation, policy.mean_field).action
        assert not exchanged[[2, 5]].any()
        assert sorted(exchanged.tolist()) == sorted(action.tolist())
        assert [i for i in range(9) if torch.equal(exchanged[i], action[i])] == [2, 5]


def test_the_usual_merged_action_is_the_mean_over_agents_that_have_one() -> None:
    averaging = Averaging(2)
    assert averaging.mean().tolist() == [0, 0]
    policy = imitator("mfq", 1.0)
    merged = np.array([[1, 0], [0, 0], [0.5, 0.5]], np.float32)
    decision = policy.decide([BattleEnvironment(BATTLE).reset(0)[0]], np.random.default_rng(0))[0]
    for rows in (merged, merged[:1]):
        averaging.on_step((), (decision._replace(merged_actions=rows),), None)  # type: ignore[arg-type]
    np.testing.assert_allclose(averaging.mean(), [2.5 / 3, 0.5 / 3], rtol=1e-6)


def test_games_are_told_from_the_altered_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    altered, trained = imitator("mfq", 1.0), imitator("mfq", 2.0)
    survivors = [(3, 1), (0, 2), (1, 1), (0, 5)]

    def one_game(environment: Any, a: Any, b: Any, game: int, *, entropy: tuple[int, ...]) -> Game:
        assert (a["agent"], b["agent"], entropy) == (altered, trained, (7, 3, game))
        return Game(game, game % 2, *survivors[game], 9, 0.0, 0.0, False, None, None)

    monkeypatch.setattr("studies.reliance.games.play_between", one_game)
    # It won as the first team, drew as the first team, and lost twice as the second.
    assert play(altered, trained, BATTLE, 4, (7, 3)) == (1.5 / 4, -5 / 4, 3.5 / 4)


def test_games_need_two_equal_teams() -> None:
    policy = imitator("mfq", 1.0)
    with pytest.raises(UserError, match="two equal teams"):
        play(policy, policy, PursuitSettings(), 1, (0,))


def test_what_is_said_follows_from_the_rows() -> None:
    margins = {
        "mfq": (-1.0, 1.0, 0.0),
        "attention-mfq": (3.0, 4.0, 5.0),
        "cmfq": (-9.0, -8.0, -7.0),
    }
    weights = [WeightRow(group, 0, 400, 30.0, 9, 1.0, 8.0, 0.125, 0.5, 0.5) for group in margins]
    exchanged = [
        ExchangeRow(group, 0, exchange, 0.25, 0.5) for group in margins for exchange in NAMES
    ]
    played = [
        PlayRow(group, seed, exchange, 0.5, margin, 0.95 if (group, seed) == ("mfq", 1) else 0.6)
        for group, of_seeds in margins.items()
        for seed, margin in enumerate(of_seeds)
        for exchange in NAMES
    ]
    settings = StudySettings((), 1, 1, 0, {})
    found = Found(settings, weights, exchanged, played)
    sections = {one.heading: one.parts for one in page_of(Path("study"), found).sections}
    said = {
        heading: part.text
        for heading, parts in sections.items()
        for part in parts
        if isinstance(part, Finding)
    }
    assert set(sections) - set(said) == {"", "What it is worth in play"}, "over every table"
    assert said["Merged actions"].startswith("12% (mfq), 12% (attention-mfq), 12% (cmfq) of the")
    assert "; 25% (mfq), 25% (attention-mfq), 25% (cmfq) with zero." in said[HEADINGS["changed"]]
    assert said[HEADINGS["win_rate"]] == "Better than as trained, beyond chance: none; worse: none."
    assert said[HEADINGS["margin"]].startswith(
        "Better than as trained, beyond chance: attention-mfq with the plain mean ā, "
    )
    assert (  # Student's t of 2 degrees, 4.303, over √3
        "**All information in ǎ:** useful to cmfq at −8.0 (−10.5 to −5.5); harmful to "
        "attention-mfq at +4.0 (+1.5 to +6.5); cannot be told apart from 0 for mfq at 0.0 "
        "(−2.5 to +2.5) (replaced by its own mean ǎ, always)."
    ) in worths(found)
    assert "In 1 of 9 runs one side won at least 90%" in said["Sides"]


def test_the_command_runs_the_study_and_reports_again_from_its_rows(
    tmp_path: Path, tiny: TrainSettings[BattleSettings]
) -> None:
    runs = []
    short = replace(tiny, environment=BattleSettings(size=12, max_steps=12))
    for algorithm in PLAYED:
        for seed in (0, 1):
            settings = replace(short, algorithm=algorithm, seed=seed)
            runs.append(str(tmp_path / f"{algorithm}-{seed}"))
            with Run.create(Path(runs[-1]), settings) as run:
                self_play = SelfPlay(settings)
                self_play.run_episodes()
                run.save(self_play)
    out = tmp_path / "study"
    assert main([*runs, "--watched", "1", "--games", "2", "--out", str(out)]) == 0
    found = read_all(out)
    assert found.settings.runs == tuple(runs)
    assert len(found.weights) == len(runs)
    by = {(row.group, row.run_seed, row.exchange): row for row in found.exchanged}
    assert by["mfq", 1, "mean"].changed == by["mfq", 1, "mean"].variation == 0
    assert by["cmfq", 0, "zero"].variation > 0
    assert math.isnan(by["iql", 0, "zero"].variation)
    assert {(row.group, row.exchange) for row in found.played} == {
        (group, exchange)
        for group in ("mfq", "cmfq")
        for exchange in EXCHANGES
        if (group, exchange) != ("mfq", "mean")
    }
    pages = [(out / name).read_bytes() for name in ("README.md", "reliance.svg")]
    assert main(["--report-only", "--out", str(out)]) == 0
    assert [(out / name).read_bytes() for name in ("README.md", "reliance.svg")] == pages
    assert f"--watched 1 --games 2 --seed 0 --out {out}" in pages[0].decode()


def test_mistakes_get_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ["--out", str(tmp_path)]
    for arguments, said in (
        (["--report-only"], "without --report-only"),
        ([], "no runs are given"),
        ([str(tmp_path)], "no checkpoints"),
        (["x", "--games", "0"], "games is 0"),
    ):
        assert main([*arguments, *out]) == 2
        assert said in capsys.readouterr().err
