"""Files sent home: whole, in order, by one worker alone, and fetched again to go on."""

from pathlib import Path

import pytest

from cmfq.errors import UserError
from cmfq.workers import sending
from cmfq.workers.sending import HomeFolder, folder_at_home, working_for


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HomeFolder:
    monkeypatch.setattr(sending, "PIECE", 10)
    return HomeFolder(tmp_path / "home", may_share=False)


def test_who_sees_the_disk_writes_there(tmp_path: Path) -> None:
    home = HomeFolder(tmp_path / "home")
    for chosen in (home, None):
        with working_for(chosen), folder_at_home(tmp_path / "home", "a") as (path, written):
            assert path == tmp_path / "home" / "a"
            written()
    home.close()
    assert not list((tmp_path / "home").iterdir())


def test_what_is_written_is_at_home_at_once_and_is_fetched_again(
    home: HomeFolder, tmp_path: Path
) -> None:
    there = tmp_path / "home" / "a"
    with working_for(home), folder_at_home(tmp_path / "home", "a") as (path, written):
        path.mkdir(exist_ok=True)
        (path / "checkpoints").mkdir()
        (path / "checkpoints" / "1").write_bytes(bytes(range(35)))
        (path / "metrics.jsonl").write_text('{"episode": 1}\n')
        (path / "empty").touch()
        (path / "events.x").touch()
        written()
        assert (there / "checkpoints" / "1").read_bytes() == bytes(range(35))
        with (path / "metrics.jsonl").open("a") as file:
            file.write('{"episode": 2}\n')
        (path / "checkpoints" / "1").unlink()
        written()
        assert (there / "metrics.jsonl").read_text() == '{"episode": 1}\n{"episode": 2}\n'
        assert not (there / "checkpoints" / "1").exists()
        assert (there / "empty").exists()
    with working_for(home), folder_at_home(tmp_path / "home", "a") as (path, _):
        assert (path / "metrics.jsonl").read_text() == '{"episode": 1}\n{"episode": 2}\n'
        (path / "metrics.jsonl").write_text('{"episode": 1}\n')
    assert (there / "metrics.jsonl").read_text() == '{"episode": 1}\n', "sent at the end"
    assert {file.name for file in there.iterdir()} == {
        "checkpoints", "metrics.jsonl", "empty", ".lock"
    }  # fmt: skip


def test_what_was_saved_before_an_error_is_sent(home: HomeFolder, tmp_path: Path) -> None:
    with (
        working_for(home),
        pytest.raises(UserError, match="no such opponent"),
        folder_at_home(tmp_path / "home", "a") as (path, _),
    ):
        path.mkdir(exist_ok=True)
        (path / "state.safetensors").write_bytes(b"saved")
        raise UserError("no such opponent")
    assert (tmp_path / "home" / "a" / "state.safetensors").read_bytes() == b"saved"
    home.begin("a")


def test_the_state_is_sent_after_what_it_counts(home: HomeFolder, tmp_path: Path) -> None:
    order: list[str] = []

    class Noting(HomeFolder):
        def write(self, name: str, turn: int, file: str, *rest: object) -> None:
            order.append(file)
            super().write(name, turn, file, *rest)  # type: ignore[arg-type]

    noting = Noting(tmp_path / "noting", may_share=False)
    with working_for(noting), folder_at_home(tmp_path / "noting", "a") as (path, _):
        path.mkdir(exist_ok=True)
        for name in ("state.safetensors", "metrics.jsonl", "run.json"):
            (path / name).touch()
    assert order == ["metrics.jsonl", "run.json", "state.safetensors"]


def test_a_worker_that_was_given_up_writes_no_more(home: HomeFolder, tmp_path: Path) -> None:
    """As where a node comes back after others went on with its runs."""
    with (
        working_for(home),
        pytest.raises(UserError, match="another worker continues a"),
        folder_at_home(tmp_path / "home", "a") as (path, written),
    ):
        path.mkdir(exist_ok=True)
        home.begin("a")
        (path / "late").touch()
        written()
    assert not (tmp_path / "home" / "a" / "late").exists()


def test_a_folder_that_another_program_uses_is_refused(home: HomeFolder, tmp_path: Path) -> None:
    other = HomeFolder(tmp_path / "home")
    other.begin("a")
    with pytest.raises(UserError, match="in use by another run"):
        home.begin("a")
    other.close()
    home.begin("a")


def test_a_piece_that_is_cut_short_changes_nothing(home: HomeFolder, tmp_path: Path) -> None:
    turn = home.begin("a")
    home.write("a", turn, "state.safetensors", 0, b"old", 3)
    home.write("a", turn, "state.safetensors", 0, b"new, but the node", 99)
    assert (tmp_path / "home/a/state.safetensors").read_bytes() == b"old"
    assert home.files("a") == {"state.safetensors": 3}
