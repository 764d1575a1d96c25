"""``cmfq watch``: the newest game and the curves of a run, and nothing left behind."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import sync_playwright

from browser import DESKTOP, PHONE, launch, watched
from cmfq.cli import main
from cmfq.cli.watching import LiveRun
from cmfq.recordings.server import make_server, url_of

LIMIT = 120.0


AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two episodes, each with a game."""
    path = tmp_path_factory.mktemp("runs") / "watched"
    options = "--size 12 --max-steps 4 --episodes 2 --record-period 1 --evaluate-period 1"
    assert (
        main(["train", "battle", *options.split(), "--evaluate-games", "1", "--run", str(path)])
        == 0
    )
    yield path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def test_status_tells_of_the_run(run: Path) -> None:
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    status = LiveRun(run).status()
    assert (status["episode"], status["episodes"]) == (2, 2)
    assert status["newest"] == "000002.replay"
    curves = {curve["title"]: curve for curve in status["curves"]}
    assert curves["Reward"]["names"] == ["red", "blue"]
    assert curves["Reward"]["lines"] == [
        pytest.approx([row["rewards"][team] for row in rows], abs=1e-4) for team in (0, 1)
    ]
    assert len(curves["Win rate"]["lines"][0]) == 2


def test_a_game_in_the_writing_is_passed_over(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    (copy / "replays" / "000009.replay").write_bytes(b"CMFQPLAY")
    live = LiveRun(copy)
    assert live.status()["newest"] == "000002.replay"
    game = live.get("replays/0")
    assert game and game.content == (run / "replays" / "000002.replay").read_bytes()
    assert live.get("elsewhere") is None


def test_the_page_moves_on_to_the_newest_game(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    with (
        make_server(LiveRun(copy)) as server,
        sync_playwright() as playwright,
        watched(launch(playwright)) as page,
    ):
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page.goto(url_of(server))
        page.wait_for_selector("text=All 2 episodes are trained.")
        page.wait_for_selector(".curves figure >> nth=2")
        assert "000002.replay" in page.inner_text("h1")
        page.set_viewport_size({"width": 1280, "height": 800})
        for shows_curves in (True, False):  # either way, all actions are on the screen
            assert page.locator(".curves").is_visible() is shows_curves
            page.wait_for_function(
                """() => [...document.querySelectorAll(".acts .scroll")].every(
                    (box) => box.scrollHeight > 0 && box.scrollHeight <= box.clientHeight)"""
            )
            page.click("#live summary")
        shutil.copy(copy / "replays" / "000001.replay", copy / "replays" / "000003.replay")
        page.wait_for_function("() => document.querySelector('h1').innerText.includes('000003')")
        page.wait_for_selector("#views[data-ready]")
        page.click("#forward")  # from now on somebody is watching this game
        shutil.copy(copy / "replays" / "000001.replay", copy / "replays" / "000004.replay")
        page.wait_for_selector("#newest:not([hidden])")
        assert "000003.replay" in page.inner_text("h1")
        page.click("#newest")
        page.wait_for_function("() => document.querySelector('h1').innerText.includes('000004')")
        server.shutdown()


def test_a_damaged_file_of_the_run_is_said_until_it_is_mended(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(run, copy)
    metrics = copy / "metrics.jsonl"
    whole = metrics.read_bytes()
    with make_server(LiveRun(copy)) as server, sync_playwright() as playwright:
        page = launch(playwright).new_page()  # the browser's console tells of the answer too
        page.set_default_timeout(1000 * LIMIT)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page.goto(url_of(server))
        page.wait_for_selector("text=All 2 episodes are trained.")
        metrics.write_bytes(whole[:-40] + b"\n")
        page.wait_for_selector("#live [role=status]:has-text('metrics.jsonl')")
        metrics.write_bytes(whole)
        page.wait_for_selector("text=All 2 episodes are trained.")
        server.shutdown()


def test_the_report_shows_its_game_and_is_accessible(run: Path, tmp_path: Path) -> None:
    """One file, without a server: in light and dark, at the width of a desk and of a phone."""
    out = tmp_path / "report.html"
    words = ["report", str(run), "--against", "random", "--games", "2", "--workers", "1"]
    assert main([*words, "--out", str(out)]) == 0
    with sync_playwright() as playwright:
        browser = launch(playwright)
        for size, scheme in ((DESKTOP, "light"), (PHONE, "dark")):
            with watched(browser, size, scheme) as page:
                page.goto(out.as_uri())
                game = page.frame_locator("iframe")
                game.locator("#views[data-ready]").wait_for()
                assert "against random" in game.locator("h2").first.inner_text()
                page.evaluate(AXE)
                found = page.evaluate("axe.run({ iframes: false })")["violations"]
                assert [(v["id"], [n["html"][:200] for n in v["nodes"]]) for v in found] == []
                assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
                assert page.locator(".finding.unknown").is_visible()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_kill_leaves_nothing(run: Path, tmp_path: Path, how: signal.Signals) -> None:
    before = contents(run)
    environment = {**os.environ, "TMPDIR": str(tmp_path), "BROWSER": "true %s"}
    words = [sys.executable, "-m", "cmfq.cli", "watch", str(run)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout
        url = urlsplit(process.stdout.readline().split(" at ")[1].split()[0])
        assert url.hostname == "127.0.0.1"
        with closing(HTTPConnection("127.0.0.1", url.port, timeout=LIMIT)) as connection:
            connection.request("GET", url.path)
            assert b"watched" in connection.getresponse().read()
        deadline = time.monotonic() + LIMIT
        while any(tmp_path.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(how)
        process.wait(LIMIT)
    assert not list(tmp_path.iterdir())
    assert contents(run) == before
