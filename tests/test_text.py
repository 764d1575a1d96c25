"""Names are text, whatever characters they have, wherever they are written."""

import csv
import io
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from cmfq.cli.screen import ScreenTable, new_console, print_table
from cmfq.errors import UserError
from cmfq.results.style import save_figure
from cmfq.results.table import Table
from cmfq.text import (
    Strong,
    code_block,
    code_line,
    counted,
    csv_text,
    inline_code,
    markdown_text,
    plain_text,
    say,
)

NAMES = [
    "[small]", "[/x]", "[bold red]x[/]", ":smile:", "a|b", "`a`", "*a*", "_a_", "<b>a</b>", "$x$",
    "\x1b[31mred", "a\nb", "a\rb", "\x07", "\u202eabc", "\udc80", "=1+1", "@cmd", "+1", "-x",
    "\t=1", "&lt;", "\\", r"$\foo{$", "naïve ε", "x_y",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_table_on_the_terminal_shows_names_as_they_are(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_table(Table((name, "b"), [(name, "1")], name))
    screen = ScreenTable(name)
    screen.add_column(plain_text(name))  # a line break of a heading is one
    screen.add_row(name)
    new_console().print(screen)
    said = capsys.readouterr().out
    assert said.count(plain_text(name)) == 6
    assert not any(ord(one) < 32 and one != "\n" for one in said)


@pytest.mark.parametrize("name", NAMES)
def test_a_line_is_one_line_that_only_shows(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    say(f"playing {name}")
    said = capsys.readouterr().out
    assert said.isprintable() or said[:-1].isprintable()
    assert said.count("\n") == 1
    said.encode()
    assert str(UserError(f"{name} is wrong")) == plain_text(f"{name} is wrong")


def test_what_cannot_be_seen_is_a_code() -> None:
    assert plain_text("\x1b[31m\n\u202e\udc80") == r"\x1b[31m\n\u202e\udc80"
    assert plain_text("ε → \N{NO-BREAK SPACE}–") == "ε → \N{NO-BREAK SPACE}–"


def test_markdown() -> None:
    assert Table(("a|b", "x"), [("*a*", "<b>"), ("[a](b)", "`")]).markdown() == (
        "| a\\|b | x |\n| --- | ---: |\n| \\*a\\* | \\<b> |\n| \\[a\\](b) | \\` |\n"
    )
    assert markdown_text(Strong("1 (*)")) == "**1 (\\*)**"
    assert markdown_text("_a_ x_y &lt; a < b $") == "\\_a\\_ x_y \\&lt; a < b \\$"
    assert "\n" not in markdown_text("a\n\n# b")
    assert code_line("a\nb") == "    a\\nb\n"
    assert inline_code("a`b") == "`` a`b ``"
    assert code_block("a = 1\n```\n<b>", "toml") == "````toml\na = 1\n```\n<b>\n````\n"


def test_no_cell_of_csv_is_a_formula() -> None:
    text = csv_text([["name", "value"], *((name, -1.5) for name in NAMES), ["x", "-0.2500"]])
    rows = list(csv.reader(io.StringIO(text)))
    assert len(rows) == len(NAMES) + 2
    for row in rows[1:-1]:
        assert not row[0].startswith(("=", "+x", "-x", "@", "\t"))
        assert row[1] == "-1.5"
    assert rows[-1] == ["x", "-0.2500"]


def test_no_name_in_a_figure_is_a_formula(tmp_path: Path) -> None:
    figure = Figure()
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], label=r"$\foo{$")
    axes.set_title(r"a $\foo{$ b")
    axes.set_xticks([0, 1], [r"$\foo{$", "$x$"])
    axes.legend()
    save_figure(figure, tmp_path, "x")
    assert (tmp_path / "x.svg").read_text().count(r"\foo{") >= 3


def test_one_thing_is_not_several() -> None:
    assert (counted(1, "seed"), counted(0, "seed")) == ("1 seed", "0 seeds")
    assert counted(2000, "policy", "policies") == "2,000 policies"
