"""A page is described once: Markdown and HTML say the same, on screens of any size."""

import re
import shutil
from functools import partial
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from markdown_it import MarkdownIt
from matplotlib.figure import Figure
from playwright.sync_api import Browser
from rich.console import Console

from browser import DESKTOP, PHONE, watched
from cmfq.cli.screen import print_page
from cmfq.errors import UserError
from cmfq.play.outcomes import estimate
from cmfq.results.page import Code, Embedded, Finding, Items, Page, Part, Picture, Section, Tone
from cmfq.results.table import Share, Table, conclusion, within
from cmfq.results.writing import as_html, as_markdown, write_folder, write_page
from cmfq.statistics.replication import Estimate
from cmfq.storage import validate_results_folder
from cmfq.text import Strong, markdown_text

HOSTILE = "a|b <script>alert(1)</script> *x* `y` [z](http://evil)"
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text()


def figure() -> Figure:
    drawn = Figure(figsize=(9, 3))
    drawn.subplots().plot([0, 1], [1, 0])
    return drawn


VERDICTS: tuple[Tone, ...] = ("good", "bad", "unknown")


def page(*parts: Part) -> Page:
    columns = ("group", *(f"v {HOSTILE} {number}" for number in range(9)))
    share = Share(Estimate(0.6, 0.4, 0.8))
    table = Table(columns, [(HOSTILE, Strong("7"), share, *map(str, range(7)))], "Wide")
    return Page(
        f"Results: {HOSTILE}",
        (
            Section("", (f"Played by {markdown_text(HOSTILE)}, *as* `it` is.",)),
            Section(
                "Found", (Finding(f"{HOSTILE} wins."), table, Picture("line", figure, "A line"))
            ),
            Section("Nothing", ()),
            Section(
                "What is told?",
                (
                    *(Finding(f"{HOSTILE} is.", verdict) for verdict in VERDICTS),
                    Embedded("<!doctype html><title>x</title><p>Within", f"A frame of {HOSTILE}"),
                    "[Back](#what-is-told)",
                ),
            ),
            Section("More", (Items(["one", f"two {markdown_text(HOSTILE)}"]), *parts)),
        ),
        (Code("cmfq again --out here"),),
    )


def test_a_folder_has_markdown_html_and_every_figure(tmp_path: Path) -> None:
    described = page(Code("a = 1\nb = 2", "toml"))
    write_folder(tmp_path / "new" / "out", described)
    there = {file.name: file.read_bytes() for file in (tmp_path / "new" / "out").iterdir()}
    assert there.keys() == {"README.md", "index.html", "line.svg", "line.png"}
    text = there["README.md"].decode()
    assert text == as_markdown(described)
    assert "![A line](line.svg)" in text
    assert "\n    cmfq again --out here\n" in text
    assert "```toml\na = 1\nb = 2\n```" in text
    assert "Nothing" not in text
    assert "60.0% (40 to 80\N{NO-BREAK SPACE}%)" in text
    assert "**Bad: " in text
    assert "Within" not in text
    assert text.index("## More") < text.index("## To reproduce this page")
    write_folder(tmp_path / "new" / "out", described)
    assert {file.name: file.read_bytes() for file in (tmp_path / "new" / "out").iterdir()} == there


def test_names_are_text_in_markdown_and_html() -> None:
    described = page()
    rendered = MarkdownIt("commonmark").enable("table").render(as_markdown(described))
    html = as_html(described, {"line": figure()})
    for written in (rendered, html):
        assert "<script" not in written
        assert "<em>x</em>" not in written
        assert 'href="http' not in written
        assert written.count("a|b &lt;script&gt;alert(1)&lt;/script&gt; *x* `y`") >= 14
        assert "<strong>7</strong>" in written
        assert "<em>as</em> <code>it</code> is" in written


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_the_page_fits_the_screen_and_needs_nothing_else(
    browser: Browser, tmp_path: Path, size: tuple[int, int], scheme: str
) -> None:
    write_page(tmp_path / "page.html", page())
    with watched(browser, size, scheme) as seen:
        asked: list[str] = []
        seen.on("request", lambda request: asked.append(request.url))
        seen.goto((tmp_path / "page.html").as_uri())
        assert asked == [(tmp_path / "page.html").as_uri()]
        assert seen.evaluate("document.documentElement.scrollWidth") == size[0]
        boxes = ".scroll"
        assert seen.eval_on_selector_all(
            boxes, "all => all.map(one => one.scrollWidth > one.clientWidth)"
        ) == [True, size == PHONE]
        dark = seen.evaluate("getComputedStyle(document.body).backgroundColor") != (
            "rgb(255, 255, 255)"
        )
        assert dark == (scheme == "dark")
        assert seen.frame_locator("iframe").locator("p").inner_text() == "Within"
        labels = seen.locator(".good b, .bad b, .unknown b").all_inner_texts()
        assert [one.strip() for one in labels] == ["Good:", "Bad:", "Uncertain:"]
        seen.locator("a").click()
        assert seen.locator(":target").inner_text() == "What is told?"
        bar, low = (seen.locator(one).bounding_box() for one in (".bar", ".bar i"))
        assert bar and low
        assert low["x"] - bar["x"] == pytest.approx(0.4 * bar["width"], abs=1)
        assert low["width"] == pytest.approx(0.4 * bar["width"], abs=1)
        seen.add_script_tag(content=AXE)
        assert seen.evaluate("axe.run({ iframes: false }).then(all => all.violations)") == []


def test_tables_are_wider_than_the_text_where_there_is_room(
    browser: Browser, tmp_path: Path
) -> None:
    cells = ("50.0% (24 to 85 %)",) * 6
    table = Table(("A v B", *(f"number {n}" for n in range(6))), [("one v another one", *cells)])
    small = Table(("A", "B"), [("a", "b")])
    write_page(tmp_path / "page.html", Page("Results", (Section("", (table, small)),), ()))
    with watched(browser, DESKTOP, "light") as seen:
        seen.goto((tmp_path / "page.html").as_uri())
        wide, narrow = seen.locator(".cells").all()
        assert wide.evaluate("one => one.scrollWidth <= one.clientWidth")
        boxes = [one.bounding_box() for one in (seen.locator("h1"), wide, narrow)]
        text, out, inside = (box for box in boxes if box)
        assert out["width"] > text["width"] == inside["width"]
        middles = [box["x"] + box["width"] / 2 for box in (text, out, inside)]
        assert middles == pytest.approx([middles[0]] * 3, abs=1)


def test_terminals_show_findings_and_tables_with_a_title(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shown = Table(("a", "b"), [("x", "1")], "Shown")
    hidden = Table(("a", "b"), [("not shown", "1")])
    parts = (Finding("x wins."), shown, hidden, "A paragraph.", Picture("p", figure, "Drawn"))
    print_page(Page("t", (Section("s", parts),), ()), Path("out"))
    said = capsys.readouterr().out
    assert said.startswith("x wins.")
    assert "Shown" in said and "not shown" not in said and "paragraph" not in said
    assert said.endswith("results: out/README.md\n")


def test_a_terminal_shows_what_fits_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = partial(
        Console, force_terminal=True, width=80, height=24, markup=False, highlight=False
    )
    monkeypatch.setattr("cmfq.cli.screen.new_console", screen)
    parts: list[Finding | Table] = []
    for rows in (30, 8, 12, 1):
        table = Table(("a", "b"), [(f"x{rows}", "1")] * rows, f"Of {rows}, 95 % intervals")
        parts += [Finding(f"{rows} win."), table]
    sections = Section("s", parts), Section("more", (Finding("And more."),))
    print_page(Page("t", sections, ()))
    said = capsys.readouterr().out
    assert len(said.splitlines()) < 24
    assert [n for n in (30, 8, 12, 1) if f"x{n} " in said] == [8]
    assert re.findall(r"(\d+) win", said) == ["30", "8", "12", "1"], "tables may lack, not findings"
    assert "And more." in said
    assert said.endswith("give --out FOLDER to see the rest: Of 30; Of 12; Of 1\n")
    print_page(Page("t", sections, ()), html=Path("report.html"))
    assert "more in the report: Of 30; Of 12; Of 1\n" in capsys.readouterr().out
    print_page(Page("t", (Section("s", parts[2:4]),), ()))
    assert "rest" not in capsys.readouterr().out


def test_a_narrow_terminal_shows_the_first_columns_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = partial(
        Console, force_terminal=True, width=50, height=24, markup=False, highlight=False
    )
    monkeypatch.setattr("cmfq.cli.screen.new_console", screen)
    row = tuple(f"{name} is twelve" for name in "abcd")
    print_page(Page("t", (Section("s", (Table(("a", "b", "c", "d"), [row], "Wide"),)),), ()))
    said = capsys.readouterr().out
    assert "a is twelve" in said and "b is twelve" in said and "c is twelve" in said
    assert "give --out FOLDER to see the rest: Wide (d)" in said


def test_a_page_of_ones_own_is_not_written_over(tmp_path: Path) -> None:
    write_folder(tmp_path / "ours", page())
    validate_results_folder(tmp_path / "ours", "Results: ")
    with pytest.raises(UserError, match=r"README\.md is not a page of such results"):
        validate_results_folder(tmp_path / "ours", "Others")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "index.html").write_text("<!doctype html><title>mine</title>")
    with pytest.raises(UserError, match=r"index\.html is not a page of such results"):
        validate_results_folder(tmp_path / "site", "Results: ")
    shutil.rmtree(tmp_path / "site")
    validate_results_folder(tmp_path / "site", "Results: ")


def test_a_conclusion_says_who_is_better_as_far_as_intervals_tell() -> None:
    better, worse, open_ = Estimate(0.8, 0.6, 0.9), Estimate(0.2, 0.1, 0.4), Estimate(0.6, 0.4, 0.7)
    assert conclusion({}) == ""
    assert conclusion({("a", "b"): better}) == "a beats b."
    assert conclusion({("a", "b"): worse}) == "b beats a."
    assert conclusion({("a", "b"): open_}) == "a and b cannot be told apart."
    assert conclusion({("a", "b"): open_, ("a", "c"): open_}) == (
        "None of these pairs can be told apart."
    )
    pairs = {("a", "b"): better, ("a", "c"): better, ("d", "a"): better, ("b", "c"): open_}
    assert conclusion(pairs) == "a beats b and c; d beats a; b and c cannot be told apart."
    assert conclusion(pairs | {("b", "d"): open_}).endswith(
        "; the other 2 pairs cannot be told apart."
    )
    nothing = Estimate(0.9, float("nan"), float("nan"))
    assert conclusion({("a", "b"): nothing}) == "a and b cannot be told apart."
    assert conclusion({("a", "b"): Estimate(2, 1, 3)}, 0, "earns more than") == (
        "a earns more than b."
    )


def test_a_conclusion_is_silent_about_values_that_are_all_equal_or_too_few() -> None:
    equal = estimate(np.full((2, 2), 64.0), share=False)
    assert equal.alike and not equal.leaves_out(0)
    said = conclusion({("a", "b"): equal}, 0, "is ahead of")
    assert said == "a and b cannot be told apart."
    rounding = Estimate(5.6e-17, 5.5e-17, 5.7e-17)
    assert conclusion({("a", "b"): rounding}, 0) == "a and b cannot be told apart."
    open_, endless = Estimate(0.6, -0.4, 0.7), Estimate(2.0, -np.inf, np.inf)
    assert conclusion({("a", "b"): endless}, 0) == "Unknown for a and b: too few games."
    assert conclusion({("a", "b"): open_, ("a", "c"): endless}, 0, lacking="one run") == (
        "a and b cannot be told apart; unknown for a and c: one run."
    )
    assert within(conclusion({("a", "b"): endless}, 0)) == "unknown for a and b: too few games"
