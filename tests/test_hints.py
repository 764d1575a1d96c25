"""Every command that a message advises is followed, as it is printed, in worlds of every kind."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from mpe2 import simple_crypto_v3, simple_spread_v3

from cmfq.cli import main
from cmfq.cli.command_line import option_words
from cmfq.hints import TRUST_VARIABLE, command
from cmfq.training.deaths import somebody_died

SMALL = (
    "--episodes", "2", "--checkpoint-period", "1", "--batch-size", "8", "--min-updates", "1",
    "--max-steps", "12", "--replay-bytes", "20000000",
)  # fmt: skip
WORLDS = {
    "battle": ("battle", "--size", "12"),
    "pursuit": ("pursuit", "--predators", "4", "--prey", "6"),
    "particles": ("particles",),
    "signal": ("signal",),
    "cooperative": (f"{__name__}:spread",),
    "three roles": (f"{__name__}:crypto",),
}
QUICK = {
    "evaluate": ("--games", "2", "--workers", "1"),
    "view": ("--html", "{folder}/page.html"),
    "progress": ("--workers", "1"),
    "tournament": ("--workers", "1"),
}
"""So that a command that is advised does not take minutes, or wait for a browser."""


def spread() -> Any:
    return simple_spread_v3.parallel_env(max_cycles=12)


def crypto() -> Any:
    return simple_crypto_v3.parallel_env(max_cycles=12)


def follow(said: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Run every command between backquotes; their names."""
    names = []
    for line in re.findall(r"`((?:\w+=1 )?cmfq [^`]*)`", said):
        words = shlex.split(line)
        trusts = words[0] == f"{TRUST_VARIABLE}=1"
        _, name, *rest = words[trusts:]
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(TRUST_VARIABLE, "1" if trusts else "0")
            quick = [word.format(folder=folder) for word in QUICK.get(name, ())]
            code = main([name, *rest, *quick])
        assert code == 0, f"{line}: {capsys.readouterr().err}"
        names.append(name)
    return names


@pytest.fixture(scope="module", params=WORLDS)
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in a folder whose name needs quoting."""
    run = tmp_path_factory.mktemp("hints") / f"my {request.param} run"
    assert main(["train", *WORLDS[request.param], *SMALL, "--run", str(run)]) == 0
    return run


def test_what_commands_advise_can_be_done(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv(TRUST_VARIABLE, "1")
    run, file, game = str(trained), str(tmp_path / "a policy.safetensors"), tmp_path / "a.replay"
    one_team = "signal" in trained.name or "cooperative" in trained.name
    others = [] if one_team else [file, "random"]
    for arguments, advised in (
        (["resume", run], ["evaluate"]),
        (["export", run, "--out", file], ["evaluate"]),
        (["record", run, *others[:1], "--out", str(game)], ["view"]),
        (["record", run, *others[1:], "--game", "1", "--out", str(game)], ["view"]),
    ):
        capsys.readouterr()
        assert main(arguments) == 0
        assert follow(capsys.readouterr().out, tmp_path, capsys) == advised, arguments


def test_a_report_and_the_progress_of_any_world_need_no_more_than_its_run(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv(TRUST_VARIABLE, "1")
    page = tmp_path / "report.html"
    quick = ["--games", "6", "--workers", "1"]
    assert main(["report", str(trained), *quick, "--out", str(page)]) == 0
    html, frames = re.subn(r'srcdoc="[^"]*"', "", page.read_text())
    assert frames == 1, "the game, in the page of recorded games"
    battle = "battle" in trained.name
    assert ("survive" in html) == battle
    assert ("hit points" in html) == battle
    assert "kills" not in html, "in so short games nobody died"
    assert ("rush" in html) == battle
    games, results = tmp_path / "p.json", tmp_path / "results"
    assert main(["progress", str(trained), *quick, "--log", str(games), "--out", str(results)]) == 0
    said = capsys.readouterr().out
    assert ("swarm" in said) == battle
    assert ("survivors" in said) == battle
    text = (results / "README.md").read_text()
    (again,) = re.findall(r"^    (.*cmfq progress .*)$", text, re.MULTILINE)
    assert follow(f"`{again}` {text}", tmp_path, capsys) == ["progress", "progress"]


def test_a_run_that_stops_says_how_it_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("cmfq.training.stop.StopSignal.__call__", lambda self: True)
    run = str(tmp_path / "own run")
    assert main(["train", f"{__name__}:spread", *SMALL, "--run", run]) == 130
    monkeypatch.undo()
    said = capsys.readouterr().out
    assert f"`{TRUST_VARIABLE}=1 cmfq resume '{run}'`" in said
    assert follow(said, tmp_path, capsys) == ["resume"]


@pytest.mark.parametrize("name", ["battle", "particles", f"{__name__}:crypto"])
def test_environments_are_described_and_their_settings_listed(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["environments"]) == 0
    said = capsys.readouterr().out.replace("NAME", name)
    assert "teams of arrays" in said, "the other kind of world of one's own"
    lines = re.findall(r"`cmfq ([^`]*)`", said)
    assert [line.split()[0] for line in lines] == ["environments", "train"]
    assert main(lines[0].split()) == 0
    described = capsys.readouterr().out
    assert not re.search(r":(mod|func|class):|`|\*\*", described)
    assert "neighbours within inf" not in described
    assert not re.search(r"step_physics|particle_world|Environment\b", described), "names of code"
    assert all(line.strip() or not line for line in described.split("\n"))
    assert main(lines[1].split()) == 0


def test_options_are_written_as_they_are_typed() -> None:
    words = option_words(
        {"max_steps": 4, "share_roles": True, "teams": ("a=x", "b=y"), "on": False}
    )
    assert words == ["--max-steps", "4", "--share-roles", "--teams", "a=x", "b=y", "--no-on"]
    assert command("evaluate", Path("a b"), "random") == "cmfq evaluate 'a b' random"
    trusting = command("resume", "x", own_functions=["m:f"])
    assert trusting == f"{TRUST_VARIABLE}=1 cmfq resume x"


def row(agent_steps: int, kills: list[int], survivors: list[int], steps: int = 10) -> dict:
    parts = {"kills": kills, "survivors": survivors, "steps": steps}
    return parts | {"agent_steps": agent_steps}


def test_who_was_there_to_the_end_did_not_die() -> None:
    assert not somebody_died(row(60, [0, 0], [3, 3]))
    assert not somebody_died(row(60, [3, 3], [0, 0])), "the game ended for all at once"
    assert somebody_died(row(55, [1, 0], [3, 2]))
    assert not somebody_died(row(30, [0], [3]))
    assert not somebody_died(row(30, [0], [0]))
    assert somebody_died(row(27, [0], [2]))
    assert not somebody_died(row(60, [4, 4, 4], [0, 0, 0])), "each death is two teams' kill"
    two_sides = row(75, [4, 4, 0, 0], [4, 0, 2, 2])
    assert somebody_died(two_sides | {"deaths": [0, 0, 2, 2]})
    assert not somebody_died(row(120, [4, 4, 0, 0], [4, 4, 0, 0]) | {"deaths": [0, 0, 2, 2]})
    assert somebody_died({"kills": [0, 2]})
    assert not somebody_died({"kills": [0, 0]})
