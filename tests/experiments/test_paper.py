"""The paper's figures, tables and claims: what they need, and what comes of them."""

import gzip
import itertools
import json
import re
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import norm

from cmfq.cli import main
from cmfq.environments.battle import BattleSettings
from cmfq.environments.pursuit import PursuitSettings
from cmfq.experiments.paper.bars import rates_of
from cmfq.experiments.paper.claims import (
    ABOUT,
    CLAIMS,
    EACH_OTHER,
    Bounded,
    Claim,
    Converges,
    Earns,
    Neglected,
    Steadier,
    Wins,
    WinsMore,
)
from cmfq.experiments.paper.figures import FIGURES
from cmfq.experiments.paper.measuring import (
    role_games,
    smallest_difference,
    smallest_rate_difference,
)
from cmfq.experiments.paper.page import (
    claims_table,
    hours_left,
    paper_page,
    summary,
    write_paper,
)
from cmfq.experiments.paper.plan import (
    EPISODE_SECONDS,
    Effort,
    figures_called,
    games_needed,
    hours_of_training,
    runs_of,
    settings_of,
    status_of,
    worlds_of,
)
from cmfq.experiments.paper.table_one import table_one
from cmfq.experiments.paper.verdicts import Checked, check_claims, verdict_of
from cmfq.play.crossing import CrossGame, summarise
from cmfq.play.entrants import Entrant, Player
from cmfq.play.game_log import GameRecord, Tournament, TournamentSettings, tournament_text
from cmfq.play.players import load_player
from cmfq.play.reading import finished_tournament
from cmfq.play.standings import standings
from cmfq.results.curves import write_metrics
from cmfq.results.figures import win_rate_bars
from cmfq.results.origin import write_origin
from cmfq.results.table import Table
from cmfq.results.tournament import tournament_file
from cmfq.results.writing import as_markdown
from cmfq.statistics.intervals import mean_interval
from cmfq.statistics.replication import Estimate, rate_interval
from cmfq.storage import write_gzip
from cmfq.training.self_play import SelfPlay

QUICK = Effort(seeds=2, quick=True)


def test_figures_share_their_runs_and_whole_seeds_come_first() -> None:
    both = runs_of([FIGURES["4a"], FIGURES["4b"]], Effort(seeds=3))
    assert both == runs_of([FIGURES["4b"]], Effort(seeds=3))
    assert len(both) == 5 * 3
    assert [settings.seed for settings in both.values()] == [0] * 5 + [1] * 5 + [2] * 5
    assert len(runs_of([FIGURES["5"]], Effort(seeds=3))) == 2


def test_settings_are_the_presets_with_what_a_group_changes() -> None:
    groups = {group.name: group for group in (*FIGURES["4c"].groups, *FIGURES["4d"].groups)}
    usual = settings_of(groups["cmfq"], Effort())
    assert (usual.environment.team_sizes, usual.episodes, usual.preset) == ((64, 64), 400, "paper")
    wide = settings_of(groups["cmfq-epsilon-1"], Effort())
    assert wide == replace(usual, mean_field=replace(usual.mean_field, epsilon=1.0))
    same_steps = settings_of(groups["mfq400-steps"], Effort())
    assert (same_steps.environment.team_sizes, same_steps.episodes) == ((400, 400), 64)
    assert settings_of(groups["cmfq"], Effort("strong")).learner.symmetries


@pytest.mark.parametrize("preset", ["paper", "original", "strong"])
def test_every_algorithm_of_battle_can_be_trained_with_every_preset(preset: str) -> None:
    effort = Effort(preset, quick=True)
    for group in (*FIGURES["4b"].groups, *FIGURES["bound"].groups):
        settings = settings_of(group, effort)
        with closing(SelfPlay(settings, load_player)) as self_play:
            assert self_play.settings.algorithm == group.algorithm


def test_figures_are_called_by_name_and_come_in_the_papers_order() -> None:
    assert [one.name for one in figures_called(["7", "4b"], "paper")] == ["4b", "7"]
    assert [one.name for one in figures_called(["7b", "10a", "9"], "paper")] == ["7", "9", "10"]
    assert figures_called(["all"], "paper") == tuple(FIGURES.values())
    with_strong = [one.name for one in figures_called(["all"], "strong")]
    assert set(FIGURES) - set(with_strong) == {"10", "I"}  # their runs would be those of paper
    assert figures_called(["10"], "strong") == (FIGURES["10"],)
    of_battle = [one.name for one in figures_called(["all"], "original")]
    assert of_battle == ["4a", "4b", "4c", "4d", "5", "9", "bound"]


def test_shared_runs_are_counted_once(tmp_path: Path) -> None:
    effort = Effort("original", seeds=2)
    figures = figures_called(["all"], "original")
    statuses = [status_of(one, effort, tmp_path) for one in figures]
    each = [hours_of_training([one]) for one in statuses]
    all_runs = hours_of_training(statuses)
    assert max(each) < all_runs < sum(each)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["4e"], "unknown figure '4e': did you mean '4d'?"),
        (["4b", "--preset", "best"], "best"),
        (["4b", "--seeds", "0"], "seeds is 0: give a number from 1"),
        (["7", "--preset", "original"], "preset original is only for battle"),
    ],
)
def test_what_cannot_be_made_is_refused_before_anything_is_trained(
    arguments: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["paper", *arguments, "--out", str(tmp_path / "paper")]) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "paper").exists()


def test_every_claim_is_about_what_its_figure_has() -> None:
    for claim in CLAIMS:
        measured = claim.measured
        figure = FIGURES[measured.figure]
        names = {group.name for group in figure.groups}
        match measured:
            case Wins() | WinsMore() | Earns():
                against = {measured.against} if isinstance(measured, WinsMore) else set()
                assert {measured.a, measured.b} | against <= names, claim
                assert measured.size in (figure.sizes or (0,)), claim
            case Steadier():
                assert {measured.a, measured.b} <= names, claim
                assert len(figure.sizes) > 1
            case Converges():
                assert measured.group in names
            case Bounded():
                assert figure.kind == "bound"


@pytest.mark.parametrize(
    ("measured", "found", "verdict"),
    [
        (Wins("4b", "a", "b"), (0.6, 0.52, 0.68), "holds"),
        (Wins("4b", "a", "b"), (0.6, 0.48, 0.72), "undecided"),
        (Wins("4b", "a", "b"), (0.4, 0.32, 0.48), "does not hold"),
        (Wins("4b", "a", "b"), (0.6, -np.inf, np.inf), "undecided"),
        (Wins("4b", "a", "b"), (0.6, np.nan, np.nan), "undecided"),
        (Wins("4c", "a", "b", about=0.32), (0.3, 0.25, 0.35), "holds"),
        (Wins("4c", "a", "b", about=0.32), (0.6, 0.5, 0.7), "does not hold"),
        (Wins("4c", "a", "b", about=0.32), (0.4, 0.3, 0.5), "undecided"),
        (WinsMore("4c", "a", "b", "c", 400), (0.1, 0.01, 0.2), "holds"),
        (WinsMore("4c", "a", "b", "c", 400), (-0.1, -0.2, -0.01), "does not hold"),
        (Earns("7", "a", "b", 0), (0.1, 0.01, 0.2), "holds"),
        (Earns("7", "a", "b", 0), (-0.1, -0.2, -0.01), "does not hold"),
        (Earns("7", "a", "b", 0), (0.1, 0.1, 0.1), "undecided"),
        (Converges("4a", "a"), (0.02, -0.05, 0.09), "holds"),
        (Converges("4a", "a"), (0.3, 0.2, 0.4), "does not hold"),
        (Bounded("bound"), (0.4, 0.4, 0.4), "holds"),
        (Bounded("bound"), (1.2, 1.2, 1.2), "does not hold"),
    ],
)
def test_a_verdict_follows_from_where_the_interval_lies(
    measured: Wins | WinsMore | Earns | Converges | Bounded,
    found: tuple[float, float, float],
    verdict: str,
) -> None:
    assert verdict_of(measured, Estimate(*found)) == verdict


@pytest.mark.parametrize("seeds", [5, 10])
def test_the_smallest_difference_is_shown_in_four_cases_of_five(seeds: int) -> None:
    generator = np.random.default_rng(0)
    noise = generator.standard_normal((4000, seeds))
    widths = [mean_interval(row) for row in noise]
    typical = np.sqrt(np.mean([(high - low) ** 2 for low, high in widths]))
    smallest = smallest_difference(Estimate(0.0, -typical / 2, typical / 2), seeds)
    shown = np.mean([mean_interval(row + smallest)[0] > 0 for row in noise])
    assert 0.77 < shown < 0.87
    assert smallest_difference(Estimate(0.0, 0.0, 0.0), 1) == float("inf")
    assert np.isnan(smallest_difference(Estimate(0.3, 0.3, 0.3), 5))


@pytest.mark.parametrize("seeds", [4, 8])
def test_the_smallest_difference_of_a_win_rate_is_shown_in_four_cases_of_five(seeds: int) -> None:
    """Near 1 an interval is longer on one side: half its width alone would give too little."""
    generator = np.random.default_rng(0)

    def scores(rate: float, games: int) -> npt.NDArray[np.float64]:
        rows, columns = (
            0.4 * generator.standard_normal((1000, *shape))
            for shape in ((seeds, 1, 1), (1, seeds, 1))
        )
        luck = generator.standard_normal((1000, seeds, seeds, games))
        strength = norm.ppf(rate) * np.sqrt(1 + 2 * 0.4**2)
        return np.asarray(strength + rows + columns + luck > 0, float)

    points = scores(0.5, 20)
    smallest = np.array([smallest_rate_difference(one) for one in points[:30]])
    typical = float(np.median(smallest))
    found = rate_interval(scores(0.5 + typical, 20).mean(-1))
    assert 0.7 < (found.low > 0.5).mean() < 0.9
    assert smallest_rate_difference(points[0, :1]) == float("inf")
    assert np.isnan(smallest_rate_difference(points[0, ..., :1]))


def test_one_training_seed_proves_nothing_however_many_games_it_plays(tmp_path: Path) -> None:
    cmfq, mfq = (
        Entrant(name, name, 0, (Player(id, name, 400),), None)
        for name, id in (("cmfq", "a1"), ("mfq", "b1"))
    )
    games = tuple(
        GameRecord("a1", "b1", number, *((10, 0) if number < 17 else (0, 10)), 50, 0.0, 0.0)
        for number in range(20)
    )
    played = Tournament(
        TournamentSettings(BattleSettings(), 20, 0), {}, "cmfq", (cmfq, mfq), (), games
    )
    (tmp_path / "4b").mkdir()
    write_gzip(tmp_path / "4b" / "tournament.json.gz", tournament_text(played).encode())
    claim = Claim("CMFQ beats MFQ", Wins("4b", "cmfq", "mfq"))
    (checked,) = check_claims([claim], Effort(seeds=1), tmp_path)
    assert (checked.verdict, checked.seeds) == ("undecided", 1)
    (row,) = claims_table([checked]).rows
    assert row[1:5] == ("undecided", "85% (too few seeds)", "", "1")


def test_two_groups_are_compared_by_their_games_against_a_third_one(tmp_path: Path) -> None:
    """At 100 a side cmfq wins all games of mfq100, attention-mfq as many as its seed says."""
    wins = {"cmfq": (4, 4), "attention-mfq": (2, 1), "mfq100": (0, 0)}
    ids = {(name, seed): f"{place}{seed}" for place, name in enumerate(wins) for seed in (0, 1)}
    entrants = [
        Entrant(f"{name}-{seed}", name, seed, (Player(id, f"{name}-{seed}", 400),), None)
        for (name, seed), id in ids.items()
    ]
    pairs = [(a, b) for a, b in itertools.combinations(ids, 2) if a[0] != b[0]]
    games = tuple(
        GameRecord(ids[a], ids[b], number, *((9, 0) if won else (0, 9)), 50, 0.0, 0.0)
        for a, b in pairs
        for number in range(4)
        for won in [number < wins[a[0]][a[1]]]
    )
    world = BattleSettings(size=100)
    played = Tournament(TournamentSettings(world, 4, 0), {}, "cmfq", tuple(entrants), (), games)
    (tmp_path / "4c").mkdir()
    stored = tournament_file(tmp_path / "4c", 100)
    write_gzip(stored, tournament_text(played).encode())
    claim = Claim("x", WinsMore("4c", "cmfq", "attention-mfq", "mfq100", 100))
    (checked,) = check_claims([claim], Effort(), tmp_path)
    low, high = mean_interval(np.array([0.5, 0.75]))
    assert checked.found == pytest.approx((0.625, low, high))
    assert (checked.verdict, checked.seeds) == ("undecided", 2)
    (row,) = claims_table([checked]).rows
    assert row[2].startswith("+62% (")
    other_way = Claim("x", WinsMore("4c", "attention-mfq", "cmfq", "mfq100", 100))
    (swapped,) = check_claims([other_way], Effort(), tmp_path)
    assert swapped.found == pytest.approx((-0.625, -high, -low))


def test_bars_show_the_rates_that_the_paper_draws(tmp_path: Path) -> None:
    """Nobody plays itself; a figure whose games are not there has no bars."""
    stored, effort = Path("docs/results/paper"), Effort()
    figure = FIGURES["4b"]
    assert figure.bars
    rates = rates_of(figure, figure.bars, effort, stored / "4b")
    found = standings(finished_tournament(tournament_file(stored / "4b", 0)))
    assert list(rates) == ["iql", "mfq", "attention-mfq", "cmfq", "random-weights"]
    assert rates["cmfq"]["against mfq"] == found.between("cmfq", "mfq").win_rate
    assert rates["cmfq"]["against cmfq"] is None
    assert len(win_rate_bars(rates).axes[0].patches) == 20
    sizes = FIGURES["4c"]
    assert sizes.bars and not rates_of(sizes, sizes.bars, effort, tmp_path)


def test_every_place_and_bar_of_a_figure_is_one_of_its_groups() -> None:
    for figure in FIGURES.values():
        if figure.bars:
            names = {group.name for group in figure.groups}
            assert {name for name, _ in figure.bars.axis} | set(figure.bars.bars) <= names
            assert {size for _, size in figure.bars.axis} <= set(figure.sizes or (0,))


def test_the_greatest_use_of_a_bound_has_no_smallest_difference() -> None:
    (claim,) = (one for one in CLAIMS if isinstance(one.measured, Bounded))
    (row,) = claims_table(check_claims([claim], Effort(), Path("docs/results/paper"))).rows
    assert row[1:5] == ("holds", "31%", "", "5")


def test_figures_and_claims_come_of_runs_that_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "paper"
    arguments = ["--out", str(out), "--quick", "--seeds", "2", "--workers", "1"]
    wanted = ["4a", "4b", "5", "bound"]
    assert main(["paper", *wanted, *arguments]) == 0
    folder = out / "paper-quick"
    page = (folder / "README.md").read_text(encoding="utf-8")
    for name in wanted:
        assert f"[{name}]({name}/README.md)" in page
        assert (folder / name / "index.html").is_file()
        status = status_of(FIGURES[name], QUICK, folder)
        assert (status.trained, status.played) == (status.runs, status.games), name
        assert status.core_hours == 0
    assert status_of(FIGURES["4d"], QUICK, folder).trained == 10  # those of 4b
    (row,) = (line for line in page.splitlines() if line.startswith("| MFQ beats IQL |"))
    assert row.endswith("| 2 | 4b |")
    assert "- 4d: CMFQ with epsilon 1 beats MFQ" in page.partition("## Not measured yet")[2]
    duels = (folder / "4b" / "README.md").read_text(encoding="utf-8")
    (again,) = (line for line in duels.splitlines() if "cmfq paper" in line)
    assert again.count("--out") == 1
    rows = json.loads((folder / "bound" / "rows.json").read_text(encoding="utf-8"))
    assert all(0 < row["bound_used"] <= 1 for row in rows.values())
    before = {path: path.stat().st_mtime_ns for path in folder.glob("runs/*/metrics.jsonl")}
    capsys.readouterr()
    assert main(["paper", *wanted, *arguments]) == 0  # nothing is trained or played again
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert main(["paper", *arguments]) == 0
    assert "10 of 10" in capsys.readouterr().out


def test_claims_are_those_of_the_preset_and_say_what_is_missing(tmp_path: Path) -> None:
    """Preset original is for battle alone."""
    found = {preset: write_paper(tmp_path, Effort(preset), "x") for preset in ("paper", "original")}
    figures = {
        preset: {one.claim.measured.figure for one in all_} for preset, all_ in found.items()
    }
    assert figures["paper"] - figures["original"] == {"6", "7", "10", "I"}
    page = (tmp_path / "README.md").read_text(encoding="utf-8")
    missing = page.partition("## Not measured yet")[2]
    hours = status_of(FIGURES["4c"], Effort("original"), tmp_path).core_hours
    assert f"Fig 4c about {hours:.1f}" in missing and "Fig 7" not in missing
    assert "0.0 of these are for runs of the figures above" in missing  # there are none


def test_hours_that_are_missing_are_counted_once(tmp_path: Path) -> None:
    """Fig 4b is made, and its runs are gone: 4c and 4d need 25 of them, and share 15."""
    (tmp_path / "4b").mkdir()
    (tmp_path / "4b" / "README.md").touch()
    effort = Effort()
    checked = [Checked(Claim("x", Wins(name, "a", "b")), "not measured") for name in ("4c", "4d")]
    said = hours_left(tmp_path, effort, checked)
    parts = [status_of(FIGURES[name], effort, tmp_path) for name in ("4b", "4c", "4d")]
    games = sum(one.playing_hours for one in parts[1:])
    assert f"{hours_of_training(parts[1:]) + games:.1f} together" in said
    assert f"{hours_of_training(parts[:1]):.1f} of these are for runs of the figures" in said


def test_a_device_that_is_not_there_trains_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["paper", "5", "--out", str(tmp_path / "paper"), "--quick", "--seeds", "1"]
    assert main([*words, "--device", "cuda:99", "--workers", "1"]) == 2
    assert "cuda:99" in capsys.readouterr().err
    assert not list(tmp_path.rglob("metrics.jsonl"))


def cross_game(first: str, second: str, seed: int, size: int, rewards: tuple[float, float]) -> str:
    return json.dumps(asdict(CrossGame(first, second, seed, size, 0, 25, *rewards)))


def test_rewards_are_compared_in_the_same_seed_against_the_same_others(tmp_path: Path) -> None:
    """Predators of cmfq earn 1 more than mfq in seed 0, 2 in seed 1; scripts do not count."""
    games = [
        cross_game(first, second, seed, size, (base + bonus * (1 + seed) + size / 10, -bonus))
        for seed, base in ((0, 5.0), (1, 50.0))
        for size in (20, 80)
        for first, bonus in (("cmfq", 1.0), ("mfq", 0.0))
        for second in ("cmfq", "mfq")
    ] + [cross_game("mfq", "random (script)", 0, 20, (1000.0, 0.0))]
    for name in ("I", "7"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "games.jsonl.gz").write_bytes(gzip.compress("\n".join(games).encode()))
    claims = (
        Claim("predators", Earns("7", "cmfq", "mfq", 0, size=20)),
        Claim("prey", Earns("I", "cmfq", "mfq", 1)),
        Claim("steadier", Steadier("7", "cmfq", "mfq", 0)),
    )
    predators, prey, steadier = check_claims(claims, Effort(), tmp_path)
    low, high = mean_interval(np.array([1.0, 2.0]))
    assert predators.found == pytest.approx((1.5, low, high))
    assert predators.seeds == 2
    assert prey.found == pytest.approx((0.0, 0.0, 0.0))  # both meet the same predators
    assert steadier.found == pytest.approx((0.0, 0.0, 0.0))  # both earn 6 more in the larger game
    (missing,) = check_claims(claims[:1], Effort(), tmp_path / "elsewhere")
    assert (missing.verdict, missing.found) == ("not measured", None)


def test_rewards_are_compared_against_one_group_and_against_each_other(tmp_path: Path) -> None:
    """As Table I does: each cell has a number of its own, the same in all seeds but for noise."""
    earned = {("a", "a"): 1.0, ("a", "b"): 2.0, ("b", "a"): 4.0, ("b", "b"): 8.0}
    games = [
        cross_game(first, second, seed, 20, (value + noise, -value))
        for (first, second), value in earned.items()
        for seed, noise in ((0, 0.0), (1, 0.5 if first == "b" else 0.0))
    ]
    (tmp_path / "I").mkdir()
    (tmp_path / "I" / "games.jsonl.gz").write_bytes(gzip.compress("\n".join(games).encode()))
    claims = (
        Claim("against a", Earns("I", "b", "a", 0, against="a")),
        Claim("each other", Earns("I", "b", "a", 0, against=EACH_OTHER)),
        Claim("prey of each other", Earns("I", "b", "a", 1, against=EACH_OTHER)),
    )
    found = [one.found for one in check_claims(claims, Effort(), tmp_path) if one.found]
    assert [one.value for one in found] == pytest.approx([3.25, 2.25, 2.0])
    low, high = mean_interval(np.array([2.0, 2.5]))
    assert found[1] == pytest.approx((2.25, low, high))


def test_table_i_has_the_papers_numbers_beside_those_of_the_stored_games() -> None:
    stored = Path("docs/results/paper")
    (table, _) = table_one(stored).parts
    assert isinstance(table, Table) and len(table.rows) == 6
    cells = {(one.first, one.second): one for one in summarise(role_games(stored / "I"))}
    (row,) = (one for one in table.rows if one[:2] == ("cmfq", "mfq"))
    assert (row[2], row[4]) == ("6.68", "−13.05")
    assert row[3].startswith(f"{cells['cmfq', 'mfq'].first_reward:.2f} (")


@pytest.mark.parametrize(("share", "verdict"), [(0.02, "holds"), (0.2, "does not hold")])
def test_what_is_left_out_can_be_neglected_if_it_is_small(
    share: float, verdict: str, tmp_path: Path
) -> None:
    (tmp_path / "bound").mkdir()
    rows = {str(seed): {"gap_share_95": share + seed / 1000} for seed in range(3)}
    (tmp_path / "bound" / "rows.json").write_text(json.dumps(rows))
    (checked,) = check_claims([Claim("x", Neglected("bound"))], Effort(), tmp_path)
    assert (checked.verdict, checked.seeds) == (verdict, 3)
    assert checked.found and checked.found.value == pytest.approx(share + 0.001)


def test_the_summary_counts_each_kind_of_claim_by_itself() -> None:
    checked = [
        Checked(Claim("x", Wins("4b", "a", "b")), "undecided"),
        Checked(Claim("x", Earns("7", "a", "b", 0)), "not measured"),
        Checked(Claim("x", Converges("4a", "a")), "holds"),
        Checked(Claim("x", Bounded("bound")), "holds"),
    ]
    assert summary(checked) == (
        "Of 2 claims of groups with each other 1 is undecided with so few seeds, 1 is not "
        "measured yet. Of 1 claim that training converges 1 holds. Of 1 claim of the approximation "
        "1 holds."
    )
    kinds = {kind for kinds in ABOUT.values() for kind in kinds}
    assert {type(one.measured) for one in CLAIMS} <= kinds


def test_every_preset_has_a_time_of_an_episode_of_its_own() -> None:
    for preset in ("paper", "strong", "original"):
        for figure in figures_called(["all"], preset):
            assert (figure.groups[0].environment, preset) in EPISODE_SECONDS


def test_convergence_is_that_of_a_role_and_of_a_group_whatever_its_runs_are_called(
    tmp_path: Path,
) -> None:
    """Predators gain what prey lose: on average nothing ever moves."""
    figure = tmp_path / "6"
    figure.mkdir()
    names = {f"runs/pursuit-{name}-{seed}": group for name, group in (("x", "mfq"), ("y", "cmfq"))
             for seed in (0, 1)}  # fmt: skip
    runs = {name: [metrics_row(n, n * (1 + int(name[-1]))) for n in range(20)] for name in names}
    write_metrics(figure, runs)
    stored = json.loads(Path("docs/results/paper/6/runs.json").read_text())
    run = next(iter(stored.values()))
    settings = PursuitSettings()
    entrants = [Entrant(name, group, None, (), run) for name, group in names.items()]
    write_origin(figure, entrants, settings, "cmfq paper 6")
    claims = (
        Claim("predators", Converges("6", "mfq", 0)),
        Claim("prey", Converges("6", "mfq", 1)),
        Claim("both", Converges("6", "mfq")),
        Claim("others", Converges("6", "pursuit")),
    )
    predators, prey, both, others = check_claims(claims, Effort(), tmp_path)
    assert predators.found and prey.found and both.found
    assert predators.found.value == pytest.approx(1 / 2)  # rises by 9 of 18
    assert prey.found.value == pytest.approx(-1 / 2)
    assert both.found.value == 0
    assert [one.seeds for one in (predators, prey, both, others)] == [2, 2, 2, 0]


def metrics_row(episode: int, reward: float) -> dict[str, object]:
    rewards = [reward, -reward]
    row = {"episode": episode, "rewards": rewards, "kills": [0, 0], "steps": 500, "loss": 0.1}
    return row | {"playing_seconds": 1.0, "learning_seconds": 1.0}


def test_every_claim_whose_runs_are_stored_is_measured() -> None:
    folder = Path("docs/results/paper")
    here = [one for one in CLAIMS if (folder / one.measured.figure / "README.md").is_file()]
    assert {one.verdict for one in check_claims(here, Effort(), folder)} & {"not measured"} == set()


def test_claims_say_what_is_measured() -> None:
    """A win rate at one size is no change from one size to another."""
    for claim in CLAIMS:
        if isinstance(claim.measured, Wins) and claim.measured.about is None:
            assert re.search(r"\b(beats|wins)\b", claim.says), claim.says


def test_the_stored_page_is_what_the_stored_results_say() -> None:
    folder = Path("docs/results/paper")
    stored = (folder / "README.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^    (cmfq paper .*)$", stored, re.MULTILINE)
    checked = check_claims(CLAIMS, Effort(), folder)
    assert stored == as_markdown(paper_page(folder, Effort(), command, checked))


def test_the_number_of_games_is_known_before_they_are_planned() -> None:
    assert games_needed(FIGURES["4b"], QUICK) == 10 * 4 * 2
    assert games_needed(FIGURES["I"], QUICK) == (9 * 2 + 2 * 3 * 2 + 1) * 2
    assert games_needed(FIGURES["5"], QUICK) == 0
    assert [one.team_sizes for one in worlds_of(FIGURES["7"], Effort()).values()] == [
        (20, 40),
        (80, 160),
        (180, 360),
    ]
