"""Parts of the user's own, named module:name: the files of docs/own-parts.md, and mistakes."""

import json
import re
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import cmfq
from cmfq import Algorithm, Merged, MergeInput, Step, TeamObservation, TeamSpecification
from cmfq.algorithms import MeanFieldSettings, find_algorithm
from cmfq.cli import main
from cmfq.environments.battle import BattleEnvironment, BattleSettings
from cmfq.errors import UserError
from cmfq.hints import TRUST_VARIABLE
from cmfq.networks import NetworkSettings, QNetwork
from cmfq.new_network import new_network
from cmfq.notices import forget_notices
from cmfq.play.players import game_of
from cmfq.play.reading import read_tournament
from cmfq.policies import QPolicy
from cmfq.recordings import read
from cmfq.recordings.record import record_episode
from cmfq.rollout import decide
from cmfq.theory import check_theory
from cmfq.training.checkpoint import load
from cmfq.training.export import export_policy

PAGE = (Path(__file__).parents[1] / "docs" / "own-parts.md").read_text()
SHORT = ["--max-steps", "12"]
LITTLE = ["--batch-size", "32", "--min-updates", "1", "--replay-bytes", "10000000"]
QUICK = [*SHORT, *LITTLE]
FILES = {
    name: code for code, name in re.findall(r'```python\n("""(\w+\.py):.*?)```', PAGE, re.DOTALL)
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The page's files, in the working directory."""
    for name, code in FILES.items():
        (tmp_path / name).write_text(code)
        monkeypatch.delitem(sys.modules, Path(name).stem, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv(TRUST_VARIABLE, raising=False)
    return tmp_path


def run(line: str) -> int:
    """A command, made quick."""
    _, *words = shlex.split(line)
    if words[0] in ("evaluate", "tournament"):
        words += ["--workers", "1"]
    if words[0] == "train":
        words += LITTLE
    own_length = "--max-steps" in words or words[1].startswith("runs/")
    return main(words if own_length else [*words, *SHORT])


# What files name


def test_files_that_name_parts_are_refused_unless_trusted(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    train = "cmfq train battle --size 12 --episodes 2 --run runs/rarity --algorithm"
    assert run(f"{train} rules:by_rarity") == 0
    (checkpoint,) = (folder / "runs/rarity/checkpoints").iterdir()
    for command in (
        "evaluate runs/rarity random",
        f"evaluate {checkpoint} random",
        f"explain {checkpoint}",
        f"check {checkpoint}",
        "resume runs/rarity",
        f"export runs/rarity --out {folder / 'x.safetensors'}",
    ):
        capsys.readouterr()
        assert main(shlex.split(command)) == 2
        assert "uses rules:by_rarity, whose code would be run" in capsys.readouterr().err
    monkeypatch.setenv(TRUST_VARIABLE, "1")
    assert run("cmfq tournament runs/rarity random --games 2 --log t.json --out t") == 0
    assert f"    {TRUST_VARIABLE}=1 cmfq tournament runs/rarity" in Path("t/README.md").read_text()
    policy = load("runs/rarity")
    assert policy.algorithm == "rules:by_rarity"
    assert policy.merging.rule.__name__ == "by_rarity"


def test_a_tournament_with_a_player_of_ones_own_goes_on_and_notices_other_code(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = "cmfq tournament bots:flail rush --size 12 --max-steps 9 --log games.json --games"
    assert run(f"{line} 2") == 0
    games = (folder / "games.json").read_bytes()
    assert run(f"{line} 2") == 0
    assert (folder / "games.json").read_bytes() == games
    (folder / "bots.py").write_text((folder / "bots.py").read_text() + "\n# changed\n")
    assert run(f"{line} 2") == 2
    assert "games.json" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("train", "file"),
    [
        ("battle --size 12 --algorithm rules:by_rarity", "rules.py"),
        ("pond:make_env --max-steps 12", "pond.py"),
    ],
)
def test_other_code_of_a_rule_or_a_world_makes_another_player(
    train: str,
    file: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(TRUST_VARIABLE, "1")
    assert run(f"cmfq train {train} --episodes 2 --run runs/own") == 0
    line = "cmfq evaluate runs/own random --games 2 --log games.json"
    assert run(line) == 0
    assert run(line) == 0
    (folder / file).write_text((folder / file).read_text() + "\n# changed\n")
    assert run(line) == 2
    assert "games of an earlier version of runs/own" in capsys.readouterr().err


# A merging rule


def first_action_alone(network: QNetwork, given: MergeInput, settings: MeanFieldSettings) -> Merged:
    """Neighbours that took the lowest action weigh alone: an effect of 7, and of 0."""
    lowest = torch.zeros_like(given.counts)
    rows = given.counts.any(-1)
    lowest[rows, given.counts[rows].argmax(-1)] = 1.0
    return Merged(lowest, 7 * lowest)


def made(algorithm: str) -> QPolicy:
    torch.manual_seed(1)
    team = BattleEnvironment(BattleSettings(size=12)).teams[0]
    settings = NetworkSettings("additive", (4, 4), 8, 4, 16)
    network = new_network(team, settings, algorithm)
    return QPolicy(team, network, algorithm, MeanFieldSettings(), beta=10.0)


def test_a_rule_shows_its_own_effects_everywhere(tmp_path: Path) -> None:
    policy = made(f"{__name__}:first_action_alone")
    environment = BattleEnvironment(BattleSettings(size=12, max_steps=8))
    record_episode(
        tmp_path / "game.replay",
        environment,
        (policy, policy),
        name="battle",
        players=("a", "b"),
        seed=3,
        generator=np.random.default_rng(5),
    )
    game = read(tmp_path / "game.replay")
    generator = np.random.default_rng(5)
    observations = environment.reset(3)
    for step in range(6):
        (decisions,) = decide([[policy, policy]], [observations], generator)
        trace = game.traces(step)[0]
        assert trace is not None
        effects = decisions[0].effects
        assert effects is not None
        np.testing.assert_array_equal(trace.effects, effects)
        np.testing.assert_allclose(trace.merged_actions, decisions[0].merged_actions, atol=5e-4)
        last, observed = decisions, observations
        observations = environment.step([one.actions for one in decisions]).observations
    assert (effects == 7).sum() > 5
    agent = int(observed[0].ids[0])
    told = policy.explain_decision(observed[0], last[0], agent)
    assert {one.effect for one in told.neighbours} == {0.0, 7.0}
    for one in told.neighbours:
        assert (one.weight > 0) == (one.effect == 7)
    names = [row.weights for row in check_theory(policy, last, generator)]
    assert names == ["causal", "mean", "random", policy.algorithm]


def test_a_rule_sees_distances_in_play_and_in_recomputed_learning(folder: Path) -> None:
    line = "cmfq train battle --size 12 --episodes 3 --run runs/near --algorithm rules:nearest"
    assert run(f"{line} --merged-action recomputed") == 0
    policy = made("rules:nearest")
    observation = BattleEnvironment(BattleSettings(size=12)).reset(0)[0]
    acted = observation._replace(previous_actions=np.arange(len(observation.ids), dtype=np.int32))
    (decision,) = policy.decide([acted], np.random.default_rng(0))
    away = np.linalg.norm(acted.positions[:, None] - acted.positions, axis=-1)
    weights = np.where((away > 0) & (away <= 6), np.exp(-away), 0)
    weights /= weights.sum(1, keepdims=True)
    assert decision.merged_actions is not None
    found = decision.merged_actions[:, : len(weights)]
    np.testing.assert_allclose(found, weights, atol=1e-5)


def test_what_a_rule_learns_is_learned_saved_and_loaded(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = "cmfq train battle --size 12 --run runs/appeal --algorithm rules:appealing"
    assert run(f"{line} --checkpoint-period 1 --episodes 3") == 0
    monkeypatch.setenv(TRUST_VARIABLE, "1")
    files = sorted((folder / "runs/appeal/checkpoints").iterdir())
    first, last = (load(file).network.part("appeal") for file in (files[0], files[-1]))
    assert isinstance(first, torch.nn.Linear)
    assert isinstance(last, torch.nn.Linear)
    assert not torch.equal(first.weight, last.weight)


class Counting(torch.nn.Linear):
    """A layer with a buffer of whole numbers, as layers that normalise batches have."""

    def __init__(self, units: int, actions: int) -> None:
        super().__init__(units, actions)
        self.register_buffer("order", torch.arange(actions))


def counting_layer(team: TeamSpecification, settings: NetworkSettings) -> Any:
    return {"count": Counting(settings.hidden_units, len(team.actions))}


counting = Algorithm(first_action_alone, parts=counting_layer)


def test_a_rule_whose_layer_has_whole_numbers_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    rule = ["--algorithm", f"{__name__}:counting", "--target-rate", "0.1"]
    words = ["train", "battle", "--size", "12", "--episodes", "2", "--checkpoint-period", "1"]
    assert main([*words, *rule, *QUICK, "--run", str(run)]) == 0
    monkeypatch.setenv(TRUST_VARIABLE, "1")
    export_policy([run], tmp_path / "mean.safetensors", "average", 2)
    for file in (run, tmp_path / "mean.safetensors"):
        part = load(file).network.part("count")
        assert isinstance(part, Counting)
        assert part.order.tolist() == list(range(21))


def no_merged(network: QNetwork, given: MergeInput, settings: MeanFieldSettings) -> Any:
    return given.counts


def of_doubles(network: QNetwork, given: MergeInput, settings: MeanFieldSettings) -> Merged:
    return Merged(given.counts.double())


def too_short(network: QNetwork, given: MergeInput, settings: MeanFieldSettings) -> Merged:
    return Merged(given.counts[:, 1:])


def unasked(network: QNetwork, given: MergeInput, settings: MeanFieldSettings) -> Merged:
    return Merged(torch.zeros_like(given.counts), weights=torch.ones(3))


def of_counts(network: QNetwork, given: MergeInput, settings: MeanFieldSettings) -> Merged:
    return Merged(given.counts)


def negative(network: QNetwork, given: MergeInput, settings: MeanFieldSettings) -> Merged:
    return Merged(torch.zeros_like(given.counts), -given.counts)


def needy(network: QNetwork, given: MergeInput, settings: MeanFieldSettings) -> Merged:
    return Merged(given.distances)


def failing(network: QNetwork, given: MergeInput, settings: MeanFieldSettings) -> Merged:
    raise KeyError("weights")


def seven_parts(team: TeamSpecification, settings: NetworkSettings) -> Any:
    return {"seven": 7}


def a_second_head(team: TeamSpecification, settings: NetworkSettings) -> Any:
    return {"head": torch.nn.Linear(2, 2)}


def no_parts(team: TeamSpecification, settings: NetworkSettings) -> Any:
    return settings.appeal  # type: ignore[attr-defined]


seven = 7
odd_part = Algorithm(first_action_alone, parts=seven_parts)
two_heads = Algorithm(first_action_alone, parts=a_second_head)
partless = Algorithm(first_action_alone, parts=no_parts)
everyone = Algorithm(first_action_alone, neighbours=True)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("no_merged", [], "returned Tensor: return a cmfq.Merged"),
        ("of_doubles", [], "action of the rule is torch.float64: give a torch.float32 tensor"),
        ("too_short", [], r"action of the rule has the shape \(\d+, 20\): give \(\d+, 21\)"),
        ("unasked", [], r"weights of neighbours without asking .* Algorithm\(rule, neighbours="),
        ("of_counts", [], "cannot be used: agent 0: the weights of its neighbours add up to 21"),
        ("negative", [], "the effect of action 0 is -1.0, not a finite number from 0"),
        ("needy", [], r"Algorithm\(rule, neighbours=True\) gives a rule its neighbours"),
        ("failing", [], "cannot be used: KeyError: 'weights'"),
        ("seven", [], "is int: name a merging rule"),
        ("nothing", [], "cannot be imported: module .* has no attribute 'nothing'"),
        ("odd_prat", [], "has no attribute 'odd_prat'; did you mean 'odd_part'"),
        ("odd_part", [], "is int: give a torch.nn.Module"),
        ("two_heads", [], "has 'head': give it another name"),
        ("partless", [], "cannot be made: AttributeError: .* no attribute 'appeal'"),
        ("everyone", ["--neighbours", "everyone"], "leave neighbours at team"),
    ],
)
def test_a_rule_that_does_not_fit_is_one_sentence_before_there_is_a_run(
    name: str,
    options: list[str],
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rule = ["--algorithm", f"{__name__}:{name}"]
    folder = tmp_path / "run"
    words = ["train", "battle", "--size", "12", *rule, *options, *QUICK, "--run", str(folder)]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert re.search(message, said), said
    assert f"{__name__}:{name}" in said
    assert len(said.splitlines()) == 1
    assert not folder.exists()


def test_a_module_that_fails_while_it_is_imported_suggests_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_rule.py").write_text("import math\nmath.nonsense\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UserError, match=r"has no attribute 'nonsense'$"):
        find_algorithm("broken_rule:reduce")


# A player


def off_the_end(team: TeamObservation, generator: np.random.Generator) -> np.ndarray:
    return np.full(len(team.ids), 21)


def of_one(team: TeamObservation, generator: np.random.Generator) -> np.ndarray:
    return np.zeros(1, int)


def breaks(team: TeamObservation, generator: np.random.Generator) -> np.ndarray:
    raise ZeroDivisionError


def gives_nothing(specification: TeamSpecification) -> None:
    return None


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("off_the_end", "give an integer from 0 to 20 for each of the 12 agents"),
        ("of_one", r"gave actions of shape \(1,\)"),
        ("breaks", "failed: ZeroDivisionError"),
        ("gives_nothing", "returned NoneType, which has no method decide"),
        ("seven", "is not a function"),
        ("nothing", "cannot be imported"),
    ],
)
@pytest.mark.parametrize("command", ["evaluate", "tournament"])
def test_a_player_that_does_not_fit_is_one_sentence(
    command: str, name: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    player = f"{__name__}:{name}"
    words = [command, player, "rush", "--size", "12", "--games", "2", "--workers", "1"]
    if command == "tournament":
        words += ["--log", str(tmp_path / "games.json")]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert re.search(message, said), said
    assert player in said
    assert len(said.splitlines()) == 1


def sits(team: TeamObservation, generator: np.random.Generator) -> np.ndarray:
    """Play anywhere: the first action."""
    return np.zeros(len(team.ids), np.int32)


def test_an_environment_of_arrays_is_called_so(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["environments", "pond:make_env"]) == 0
    told = capsys.readouterr().out
    assert "An environment of the user's own, as teams of arrays" in told
    assert "PettingZoo" not in told
    assert main(["train", "pond:make_env", "--help"]) == 0
    assert "'cmfq train pond:make_env --preset strong --help'" in capsys.readouterr().out


def test_players_of_ones_own_play_in_the_environment_that_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine, short = f"{__name__}:sits", ["--games", "2", "--workers", "1", *SHORT]
    forget_notices()
    assert main(["evaluate", mine, "random", *short]) == 0
    played = capsys.readouterr()
    assert "2 games of battle" in played.out
    assert f"{mine} and random play battle by default: for another environment" in played.err
    forget_notices()
    words = ["evaluate", mine, "random", "--environment", "pond:make_env", *short]
    assert main([*words, "--json", "m.json"]) == 0
    played = capsys.readouterr()
    assert "2 games of pond:make_env" in played.out and "play battle" not in played.err
    words = ["tournament", mine, "random", "--environment=pond:make_env", *short, "--log", "t.json"]
    assert main([*words, "--out", "page"]) == 0
    assert (
        "--environment pond:make_env --max-steps 12" in read_tournament(Path("t.json"))[0].command
    )
    (again,) = re.findall(
        r"^    (?:\S+=1 )?cmfq (.*)$", Path("page/README.md").read_text(), re.MULTILINE
    )
    Path("t.json").unlink()
    assert main([*shlex.split(again), "--workers", "1"]) == 0
    assert len(read_tournament(Path("t.json"))[0].games) == 2
    survivors = ["evaluate", mine, "random", "--environment", "pond:make_env", *short]
    assert main([*survivors, "--decided-by", "survivors", "--json", "s.json"]) == 0
    assert json.loads(Path("s.json").read_text())["draws"] == 2, "nobody dies in the pond"
    assert json.loads(Path("m.json").read_text())["draws"] == 0
    words = ["record", mine, "random", "--environment", "pond:make_env", "--out", "g.replay"]
    assert main([*words, *SHORT]) == 0
    assert read(Path("g.replay")).header.title == "pond:make_env"
    assert main(["evaluate", mine, "random", "--environment="]) == 2
    assert "--environment has no value: give one" in capsys.readouterr().err
    assert main(["evaluate", mine, "random", "--environment", "pont"]) == 2
    assert "unknown environment 'pont': known are battle" in capsys.readouterr().err


def test_a_script_that_plays_everywhere_does_not_say_where() -> None:
    assert game_of(["random", "greedy"]).kind == "pursuit"
    assert game_of(["random", "rush"]).kind == game_of(["random"]).kind == "battle"


def test_an_action_that_the_mask_forbids_is_named() -> None:
    from cmfq.training.own_player import load_own_player

    team = TeamSpecification("t", (0, 0), (), ("x",), ("a", "b"), 1.0, action_masks=True)
    zeros = np.zeros((2, 0, 0, 0), np.float32), np.zeros((2, 1), np.float32)
    ids, places = np.array([4, 5], np.int32), np.zeros((2, 2), np.float32)
    mask = np.array([[True, True], [False, True]])
    observed = TeamObservation(*zeros, ids, places, np.full(2, -1, np.int32), mask)
    player = load_own_player(f"{__name__}:always_first", [team])["agent"]
    with pytest.raises(Exception, match="gave agent 5 the action a, which its action_mask forbids"):
        player.decide([observed], np.random.default_rng(0))


def always_first(team: TeamObservation, generator: np.random.Generator) -> np.ndarray:
    return np.zeros(len(team.ids), int)


# A world of arrays


def broken(breaking: Callable[[Step], Step]) -> Callable[[], Any]:
    """A world whose third step is another one."""

    class World:
        teams = tuple(TeamSpecification(name, (0, 0), (), ("x",), ("a", "b"), 2.0) for name in "rb")

        def reset(self, seed: int) -> tuple[TeamObservation, ...]:
            self.steps = 0
            return self.observe()

        def observe(self) -> tuple[TeamObservation, ...]:
            return tuple(
                TeamObservation(
                    np.zeros((3, 0, 0, 0), np.float32),
                    np.zeros((3, 1), np.float32),
                    np.arange(first, first + 3, dtype=np.int32),
                    np.arange(6, dtype=np.float32).reshape(3, 2),
                    np.full(3, -1, np.int32),
                )
                for first in (0, 3)
            )

        def step(self, actions: Any) -> Step:
            self.steps += 1
            rewards = (np.zeros(3, np.float32),) * 2
            alive = (np.ones(3, bool), np.ones(3, bool))
            step = Step(self.observe(), rewards, alive, False, False)
            return breaking(step) if self.steps == 3 else step

    return World


def _fail(step: Step) -> Step:
    raise ZeroDivisionError("by zero")


def with_observation(step: Step, **changes: Any) -> Step:
    return step._replace(
        observations=(step.observations[0]._replace(**changes), step.observations[1])
    )


rewards_of_doubles = broken(lambda step: step._replace(rewards=(np.zeros(3), np.zeros(3))))
not_finite = broken(lambda step: with_observation(step, features=np.full((3, 1), np.nan, "f")))
resurrected = broken(lambda step: step._replace(alive=(np.array([True, False, True]),) * 2))
too_few_teams = broken(lambda step: step._replace(observations=step.observations[:1]))
raising = broken(_fail)
whole = broken(lambda step: step)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("rewards_of_doubles", r"rewards of team r must be float32 of shape \(3,\), is float64"),
        ("not_finite", "features of team r holds a number that is not finite"),
        ("resurrected", "the first rows of team r must be the survivors, ids 0, 2"),
        ("too_few_teams", "observations must be a tuple with one entry per team"),
        ("raising", "ZeroDivisionError: by zero"),
    ],
)
def test_a_world_that_breaks_the_protocol_is_named_with_step_and_seed(
    name: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", f"{__name__}:{name}", *QUICK, "--run", str(tmp_path / "run")]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert re.search(rf"{name} failed in step 2 of the episode with seed \d+: .*{message}", said)


def test_options_of_pettingzoo_are_refused_for_arrays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", f"{__name__}:whole", "--share-roles", *QUICK, "--run", str(tmp_path / "run")]
    assert main(words) == 2
    assert "share_roles is True" in capsys.readouterr().err
    assert main([*words[:2], "--radius", "1.5", "--episodes", "2", *words[3:]]) == 0


def test_who_names_own_functions_in_python_has_said_so(
    folder: Path, tiny: cmfq.TrainSettings[cmfq.BattleSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their runs are opened and loaded in this process; what others name is still refused."""
    monkeypatch.setattr("cmfq.training.checkpoint._named", set())
    settings = replace(tiny, episodes=1, algorithm="rules:by_rarity")
    trained = cmfq.train(settings, run="runs/own")
    assert trained.policy().algorithm == "rules:by_rarity"
    many = cmfq.train_many({"b": replace(settings, seed=1)}, folder="runs/many", workers=1)
    assert many["b"].finished
    monkeypatch.setattr("cmfq.training.checkpoint._named", set())  # as in another process
    with pytest.raises(UserError, match="whose code would be run"):
        trained.policy()
