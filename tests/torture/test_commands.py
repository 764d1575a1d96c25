"""Bad command lines that name files and runs, all of them."""

from pathlib import Path

from commands import COMMANDS, check_commands


def test_bad_command_lines_are_one_sentence_each_and_change_nothing(tmp_path: Path) -> None:
    assert list(check_commands(tmp_path)) == [""] * len(COMMANDS)
