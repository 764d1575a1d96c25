"""Every page that is written can be read by everybody: on any screen, by keyboard, in print."""

import json
import shutil
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from browser import AXE, named, violations, wait_until_drawn, wait_until_ready, watched
from cmfq.cli import main
from cmfq.cli.watching import LiveRun
from cmfq.decoding import read_maybe_packed
from cmfq.experiments.paper.page import write_paper
from cmfq.experiments.paper.plan import Effort
from cmfq.play.crossing import CrossGame
from cmfq.recordings.page import write_page as write_viewer
from cmfq.recordings.server import make_server, url_of
from cmfq.results.crossing import crossing_page
from cmfq.results.writing import write_page
from cmfq.training.description import read_settings
from studies import signal_report
from studies.reliance import report as reliance_report

OLD = Path(__file__).parents[1] / "old_files"
STORED = Path(__file__).parents[2] / "docs" / "results"
DESKTOP = (1280, 800)
SCREENS = ((*DESKTOP, "light"), (390, 844, "dark"))
"""Each width and each scheme once: colours do not depend on the width."""
PAPER_WIDTH = 718
"""Pixels of A4 between the margins of a browser."""


def command(*words: str) -> Callable[[Path], Path]:
    """A command that writes a results folder from stored games."""

    def write(folder: Path) -> Path:
        assert main([*words, "--out", str(folder / "out")]) == 0
        return folder / "out" / "index.html"

    return write


def report(folder: Path) -> Path:
    words = ["report", str(OLD / "run"), "--against", "random", "rush", "--games", "2"]
    assert main([*words, "--workers", "1", "--out", str(folder / "report.html")]) == 0
    return folder / "report.html"


def crossing(folder: Path) -> Path:
    lines = read_maybe_packed(STORED / "paper" / "7" / "games.jsonl.gz").splitlines()
    games = [CrossGame(**json.loads(line)) for line in lines]
    run = next(iter(json.loads((STORED / "paper" / "7" / "runs.json").read_text()).values()))
    settings = read_settings(run["environment"], run["settings"]).environment
    write_page(folder / "page.html", crossing_page(games, settings))
    return folder / "page.html"


def paper(folder: Path) -> Path:
    write_paper(folder, Effort(), "cmfq paper all")
    return folder / "index.html"


def signal(folder: Path) -> Path:
    stored = STORED / "signal"
    described = signal_report.page_of(stored, signal_report.read_rows(stored))
    write_page(folder / "page.html", described)
    return folder / "page.html"


def reliance(folder: Path) -> Path:
    stored = STORED / "reliance"
    described = reliance_report.page_of(stored, reliance_report.read_all(stored))
    write_page(folder / "page.html", described)
    return folder / "page.html"


def viewer(folder: Path) -> Path:
    write_viewer(named(OLD / "cmfq.replay", OLD / "attention.replay"), folder / "page.html")
    return folder / "page.html"


PAGES: dict[str, Callable[[Path], Path]] = {
    "report": report,
    "tournament": command("tournament", "--log", str(OLD / "tournament.json.gz")),
    "progress": command("progress", "--log", str(OLD / "progress.json.gz")),
    "cross": crossing,
    "sweep": command(
        "sweep", f"{STORED}/study64/plan.toml", "--log", f"{STORED}/study64/games.json.gz"
    ),
    "sizes": command(
        "sizes", *(str(STORED / "sizes" / f"tournament-{size}.json.gz") for size in (64, 100, 400))
    ),
    "paper": paper,
    "signal": signal,
    "reliance": reliance,
    "replay": viewer,
}


def check(page: Page) -> None:
    """All that holds for every page; it is loaded."""
    page.evaluate(AXE)
    for width, height, scheme in SCREENS:
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore
        wait_until_drawn(page)
        assert violations(page) == [], scheme
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("document.getAnimations().length") == 0
    check_keyboard(page)


def check_keyboard(page: Page) -> None:
    """Tab comes to all that can be used, and shows where it is."""
    within = sum(frame.evaluate(WATCH_FOCUS) for frame in page.frames[1:])
    usable = page.evaluate(WATCH_FOCUS)
    for _ in range(usable + within + 5):
        page.keyboard.press("Tab")
    seen = page.evaluate("window.focused")
    assert {one["number"] for one in seen} >= set(range(usable))
    assert [one for one in seen if not one["shown"]] == []


WATCH_FOCUS = """() => {
  const kinds = 'a[href], button, input, select, summary, iframe, [tabindex="0"]';
  const usable = [...document.querySelectorAll(kinds)].filter((one) => one.checkVisibility()
    && !one.disabled && one.tabIndex >= 0);
  usable.forEach((one, number) => { one.dataset.number = number; });
  window.focused = [];
  const note = (one) => window.focused.push({
    number: Number(one.dataset.number ?? -1), html: one.outerHTML.slice(0, 100),
    shown: one.tagName === 'IFRAME' || getComputedStyle(one).outlineStyle !== 'none',
  });
  addEventListener('focusin', (event) => note(event.target));
  addEventListener('blur', () => document.activeElement.tagName === 'IFRAME'
    && note(document.activeElement));
  document.activeElement.blur();
  return usable.length;
}"""


@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_read_by_everybody(browser: Browser, tmp_path: Path, name: str) -> None:
    written = PAGES[name](tmp_path)
    with watched(browser, DESKTOP) as page:
        page.goto(written.as_uri())
        for frame in page.frames:  # a report has the page of its game in a frame
            if frame.locator("#loading").count():
                wait_until_ready(frame)
        check(page)
        check_print(page)


def test_the_page_of_a_run_that_trains_can_be_read_by_everybody(
    browser: Browser, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(OLD / "run", run)
    (run / "replays").mkdir()
    shutil.copy(OLD / "cmfq.replay", run / "replays" / "000002.replay")
    with ExitStack() as stack:
        server = stack.enter_context(make_server(LiveRun(run)))
        page = stack.enter_context(watched(browser, DESKTOP))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        stack.callback(server.shutdown)
        page.goto(url_of(server))
        page.wait_for_selector("text=All 2 episodes are trained.")
        page.wait_for_selector(".curves figure >> nth=2")
        wait_until_ready(page)
        check(page)
        check_print(page)


def check_print(page: Page) -> None:
    """Dark text on white, also where the screen is dark; nothing is cut at the paper's edge."""
    page.set_viewport_size({"width": PAPER_WIDTH, "height": 1000})
    page.emulate_media(media="print", color_scheme="dark")
    wait_until_drawn(page)
    assert page.evaluate(CUT) == []
    text, background = page.evaluate(
        "[getComputedStyle(document.querySelector('h1')).color,"
        " getComputedStyle(document.body).backgroundColor]"
    )
    assert brightness(text) < 0.4
    assert background == CLEAR or brightness(background) > 0.9


CLEAR = "rgba(0, 0, 0, 0)"
CUT = """() => [...document.querySelectorAll('body, body *')].filter((one) => {
  const style = getComputedStyle(one);
  if (!one.checkVisibility() || style.clipPath !== 'none' || one.closest('svg')) return false;
  const scrolls = one.tagName !== 'IFRAME' && style.overflowX !== 'visible';
  return scrolls && one.scrollWidth > one.clientWidth + 1
    || one.getBoundingClientRect().right > innerWidth + 1;
}).map((one) => one.outerHTML.slice(0, 120))"""


def brightness(colour: str) -> float:
    """Of a CSS colour, 0 to 1."""
    numbers = [float(part) for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    return sum(numbers) / 3 / 255
