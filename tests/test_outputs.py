"""What an output may be written over."""

import re
from pathlib import Path

import pytest

from cmfq.cli import main
from cmfq.errors import UserError
from cmfq.outputs import GAMES, IMAGE, MATCH, PAGE, POLICY, REPLAY, Output, validate_output
from cmfq.storage import validate_results_folder, write_bytes

OURS = {
    "page.html": (PAGE, b'<!doctype html>\n<html><meta name="generator" content="cmfq">'),
    "old.html": (PAGE, b"<!doctype html>\n<html><title>cmfq: mfq on battle</title>"),
    "a.replay": (REPLAY, b"CMFQPLAY\1"),
    "p.safetensors": (POLICY, b'........{"__metadata__":{"format":"cmfq-policy-2"'),
    "a.png": (IMAGE, b"\x89PNG"),
    "a.mp4": (IMAGE, b"\0\0\0\x20ftypisom"),
    "t.json": (GAMES, b'{"format": "cmfq-tournament-1", "environment"'),
    "m.json": (MATCH, b'{"a": "x", "wins": 1, "losses": 0, "win_rate": 1.0}'),
}


@pytest.mark.parametrize("name", OURS)
def test_only_an_output_of_the_same_kind_is_written_over(tmp_path: Path, name: str) -> None:
    kind, content = OURS[name]
    path = tmp_path / name
    validate_output(path, kind)
    for harmless in (content, b""):
        path.write_bytes(harmless)
        validate_output(path, kind)
    others = [other for one, other in OURS.values() if one is not kind]
    for foreign in (*others, b"what the user wrote", b'{"settings": {}}'):
        path.write_bytes(foreign)
        with pytest.raises(UserError, match="and would be overwritten, give another file"):
            validate_output(path, kind)


@pytest.mark.parametrize(
    ("name", "kind", "wanted"),
    [
        ("a.pdf", REPLAY, r"a replay ends in \.replay, give such a name"),
        ("a.HTML", REPLAY, r"a replay ends in \.replay"),
        ("a.safetensors", REPLAY, r"a replay ends in \.replay"),
        ("a.json", REPLAY, r"a replay ends in \.replay"),
        ("a.html", GAMES, r"a file of games ends in \.json or \.json\.gz"),
        ("a.replay", MATCH, r"a result of `cmfq evaluate` ends in \.json"),
        ("a.txt", PAGE, r"ends in \.html or \.htm"),
    ],
)
def test_the_ending_of_another_kind_is_refused(
    tmp_path: Path, name: str, kind: Output, wanted: str
) -> None:
    with pytest.raises(UserError, match=wanted):
        validate_output(tmp_path / name, kind)


@pytest.mark.parametrize(("name", "kind"), [("game", REPLAY), ("0.log", GAMES), ("a.1", MATCH)])
def test_an_ending_of_no_kind_will_do(tmp_path: Path, name: str, kind: Output) -> None:
    validate_output(tmp_path / name, kind)


@pytest.mark.parametrize(
    "name",
    ["run.json", "metrics.jsonl", "evaluations.jsonl", "state.safetensors", "events.out.tfevents.1",
     "checkpoints/000009.safetensors", "checkpoints/x/y.html", "replays/a.replay",
     "../run/run.json"],
)  # fmt: skip
def test_what_belongs_to_a_run_is_not_written(tmp_path: Path, name: str) -> None:
    run = tmp_path / "run"
    (run / "checkpoints" / "x").mkdir(parents=True)
    (run / "replays").mkdir()
    (run / "run.json").write_text('{"settings": {}}')
    (tmp_path / "link").symlink_to(run)
    anything = Output("anything", (), lambda content: True)
    with pytest.raises(UserError, match="belongs to a run"):
        validate_output(run / name, anything)
    with pytest.raises(UserError, match="belongs to a run"):
        validate_output(tmp_path / "link" / name.removeprefix("../run/"), anything)
    validate_output(run / "report.html", PAGE)
    for folder in (run, run / "checkpoints", tmp_path / "link"):
        with pytest.raises(UserError, match="belongs to a run"):
            validate_results_folder(folder, "Results")
    validate_results_folder(run / "results", "Results")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("", "the path is empty"),
        ("folder", "it is a folder"),
        ("none/x.html", "there is no folder none, make it or give another file"),
        ("x.pdf", r"ends in \.html or \.htm"),
        ("x" * 300 + ".html", "name too long"),
    ],
)
def test_paths_that_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(UserError, match=f"(?i){message}") as refusal:
        validate_output(Path(path), PAGE)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "command",
    [
        "tournament random rush --log x.html --html ./x.html",
        "tournament random rush --log x --out x",
        "progress random --against rush --log x --out x",
        "sweep plan.toml --log x --runs x",
        "sweep plan.toml --log x --runs runs --out x",
    ],
)
def test_a_log_has_a_path_of_its_own(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    plan = 'environment = "battle"\nalgorithms = ["cmfq", "mfq"]\n[factors]\n'
    Path("plan.toml").write_text(f'{plan}episodes = [2, 4]\n"learner.discount" = [0.9, 0.95]\n')
    assert main([*command.split(), "--games", "2", "--workers", "1"]) == 2
    assert re.search(
        r"cmfq: --log and --\w+ are both x.*: give each its own", capsys.readouterr().err
    )
    assert [path.name for path in tmp_path.iterdir()] == ["plan.toml"]


def test_a_link_that_leads_to_itself_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "loop"
    path.symlink_to("loop")
    validate_output(path, REPLAY)
    validate_results_folder(path, "Results")
    write_bytes(path, b"a game")
    assert path.read_bytes() == b"a game"


def test_a_replay_is_not_written_over_by_its_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recorded, page = tmp_path / "g.replay", tmp_path / "page.html"
    game = ("--size", "12", "--max-steps", "3")
    assert main(["record", "rush", "random", *game, "--out", str(recorded)]) == 0
    replay = recorded.rename(tmp_path / "g.html")
    before = replay.read_bytes()
    assert main(["view", str(replay), "--html", str(replay)]) == 2
    assert "is not an HTML page of cmfq and would be overwritten" in capsys.readouterr().err
    assert replay.read_bytes() == before
    for _ in range(2):
        assert main(["view", str(replay), "--html", str(page)]) == 0
