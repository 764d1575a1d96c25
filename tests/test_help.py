"""Help, version and completion: what they say, how wide they are, and what they import."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cmfq.cli import main
from cmfq.cli.arguments import command_function
from cmfq.cli.commands import COMMANDS, GROUPS
from cmfq.cli.help import HELP_COLUMN
from cmfq.cli.options import argument_helps, description_of, field_helps, options_of, unmarked
from cmfq.environments.registry import KINDS
from cmfq.notices import forget_notices
from cmfq.training.settings import TrainSettings

HEAVY = ("torch", "numpy", "scipy", "matplotlib", "tyro", "rich", "magent2", "tensorboard")
WIDTH = 80
MARKUP = ("``", ":class:", ":func:", ":mod:", "`")
ENVIRONMENTS = [*KINDS, "own_world:make_env"]
LOOSE = ("Of ", "To ", "What ", "Whom ", "Whether ", "For ", "Its ", "Their ", "A predator's")
"""Beginnings of a help text that leave out what the option is."""


@pytest.fixture(autouse=True)
def _eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(WIDTH))


def pages() -> Iterator[list[str]]:
    yield ["--help"]
    for command in COMMANDS:
        yield [command, "--help"]
        yield [command, "--help-all"]
    for environment in ENVIRONMENTS:
        for preset in ("paper", "strong"):
            yield ["train", environment, "--preset", preset, "--help-all"]


@pytest.mark.parametrize("arguments", list(pages()), ids=" ".join)
def test_help_fits_80_columns_and_has_no_markup(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 0
    page = capsys.readouterr().out
    assert page.startswith("usage: cmfq ")
    assert [line for line in page.splitlines() if len(line) > WIDTH] == []
    assert [mark for mark in MARKUP if mark in page] == []
    assert "STR" not in page
    assert "INT" not in page


def test_the_overview_has_one_line_for_each_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert list(GROUPS) == ["Train", "Play", "Judge", "Watch", "Understand", "Reproduce"]
    for name, command in COMMANDS.items():
        assert sum(line.split() == [name, *command.summary.split()] for line in lines) == 1


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_says_what_the_docstring_says(name: str) -> None:
    assert description_of(command_function(name)).split("\n")[0] == f"{COMMANDS[name].summary}."


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_help_that_names_the_thing_first(name: str) -> None:
    arguments = [["battle"], *([one] for one in ENVIRONMENTS if name == "train")]
    for named in arguments:
        for option in options_of(command_function(name, named if name == "train" else [])):
            assert option.help[:1].isupper(), option.name
            assert not option.help.startswith(LOOSE), f"{option.name}: {option.help}"


@pytest.mark.parametrize("environment", ["battle", "pursuit", "particles", "signal"])
def test_train_shows_ten_options_first(
    environment: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", environment, "--help"]) == 0
    shown = [
        line.split()[0]
        for line in capsys.readouterr().out.splitlines()
        if line.startswith("  --") and line.index("--") < HELP_COLUMN
    ]
    assert len(shown) <= 11
    assert shown[:3] == ["--run", "--preset", "--algorithm"]


def test_help_of_a_preset_prints_what_it_sets(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "battle", "--preset", "strong", "--help"]) == 0
    words = capsys.readouterr().out.split()
    start = words.index("Presets:")
    assert words[start + 1 : start + 3] == ["strong", "sets"]
    for option, value in (("--death", "posthumous"), ("--min-updates", "40")):
        assert words[words.index(option, start) + 1] == value
    assert "--no-place" in words[start:]


@pytest.mark.parametrize("environment", ["battle", "particles"])
@pytest.mark.parametrize("preset", ["paper", "strong"])
def test_help_says_how_to_see_another_preset(
    environment: str, preset: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", environment, "--preset", preset, "--help"]) == 0
    (line,) = re.findall(r"'cmfq (.*) --help' shows another", capsys.readouterr().out)
    assert not line.endswith(preset)
    assert main([*line.split(), "--help"]) == 0
    assert f"{line.split()[-1]} sets" in capsys.readouterr().out


def test_fields_in_help_are_spelt_as_options() -> None:
    helps = {option.name: option.help for option in options_of(command_function("train"))}
    assert "--beta-episodes episodes" in helps["--beta-end"]
    assert "beta_episodes" not in helps["--beta-end"]


def test_a_function_that_is_named_like_an_option_keeps_its_name() -> None:
    options = options_of(command_function("train", ["own_world:make_env"]))
    helps = {option.name: option.help for option in options}
    assert "as package.module:make_env" in helps["--make-env"]


def test_markup_of_docstrings_is_taken_away() -> None:
    text = "See :class:`~.base.Environment` and ``a b``;\n    run `cmfq view`."
    assert unmarked(text) == "See base.Environment and a b; run 'cmfq view'."


def test_helps_are_read_from_docstrings() -> None:
    def command(a: int, b_c: int) -> None:
        """Do it.

        Args:
            a: First line
                and second.
            b_c: Another: with a colon.

        Raises:
            ValueError: never.
        """

    assert argument_helps(command) == {
        "a": "First line and second.",
        "b_c": "Another: with a colon.",
    }
    assert field_helps(TrainSettings)["seed"] == "Random seed of the run."


REFUSED = {
    "tournament rush --episodes 3": "`cmfq tournament` no longer has --episodes: give --games",
    "tournament rush --episodes=3": "`cmfq tournament` no longer has --episodes: give --games",
    "evaluate rush rush --gmaes 3": "unknown option --gmaes: did you mean --games?",
    "evaluate rush rush --epsiodes 3": "unknown option --epsiodes: did you mean --games?",
    "tournament rush --json t.json": "`cmfq tournament` no longer has --json: give --log",
    "tournament rush --report t.html": "`cmfq tournament` no longer has --report: give --html",
    "progress runs --json p.json": "`cmfq progress` no longer has --json: give --log",
    "sweep plan.toml --json s.json": "`cmfq sweep` no longer has --json: give --log",
    "reproduce t.json --json s.json": "`cmfq reproduce` no longer has --json: give --log",
    "train battle --opponent shared": "`cmfq train` no longer has --opponent: give --opponents",
    "train battle --run new --learning_rat 1": "did you mean --learning-rate?",
    "train battle --run new --opponent-pool.learn-from": "did you mean --learn-from?",
    "train battle --run new --learner.discout 1": "did you mean --discount?",
    "train battle --out new": "unknown option --out: did you mean --run?",
    "train battle --run new --games 3": "unknown option --games: did you mean --episodes?",
    "curves runs --html c.html": "unknown option --html: did you mean --out?",
    "tournament --log t.json --games 5": "games is 5, but no games are played without players",
    "progress --log p.json --seed 3": "seed is 3, but no games are played without players",
    "cross --out new --sizes 20": "but no games are played without players",
    "trian battle": "unknown command 'trian': did you mean `cmfq train`?",
    "evaluate rush": "B is missing: `cmfq evaluate --help` lists the options",
    "train": "ENVIRONMENT and --run are missing: `cmfq train --help`",
    "evaluate rush hold c": "unexpected argument 'c'",
    "evaluate rush rush --seed x": "--seed is 'x': give a whole number",
    "evaluate rush rush --seed=x": "--seed is 'x': give a whole number",
    "evaluate rush rush --seed": "--seed has no value: give a whole number",
    "train battle --run n --discount y": "--discount is 'y': give a number",
    "train battle --run n --channels 1 x": "--channels is '1 x': give two whole numbers",
    "train battle --run n --head x": "--head is 'x': give one of auto, additive, pairwise, emb",
    "--completion": "--completion is '': give one of bash, fish, zsh",
    "--completion sh": "--completion is 'sh': give one of bash, fish, zsh",
}


@pytest.mark.parametrize("line", REFUSED)
def test_a_mistake_names_what_to_give(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(line.split()) == 2
    assert REFUSED[line] in capsys.readouterr().err


@pytest.mark.parametrize("old", [["--episodes", "2"], ["--episodes=2"]])
def test_evaluate_still_takes_episodes_and_says_its_name_of_today(
    old: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    forget_notices()
    line = ["evaluate", "rush", "rush", "--size", "9", "--formation", "random", "--workers", "1"]
    assert main([*line, "--max-steps", "4", *old]) == 0
    printed = capsys.readouterr()
    assert "2 games of battle" in printed.out
    assert "`cmfq evaluate` calls --episodes --games now" in printed.err


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_a_mistake_is_the_same_sentence_in_any_encoding(encoding: str) -> None:
    command = [sys.executable, "-m", "cmfq.cli", "bench", "--steps", "x"]
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    finished = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert finished.returncode == 2
    assert finished.stderr == "cmfq: --steps is 'x': give a whole number\n"


def test_a_number_below_zero_is_a_value(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "rush", "rush", "--games", "-1"]) == 2
    assert "games is -1: give at least 1" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], []], ids=str)
def test_help_and_version_import_nothing_heavy(arguments: list[str]) -> None:
    script = (
        "import sys; from cmfq.cli import main; main(sys.argv[1:]); "
        "print(sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    command = [sys.executable, "-c", script, *arguments]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    imported = ast.literal_eval(printed.splitlines()[-1])
    assert "cmfq" in imported
    assert sorted(set(HEAVY) & set(imported)) == []


def test_training_imports_no_compiler_no_drawing_and_no_tests_of_statistics(tmp_path: Path) -> None:
    """They take as long as all the rest of a start."""
    script = (
        "import sys; from cmfq.cli import main; main(sys.argv[1:]); "
        "print([one for one in ('torch', 'torch._dynamo', 'matplotlib', 'scipy.stats', 'pandas')"
        " if one in sys.modules])"
    )
    command = ["train", "signal", "--episodes", "1", "--run", str(tmp_path / "run")]
    finished = subprocess.run(
        [sys.executable, "-c", script, *command], capture_output=True, text=True, check=True
    )
    assert finished.stdout.splitlines()[-1] == "['torch']"


def test_the_package_imports_its_parts_when_they_are_used() -> None:
    script = (
        "import sys, cmfq; assert 'torch' not in sys.modules; assert 'load' in dir(cmfq); "
        "assert not hasattr(cmfq, 'nothing'); print(cmfq.UserError.__name__, "
        "'torch' in sys.modules, cmfq.load.__module__, cmfq.QPolicy.__name__)"
    )
    finished = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert finished.stdout == "UserError False cmfq.training.checkpoint QPolicy\n"


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    from importlib.metadata import version

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"cmfq {version('cmfq')}\n"


def test_completion_knows_commands_and_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--completion", "bash"]) == 0
    script = capsys.readouterr().out
    assert all(name in script for name in COMMANDS)
    for option in ("--learning-rate", "--within-groups", "--games"):
        assert option in script
