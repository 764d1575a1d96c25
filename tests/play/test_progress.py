"""Checkpoints against opponents that stay as they are."""

import math
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import pytest

from cmfq.cli import main
from cmfq.environments.battle import BattleSettings
from cmfq.environments.pursuit import PursuitSettings
from cmfq.errors import UserError
from cmfq.play.by_role import by_role
from cmfq.play.entrants import Entrant, Player
from cmfq.play.game_log import GameRecord, Tournament, TournamentSettings
from cmfq.play.progress import (
    ProgressRow,
    last_layouts,
    play_progress,
    progress_rows,
    shared_by_seeds,
)
from cmfq.play.reading import (
    finished_progress,
    finished_tournament,
    read_tournament,
)
from cmfq.results.progress import damage_sentence, damage_table, last_sentence, progress_table
from cmfq.results.table import signed

SMALL = BattleSettings(size=12, max_steps=25)


def play(runs: list[Path], opponents: list[str], path: Path, games: int = 2) -> bytes:
    names = [str(run) for run in runs]
    play_progress(names, opponents, SMALL, path, games=games, command="again")
    return path.read_bytes()


def test_every_checkpoint_plays_every_opponent(runs: Path, tmp_path: Path) -> None:
    names = [runs / "cmfq-0", runs / "cmfq-1"]
    play(names, ["swarm", str(runs / "mfq-0")], tmp_path / "p.json", games=3)
    played = finished_progress(tmp_path / "p.json")
    rows = progress_rows(played)
    assert [(row.run, row.episode, row.opponent) for row in rows] == [
        (str(run), episode, opponent)
        for run in names
        for episode in (1, 2, 3)
        for opponent in ("swarm", str(runs / "mfq-0"))
    ]
    assert len(played.games) == 3 * len(rows)
    table = progress_table(rows)
    assert [line[:2] for line in table.rows] == [("cmfq", "1"), ("cmfq", "2"), ("cmfq", "3")]
    rates = [row.win_rate for row in rows if (row.episode, row.opponent) == (1, "swarm")]
    assert table.rows[0][2] == (f"{sum(rates) / 2:.0%} ({min(rates):.0%} to {max(rates):.0%})")


def test_damage_is_shown_over_training_and_by_seed(runs: Path, tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    play([runs / "cmfq-0", runs / "cmfq-1"], ["swarm"], path, games=2)
    played = finished_progress(path)
    rows = progress_rows(played)
    table = damage_table(rows)
    assert table is not None
    assert len(table.rows) == 3
    games = [game for game in played.games if game.a == played.entrants[1].players[-1].id]
    ratios = [
        math.log((game.b_combat.damage_taken + 1) / (game.a_combat.damage_taken + 1))
        for game in games
        if game.a_combat and game.b_combat
    ]
    mean = sum(row.yardsticks["log_damage_ratio"] for row in rows if row.episode == 3) / 2
    assert damage_sentence(rows) == (
        f"Log damage ratio at the last checkpoint: {signed(mean, 2)} against swarm."
    )
    assert rows[-1].yardsticks["log_damage_ratio"] == pytest.approx(sum(ratios) / 2)
    (layout,) = last_layouts(played).values()
    assert [len(cell) for row in layout for cell in row] == [2, 2]
    assert layout[1][0][0].own == games[0].a_combat
    old = [replace(row, yardsticks={}) for row in rows]
    assert damage_table(old) is None


@pytest.mark.parametrize("kept", [0, 1, 5])
def test_a_file_cut_short_goes_on_to_the_same_end(runs: Path, tmp_path: Path, kept: int) -> None:
    path = tmp_path / "p.json"
    whole = play([runs / "cmfq-0"], ["rush"], path)
    lines = whole.split(b"\n")
    path.write_bytes(b"\n".join([*lines[: 1 + kept], b',{"a": "0'[kept == 0 :]]))
    with pytest.raises(UserError, match=f"is not finished: it holds {kept} games?; continue with"):
        finished_progress(path)
    assert play([runs / "cmfq-0"], ["rush"], path) == whole


def test_it_grows_with_the_run_and_with_opponents(runs: Path, tmp_path: Path) -> None:
    path, run = tmp_path / "p.json", copytree(runs / "cmfq-0", tmp_path / "run")
    last = run / "checkpoints" / "000003.safetensors"
    content = last.read_bytes()
    last.unlink()
    play([run], ["rush"], path)
    before = set(read_tournament(path)[0].games)
    last.write_bytes(content)
    grown = play([run], ["rush", "random"], path, games=3)
    assert before < set(finished_progress(path).games)
    path.unlink()
    assert play([run], ["rush", "random"], path, games=3) == grown
    with pytest.raises(UserError, match="has games of an earlier version of rush"):
        play([run], ["random"], path, games=3)


def test_rows_and_picture_are_written_and_shown_again(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    games, picture = tmp_path / "games.json", tmp_path / "p.svg"
    names = [str(runs / "cmfq-0"), str(runs / "mfq-0")]
    options = ["--against", "random", "--games", "2"]
    end = ["--workers", "1", "--log", str(games), "--out", str(picture)]
    assert main(["progress", *names, *options, *end]) == 0
    table = capsys.readouterr().out
    assert "12 games in " in table
    assert "<svg" in picture.read_text()
    played = finished_progress(games)
    command = " ".join(["cmfq progress", *names, *options, "--seed 0", *end[2:]])
    assert played.command == command
    assert main(["progress", "--log", str(games)]) == 0
    assert capsys.readouterr().out.strip() in table
    assert main(["progress", *names, *options, "--workers", "1"]) == 0, "without a file"


def test_a_tournament_is_not_taken_for_it(runs: Path, tmp_path: Path) -> None:
    path, names = tmp_path / "t.json", [str(runs / "cmfq-0"), "rush"]
    options = ["--games", "2", "--workers", "1", "--log", str(path)]
    assert main(["tournament", *names, *options]) == 0
    with pytest.raises(UserError, match="is a tournament: `cmfq tournament --log"):
        finished_progress(path)
    with pytest.raises(UserError, match="holds the games of `cmfq tournament"):
        play([runs / "cmfq-0"], ["rush"], path)
    play([runs / "cmfq-0"], ["rush"], tmp_path / "p.json")
    with pytest.raises(UserError, match="is not a tournament, it holds the games of `again`"):
        finished_tournament(tmp_path / "p.json")


def test_nothing_to_play(runs: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there is nothing to play"):
        play([runs / "cmfq-0"], [], tmp_path / "p.json")
    for script in ("rush", "mine=rush"):
        with pytest.raises(UserError, match="rush is a script and has no checkpoints"):
            play([runs / "cmfq-0", script], ["random"], tmp_path / "p.json")
    with pytest.raises(UserError, match="enter one policy twice"):
        play([runs / "cmfq-0"], ["rush", "rush"], tmp_path / "p.json")


def test_a_folder_of_results_writes_itself_again(runs: Path, tmp_path: Path) -> None:
    games, out, again = tmp_path / "p.json", tmp_path / "out", tmp_path / "again"
    play([runs / "cmfq-0", runs / "cmfq-1"], ["rush"], games)
    assert main(["progress", "--log", str(games), "--out", str(out)]) == 0
    page = (out / "README.md").read_text()
    assert "Every checkpoint of 2 of cmfq against" in page
    assert "| group | episode | v rush (script) |" in page
    assert "## Damage dealt over damage taken" in page
    assert "## The last checkpoints" in page
    assert main(["progress", "--log", str(out / "progress.json.gz"), "--out", str(again)]) == 0
    assert (again / "progress.svg").read_bytes() == (out / "progress.svg").read_bytes()
    assert main(["progress", "--out", str(again)]) == 0
    assert (again / "README.md").read_text().count(f"--out {again}") == 2


def test_means_are_over_checkpoints_that_all_seeds_have() -> None:
    def row(run: str, group: str, episode: int) -> ProgressRow:
        return ProgressRow(run, group, 0, episode, "rush", 0.5)

    stopped = [row("a", "cmfq", 100), row("a", "cmfq", 164), row("b", "cmfq", 100)]
    apart = [row("c", "mfq", 30), row("d", "mfq", 50)]
    shared = shared_by_seeds([*stopped, *apart])
    assert [(one.group, one.episode) for one in shared] == [
        ("cmfq", 100), ("cmfq", 100), ("mfq", 30), ("mfq", 50),
    ]  # fmt: skip


def test_the_sentence_says_what_seeds_can_tell() -> None:
    def rows(group: str, *rates: float) -> list[ProgressRow]:
        return [
            ProgressRow(f"{group}-{n}", group, n, episode, "rush", rate if episode == 2 else 0.5)
            for n, rate in enumerate(rates)
            for episode in (1, 2)
        ]

    assert (
        last_sentence(rows("mfq", 0.4, 0.6)) == "Win rate at the last checkpoint: 50% against rush."
    )
    one_run = [*rows("mfq", 0.1), *rows("cmfq", 0.9, 0.93, 0.9)]
    assert last_sentence(one_run) == (
        "Win rate at the last checkpoint: against rush unknown for cmfq and mfq: one of them is "
        "a single run (highest mean 91%)."
    )
    apart = [*rows("mfq", 0.1, 0.12, 0.11), *rows("cmfq", 0.9, 0.93, 0.9), *rows("iql", 0.0, 1.0)]
    assert last_sentence(apart) == (
        "Win rate at the last checkpoint: against rush cmfq wins more than mfq; the other 2 pairs "
        "cannot be told apart (highest mean 91%)."
    )


def entrant(name: str, group: str, seed: int | None, *ids: str) -> Entrant:
    return Entrant(name, group, seed, tuple(Player(id, name, 1) for id in ids), None)


@pytest.mark.parametrize(
    "opponent",
    [
        entrant("runs/x/checkpoints/1.safetensors", "x/1", None, "1"),  # an entrant's last one
        entrant("runs/z", "cmfq", 7, "7"),
        entrant("runs/mfq-5", "mfq", 5, "a"),
    ],
    ids=["last checkpoint", "own group", "another group"],
)
def test_an_opponent_that_resembles_an_entrant_has_its_rewards_by_role(opponent: Entrant) -> None:
    entrants = (
        *(entrant("runs/x", "cmfq", 0, "0", "1"), entrant("runs/y", "cmfq", 1, "2", "3")),
        entrant("runs/mfq-0", "mfq", 0, "8", "9"),
    )
    opponents = entrant("random", "random (script)", None, "f"), opponent
    games = tuple(
        GameRecord(player.id, other.players[0].id, number, 1, 1, 10, 1.0 + number, -1.0 - number)
        for one in entrants
        for player in one.players
        for other in opponents
        for number in range(4)
    )
    played = Tournament(
        TournamentSettings(PursuitSettings(), 4),
        *({}, "cmfq progress", entrants, opponents, games),
        paired=True,
        places=(("predator", "prey"),),
    )
    found = by_role(played)
    assert list(found) == [
        (group, role) for group in ("cmfq", "mfq") for role in ("predator", "prey")
    ]
    for (_, role), earned in found.items():
        assert list(earned) == ["random (script)", opponent.name]
        assert {one.value for one in earned.values()} == {2.0 if role == "predator" else 3.0}
