"""Standings of tournaments whose results are written by hand, and what is made of them."""

import gzip
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cmfq.cli import main
from cmfq.combat import Combat
from cmfq.environments.battle import BattleSettings
from cmfq.environments.signal import SignalSettings
from cmfq.play.entrants import Entrant, Player
from cmfq.play.game_log import (
    GameRecord,
    Tournament,
    TournamentSettings,
    tournament_text,
)
from cmfq.play.layouts import layouts_of, results_by_side
from cmfq.play.schedule import schedule
from cmfq.play.standings import all_results, standings
from cmfq.results.details import yardstick_sentence
from cmfq.results.figures import game_margins, rating_ladder, win_rate_matrix
from cmfq.results.style import save_svg
from cmfq.results.tournament import minutes_sentence, write_results
from cmfq.results.tournament_tables import (
    ordering_table,
    run_table,
    spread_sentence,
    verdict,
)
from cmfq.statistics.rating import ELO
from cmfq.statistics.replication import mean_interval, rate_interval


def made_up(seeds: dict[str, int], margin, size: int = 64, games: int = 4) -> Tournament:
    """Every game between two entrants ends with ``margin(a, b, game)`` survivors of A more."""
    entrants = tuple(
        Entrant(f"{group}-{seed}", group, seed if count > 1 else None,
                (Player(f"{group}{seed}".encode().hex(), group, 1),), None)
        for group, count in sorted(seeds.items()) for seed in range(count)
    )  # fmt: skip
    owner = {player.id: one for one in entrants for player in one.players}
    records = []
    for a, b, game in schedule(entrants, games):
        ahead = margin(owner[a.id], owner[b.id], game)
        records.append(
            GameRecord(a.id, b.id, game, max(0, ahead), max(0, -ahead), 30, float(ahead), 0.0)
        )
    settings = TournamentSettings(BattleSettings(size=size), games)
    return Tournament(settings, {"cmfq": "0"}, "cmfq tournament", entrants, (), tuple(records))


def by_strength(strengths: dict[str, float]):
    """The stronger entrant wins; seeds add a tenth of their number."""

    def margin(a: Entrant, b: Entrant, game: int) -> int:
        gap = strengths[a.group] - strengths[b.group]
        gap += 0.1 * ((a.seed or 0) - (b.seed or 0))
        return round(10 * gap) + (-1) ** game

    return margin


def test_a_comparison_is_that_of_its_seeds() -> None:
    table = np.array([[3, -2, 0, 1], [-1, -1, 5, 0], [2, 2, 2, -9]])
    played = made_up({"a": 3, "b": 4}, lambda a, b, game: int(table[a.seed, b.seed]) * (game < 3))
    one = standings(played).between("a", "b")
    scores = np.where(table > 0, 7 / 8, np.where(table < 0, 1 / 8, 1 / 2))
    margins = 0.75 * table
    assert (one.wins, one.draws, one.losses) == (18, 12 + 6, 12)
    assert one.seeds == (3, 4)
    assert one.win_rate == pytest.approx(list(map(float, rate_interval(scores))))
    assert one.margin == pytest.approx(list(map(float, mean_interval(margins))))
    assert one.better is not None
    assert one.better.value == pytest.approx((6 + 2 / 2) / 12)
    swapped = standings(played).between("b", "a")
    assert (swapped.wins, swapped.losses) == (one.losses, one.wins)
    assert swapped.win_rate.low == pytest.approx(1 - one.win_rate.high)
    assert swapped.confidence == pytest.approx(1 - one.confidence)
    assert swapped.margin.high == pytest.approx(-one.margin.low)


def test_of_two_single_policies_the_game_is_the_unit() -> None:
    played = made_up({"a": 1, "b": 1}, lambda a, b, game: 1 if game < 15 else -1, games=20)
    one = standings(played).between("a", "b")
    low, high = rate_interval(np.array([[1.0]] * 15 + [[0.0]] * 5))[1:]
    assert one.win_rate == pytest.approx((0.75, float(low), float(high)))
    assert one.better is None
    value, low, high = standings(played).ratings[0].rating
    reach = 1.96 * ELO / 2 / np.sqrt(20 * 0.75 * 0.25)  # half of what is between the two
    assert (value - low, high - value) == pytest.approx((reach, reach), rel=0.1)


def test_rounding_decides_no_episode_that_players_play_alone() -> None:
    """Both earn 0.6 in each of six episodes, added up in another order."""
    entrants = tuple(Entrant(one, one, 0, (Player(f"{one}1", one, 1),), None) for one in "ab")
    earned = {"a1": 0.1 + 0.2 + 0.3, "b1": 0.3 + 0.2 + 0.1}
    assert earned["a1"] != earned["b1"]
    games = tuple(
        GameRecord(player, player, episode, 1, 0, 5, reward, 0.0)
        for player, reward in earned.items()
        for episode in range(6)
    )
    settings = TournamentSettings(SignalSettings(), 6)
    played = Tournament(settings, {}, "cmfq tournament", entrants, (), games, alone=True)
    one = standings(played).between("a", "b")
    assert (one.wins, one.draws, one.losses) == (0, 6, 0)
    assert one.margin.value == 0


def test_a_single_game_says_nothing() -> None:
    one = standings(made_up({"a": 1, "b": 1}, lambda a, b, game: 1, games=1)).between("a", "b")
    assert one.win_rate == (1.0, 0.0, 1.0)


def test_ratings_follow_strength_and_agree_with_win_rates() -> None:
    strengths = {"a": 0.0, "b": 0.35, "c": -0.3, "script": 0.33}
    played = made_up({"a": 4, "b": 4, "c": 4, "script": 1}, by_strength(strengths))
    found = standings(played)
    assert [one.group for one in found.ratings] == ["b", "script", "a", "c"]
    assert found.largest_gap < 0.12
    assert found.cycles == ()
    runs = found.ratings[0].entrants
    assert list(runs) == [f"b-{seed}" for seed in range(4)]
    assert list(runs.values()) == sorted(runs.values()), "stronger seeds are rated higher"


def test_a_circle_is_pointed_out_and_a_shaky_one_called_so() -> None:
    beats = {("a", "b"), ("b", "c"), ("c", "a")}

    def circle(a: Entrant, b: Entrant, game: int) -> int:
        return 5 if (a.group, b.group) in beats else -5

    def shaky(a: Entrant, b: Entrant, game: int) -> int:
        return -circle(a, b, game) if a.seed == 0 and b.seed < 2 else circle(a, b, game)

    for margin, settled in ((circle, True), (shaky, False)):
        found = standings(made_up({"a": 3, "b": 3, "c": 3}, margin))
        assert [(one.groups, one.settled) for one in found.cycles] == [(("a", "b", "c"), settled)]


def test_orderings_of_the_paper_are_judged_by_intervals() -> None:
    strengths = {"iql": 0.0, "mfq": 1.0, "attention-mfq": 1.05, "cmfq": 0.0, "random-weights": -1.0}
    found = standings(made_up(dict.fromkeys(strengths, 4), by_strength(strengths)))
    table = ordering_table(found)
    assert table is not None
    assert {row[0]: row[2] for row in table.rows} == {
        "iql < mfq": "holds",
        "mfq < attention-mfq": "cannot be told apart",
        "attention-mfq < cmfq": "does not hold",
        "iql < attention-mfq": "holds",
        "iql < cmfq": "cannot be told apart",
        "mfq < cmfq": "does not hold",
        "random-weights < mfq": "holds",
    }
    assert verdict(found.between("iql", "mfq")) == "does not hold"
    assert ordering_table(standings(made_up({"x": 2, "y": 2}, lambda *game: 1))) is None


def test_the_table_of_runs_shows_each_seed() -> None:
    played = made_up({"a": 2, "b": 1}, lambda a, b, game: 1 if a.seed else -1)
    rows = run_table(played, ["a", "b"]).rows
    assert rows == [
        ("a", "0", "1", "–", "0%"),
        ("a", "1", "1", "–", "100%"),
        ("b", "–", "1", "50%", "–"),
    ]
    sentence = "Win rates of single seeds against all other groups: a from 0% to 100%."
    assert spread_sentence(played) == sentence
    alone = made_up({"a": 1, "b": 1}, lambda a, b, game: 1)
    assert "are not known" in spread_sentence(alone)


def test_a_sentence_says_how_long_training_took() -> None:
    assert minutes_sentence({"a": [7.4, 4.0], "b": [25.2]}).startswith(
        "The fastest run took 4 minutes (a), the slowest 25 (b); "
    )
    assert minutes_sentence({"a": [7.4]}) == "Training took 7 minutes."


def test_a_sentence_says_who_deals_more_damage_or_ends_ahead() -> None:
    played = made_up({"a": 3, "b": 3}, lambda a, b, game: 1)
    told = yardstick_sentence(layouts_of(played), ["a", "b"])
    assert told == "Margins: a and b cannot be told apart.", "they are all equal"
    played = made_up({"a": 3, "b": 3}, lambda a, b, game: 2 + game % 2 + a.seed)
    told = yardstick_sentence(layouts_of(played), ["a", "b"])
    assert told == "Margins: a is ahead of b.", "these games recorded no damage"
    assert yardstick_sentence({}, ["a", "b"]) == ""
    owner = played.owners()

    def hit(player: str) -> Combat:
        group, seed = owner[player].split("-")
        return Combat(20 + int(seed) if group == "a" else 60, 9, 9, 9, 9)

    games = tuple(
        replace(game, a_combat=hit(game.a), b_combat=hit(game.b)) for game in played.games
    )
    layouts = layouts_of(replace(played, games=games))
    assert yardstick_sentence(layouts, ["a", "b"]) == "Damage: a deals more than b."


def test_figures_are_the_same_bytes_every_time(tmp_path: Path) -> None:
    played = made_up(
        {"a": 3, "b": 3, "cmfq": 2, "d": 1}, by_strength({"a": 0, "b": 1, "cmfq": 2, "d": 3})
    )
    for name in ("one", "two"):
        found = standings(played)
        groups = [one.group for one in found.ratings]
        save_svg(win_rate_matrix(found), tmp_path / f"matrix-{name}")
        save_svg(rating_ladder(found.ratings), tmp_path / f"ladder-{name}")
        save_svg(
            game_margins(groups, all_results(played), "survivors"), tmp_path / f"margins-{name}"
        )
    for figure in ("matrix", "ladder", "margins"):
        one, other = ((tmp_path / f"{figure}-{name}").read_bytes() for name in ("one", "two"))
        assert one == other
        assert b"<svg" in one


def test_results_and_page_are_written_and_written_again_from_what_is_stored(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    played = made_up({"mfq": 3, "cmfq<b>": 3}, by_strength({"mfq": 0, "cmfq<b>": 0.1}))
    write_results(tmp_path / "out", played)
    files = {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()}
    assert {"README.md", "tournament.json.gz", "comparisons.csv", "matrix.svg"} <= files.keys()
    assert b"mfq,cmfq<b>,margin,-1.0000," in files["yardsticks.csv"]
    assert b"damage" not in files["yardsticks.csv"], "these games did not record it"
    assert gzip.decompress(files["tournament.json.gz"]).decode() == tournament_text(played)
    stored = tmp_path / "out" / "tournament.json.gz"
    page = tmp_path / "t.html"
    assert main(["tournament", "--log", str(stored), "--out", str(tmp_path / "out"),
                 "--html", str(page)]) == 0  # fmt: skip
    assert {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()} == files
    html = page.read_text()
    assert "cmfq<b>" not in html
    assert "cmfq&lt;b&gt;" in html
    assert "<script" not in html
    for attribute in ("src=", 'href="http', "url(http"):
        assert attribute not in html
    capsys.readouterr()
    assert main(["power", str(stored), "--difference", "0.2"]) == 0
    said = capsys.readouterr().out
    needed = said[said.index("cmfq<b>") :].splitlines()[0].split("│")[-3].strip()
    assert said.splitlines()[-1] == (
        f"{needed} seeds of each algorithm tell a win rate of 70 % from 50 % with 80 % power, by "
        "cmfq<b> v mfq."
    )


def test_intervals_are_called_what_they_are_over(tmp_path: Path) -> None:
    for seeds, unit in ((1, "over games"), (2, "over seeds")):
        write_results(tmp_path / unit, made_up({"a": seeds, "b": 1}, lambda a, b, game: game - 1))
        page = (tmp_path / unit / "README.md").read_text()
        assert f"Ratings with 95 % intervals {unit};" in page
        assert f"with its 95 % interval {unit};" in page


def test_a_tournament_says_where_side_decides_more_than_player(tmp_path: Path) -> None:
    """A wins as the first, B as the first; C beats both from either side."""

    def margin(a: Entrant, b: Entrant, game: int) -> int:
        if "c" in (a.group, b.group):
            return 9 if a.group == "c" else -9
        return 3 if game % 2 == 0 else -3

    played = made_up({"a": 4, "b": 4, "c": 2}, margin)
    layouts = layouts_of(played)
    found = results_by_side(layouts, ["c", "b", "a"])
    assert [pair for pair, one in found.items() if one.side_decides] == [("b", "a")]
    one = found["b", "a"]
    assert (one.first.wins, one.first.losses, one.second.losses) == (32, 0, 32)
    assert one.first.margin.value == 3
    assert one.second.margin.value == -3
    assert one.first_side.value == 1
    assert found["c", "a"].first_side.value == 0.5
    write_results(tmp_path, played)
    page = (tmp_path / "README.md").read_text()
    assert re.search(
        r"The side decides more than the player between (a and b|b and a): the first side won 100%",
        page,
    )
    assert page.count("The side decides more than the player between") == 1


def test_sizes_draws_tournaments_of_several_sizes(tmp_path: Path) -> None:
    for size in (64, 100):
        played = made_up({"mfq": 2, "cmfq": 2}, by_strength({"mfq": 0, "cmfq": 1}), size)
        (tmp_path / f"{size}.json").write_text(tournament_text(played))
    out = tmp_path / "sizes.png"
    files = [str(tmp_path / f"{size}.json") for size in (64, 100)]
    assert main(["sizes", *files, "--out", str(out), "--against", "mfq"]) == 0
    assert out.stat().st_size > 5000
    assert main(["sizes", *files, "--out", str(out), "--against", "mfk"]) == 2
    assert main(["sizes", files[0], "--out", str(out)]) == 2
    assert main(["sizes", files[0], files[0], "--out", str(out)]) == 2
    assert main(["sizes", *files, "--out", str(tmp_path / "x.bmp")]) == 2


def test_sizes_writes_a_folder_that_writes_itself_again(tmp_path: Path) -> None:
    for size in (400, 64):
        played = made_up({"mfq": 2, "cmfq": 2}, by_strength({"mfq": 0, "cmfq": 1}), size)
        (tmp_path / f"{size}.json").write_text(tournament_text(played))
    out, again = tmp_path / "sizes", tmp_path / "again"
    files = [str(tmp_path / f"{size}.json") for size in (400, 64)]
    assert main(["sizes", *files, "--out", str(out), "--against", "mfq"]) == 0
    page = (out / "README.md").read_text()
    assert "| win rate of A v B | 64 a side | 400 a side |" in page
    stored = [str(out / f"tournament-{size}.json.gz") for size in (64, 400)]
    assert main(["sizes", *stored, "--out", str(again), "--against", "mfq"]) == 0
    assert (again / "sizes.svg").read_bytes() == (out / "sizes.svg").read_bytes()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "README.md").write_text("# Mine")
    assert main(["sizes", *files, "--out", str(tmp_path / "mine")]) == 2
