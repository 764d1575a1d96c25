"""Matches between real players in the real game."""

from dataclasses import replace
from pathlib import Path

import pytest

from cmfq.environments.base import TeamSpecification
from cmfq.environments.battle import BattleEnvironment, BattleSettings
from cmfq.environments.sides import are_alike, arrangements, comparison, name_of, seats
from cmfq.environments.signal import SignalEnvironment, SignalSettings
from cmfq.errors import UserError
from cmfq.play.matches import play_match
from cmfq.play.players import load_player
from cmfq.policies import QPolicy
from cmfq.statistics.intervals import wilson_interval
from cmfq.training.checkpoint import save_policies
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import TrainSettings
from fights import watched_game

SMALL = BattleSettings(size=12, max_steps=80)


@pytest.fixture
def checkpoint(tmp_path: Path, tiny: TrainSettings[BattleSettings]) -> Path:
    self_play = SelfPlay(tiny)
    self_play.run_episodes()
    file = tmp_path / "fresh.safetensors"
    policies = {"agent": self_play.sides["agent"].policy}
    save_policies(file, policies, tiny.network, environment=tiny.environment, episode=1)
    return file


def test_the_result_is_the_sum_of_its_games() -> None:
    match = play_match("rush", "random", SMALL, episodes=6, seed=3)
    assert [game.game for game in match.games] == list(range(6))
    assert [game.a_side for game in match.games] == [0, 1, 0, 1, 0, 1]
    assert match.wins == sum(game.a_survivors > game.b_survivors for game in match.games)
    assert match.wins + match.draws + match.losses == 6
    assert match.wins >= 5
    assert match.win_rate == (match.wins + match.draws / 2) / 6
    assert match.interval == wilson_interval(match.wins + match.draws / 2, 6)
    assert match.survivors[0] == sum(game.a_survivors for game in match.games) / 6


def test_a_match_is_split_by_side_and_measured_beside_wins() -> None:
    match = play_match("swarm", "random", SMALL, episodes=5, seed=3)
    assert match.sides is not None
    assert not match.sides.side_decides
    first, second = match.sides.first, match.sides.second
    assert (first.games, second.games) == (3, 2)
    assert first.wins + second.wins == match.wins
    margins = [game.a_survivors - game.b_survivors for game in match.games]
    assert first.margin.value == pytest.approx(sum(margins[::2]) / 3)
    dealt = [game.b_combat.damage_taken for game in match.games if game.b_combat]
    assert match.yardsticks["damage_dealt"].value == pytest.approx(sum(dealt) / 5)
    assert match.yardsticks["log_damage_ratio"].low > 0
    assert match.yardsticks["margin"].value == pytest.approx(sum(margins) / 5)
    assert match.yardsticks["truncated"].value == sum(game.truncated for game in match.games) / 5
    alone = play_match("swarm", "random", SMALL, episodes=1, seed=3)
    assert alone.sides is None


def test_swapping_the_players_swaps_the_result() -> None:
    """Both orders meet on the same sides with the same draws, one game apart."""
    one = play_match("swarm", "rush", BattleSettings(size=64), episodes=4, seed=0)
    other = play_match("rush", "swarm", BattleSettings(size=64), episodes=4, seed=0)
    assert one.wins == other.losses == 4


def test_a_draw_counts_half_and_all_games_can_be_drawn() -> None:
    still = replace(SMALL, max_steps=1)  # nobody can die in one step
    match = play_match("random", "random", still, episodes=4, seed=0)
    assert (match.wins, match.draws, match.losses) == (0, 4, 0)
    assert match.win_rate == 0.5


def test_the_number_of_workers_changes_nothing(checkpoint: Path) -> None:
    alone = play_match(str(checkpoint), "rush", SMALL, episodes=5, seed=1)
    together = play_match(str(checkpoint), "rush", SMALL, episodes=5, seed=1, workers=2)
    assert alone == together
    assert play_match(str(checkpoint), "rush", SMALL, episodes=5, seed=2).games != alone.games


def test_one_game_of_a_match_can_be_played_again(checkpoint: Path) -> None:
    match = play_match(str(checkpoint), "rush", SMALL, episodes=4, seed=1)
    again, recorder = watched_game(str(checkpoint), "rush", SMALL, seed=1, game=3)
    assert again == match.games[3]
    assert len(recorder.frames) == again.steps


@pytest.mark.filterwarnings("ignore::cmfq.notices.Notice")  # on maps it was not trained on
def test_a_policy_plays_at_any_size(checkpoint: Path) -> None:
    for size in (12, 81, 400):
        settings = BattleSettings(size=size, max_steps=5)
        assert (
            play_match(str(checkpoint), "rush", settings, episodes=2, seed=0).settings.size == size
        )


def test_players_that_are_not_there(checkpoint: Path) -> None:
    battle, signal = "battle", "signal"
    (team, _) = BattleEnvironment(SMALL).teams
    with pytest.raises(UserError, match="no player 'rusch'"):
        load_player("rusch", battle, [team])
    with pytest.raises(UserError, match="games is 0"):
        play_match("rush", "rush", SMALL, episodes=0, seed=0)
    assert isinstance(load_player(str(checkpoint), battle, [team])["agent"], QPolicy)
    with pytest.raises(UserError, match="trained with channels"):
        load_player(str(checkpoint), battle, [replace(team, channels=("other",))])
    with pytest.raises(UserError, match="was trained on battle: it cannot play signal"):
        load_player(str(checkpoint), signal, SignalEnvironment(SignalSettings()).teams)
    with pytest.raises(UserError, match="'rush' plays battle, not signal"):
        load_player("rush", signal, SignalEnvironment(SignalSettings()).teams)


def test_one_team_is_played_alone_in_the_same_episodes() -> None:
    """No one wins, each earns; equal players earn equally, since all draws are the same."""
    match = play_match("random", "random", SignalSettings(), episodes=4, seed=0)
    assert not match.symmetric
    assert match.win_rate is None
    assert match.sides is None
    assert match.yardsticks == {}
    assert match.episodes == 4
    ours, theirs = match.games[:4], match.games[4:]
    assert [game.game for game in ours] == [game.game for game in theirs] == [0, 1, 2, 3]
    assert [game.a_reward for game in ours] == [game.b_reward for game in theirs]
    assert len({game.a_reward for game in ours}) > 1
    one, other = match.rewards
    assert one.mean == other.mean == pytest.approx(sum(game.a_reward for game in ours) / 4)
    assert one.interval[0] < one.mean < one.interval[1]
    assert match.difference == (0, 0, 0)


def team(role: str) -> TeamSpecification:
    return TeamSpecification(role, (0, 0), (), ("x",), ("a",), 1.0, role)


def test_teams_of_a_role_are_opponents_two_by_two() -> None:
    melee, ranged = team("melee"), team("ranged")
    assert seats([melee, ranged]) == ([0], [1])
    assert seats([melee]) == ([0], [])
    assert seats([melee, ranged, melee, ranged]) == ([0, 1], [2, 3])
    assert seats([melee] * 4) == ([0, 2], [1, 3])
    assert are_alike([melee] * 4)
    assert not are_alike([melee, ranged])
    assert not are_alike([melee])


def test_of_other_teams_each_role_is_played_against_all_others_in_turn() -> None:
    melee, ranged, scout = team("melee"), team("ranged"), team("scout")
    assert arrangements([melee, ranged, ranged]) == [([0], [1, 2]), ([1, 2], [0])]
    three = [melee, ranged, scout]
    assert arrangements(three) == [([0], [1, 2]), ([1], [0, 2]), ([2], [0, 1])]
    assert [seats(three, game).first for game in range(7)] == [[0], [0], [1], [1], [2], [2], [0]]
    assert arrangements([melee] * 3) == [([0], [1, 2]), ([1], [0, 2]), ([2], [0, 1])]
    assert not are_alike(three) and not are_alike([melee] * 3)
    assert name_of([0, 2], three) == "melee and scout"
    assert name_of([0, 2], [melee] * 3) == "2 of 3 teams"
    assert "one player has a role, the other all other roles" in comparison(three)
    assert "one player has a team, the other all others" in comparison([melee] * 3)
