"""Names of players and environments: scripts and the package's own come before files."""

from pathlib import Path

import pytest

import cmfq
from cmfq.errors import UserError
from cmfq.play.players import game_named, game_of


def test_a_folder_called_as_a_script_or_an_environment_hides_neither(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("rush", "random", "pursuit"):
        (tmp_path / name).mkdir()
    assert game_of(["rush", "random"]).kind == "battle"
    assert game_named("pursuit").kind == "pursuit"
    with pytest.raises(UserError, match="rush has no checkpoints"):
        game_of(["./rush"])


def test_a_game_that_lacks_its_second_player_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="there are 2 teams: give two players"):
        cmfq.record("rush", file=tmp_path / "a.replay")
