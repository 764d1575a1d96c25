"""A real browser, and the page in it."""

import os
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Frame, Page, Playwright

from cmfq.recordings.page import NamedRecording, documents
from cmfq.recordings.server import make_server, url_of

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NAMES = ("chromium", "chromium-browser", "google-chrome")
AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text()
"""Script that finds what a page keeps from people (axe-core)."""
DESKTOP, PHONE = (1400, 900), (390, 844)
LIMIT = 180_000
"""Milliseconds to wait for what must come, on a machine that has much else to do."""


def launch(playwright: Playwright) -> Browser:
    """The system's Chromium. Where there is none, these tests are skipped, but never in CI."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        missing = "the page is tested in Chromium: install it, as with apt-get install chromium"
        assert "CI" not in os.environ, missing
        pytest.skip(missing)
    return playwright.chromium.launch(executable_path=found, args=FLAGS, timeout=LIMIT)


@contextmanager
def watched(
    browser: Browser, size: tuple[int, int] = DESKTOP, scheme: str = "light"
) -> Iterator[Page]:
    """An empty page; anything in its console, or asked of another host, is a failure."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme=scheme,  # type: ignore[arg-type]
        device_scale_factor=2 if size == PHONE else 1,
        has_touch=size == PHONE,
    )
    context.set_default_timeout(LIMIT)
    page = context.new_page()
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text))
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith(("http://127.0.0.1", "data:", "file:", "about:srcdoc"))
            else heard.append(request.url)
        ),
    )
    try:
        yield page
        assert heard == [], heard
    finally:
        context.close()


@contextmanager
def shown(
    browser: Browser,
    replays: Sequence[NamedRecording],
    size: tuple[int, int] = DESKTOP,
    scheme: str = "light",
) -> Iterator[Page]:
    """The page with these replays, loaded from the local server."""
    with make_server(documents(replays)) as server, watched(browser, size, scheme) as page:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            page.goto(url_of(server))
            wait_until_ready(page)
            yield page
        finally:
            server.shutdown()


def wait_until_ready(page: Page | Frame) -> None:
    """Wait until the games are loaded, somebody is chosen, and all of that is drawn."""
    page.wait_for_function(
        """() => document.getElementById("loading").hidden
            && (document.getElementById("transport").hidden
                || document.querySelector("[data-ready]"))"""
    )
    wait_until_drawn(page)


def named(*paths: Path) -> list[NamedRecording]:
    return [NamedRecording(path.name, path.read_bytes()) for path in paths]


def step_of(page: Page) -> int:
    return int(page.input_value("#scrub"))


def wait_for_step(page: Page, step: int) -> None:
    """Wait until a step is drawn, beside the field as in it."""
    page.wait_for_function(
        "step => document.getElementById('clock').textContent.startsWith(`step ${step} of `)",
        arg=step,
    )


def stop_time(page: Page) -> None:
    """Let time pass in the page when ``page.clock.run_for`` says so, and at no other time."""
    wait_until_drawn(page)  # no frame of before is due
    page.clock.install()
    page.clock.pause_at((page.evaluate("Date.now()") + LIMIT) / 1000)  # it must be yet to come


def go_to(page: Page, step: int) -> None:
    """Scrub."""
    page.locator("#scrub").evaluate(
        "(scrub, step) => { scrub.value = step; scrub.dispatchEvent(new Event('input')); }",
        str(step),
    )
    wait_for_step(page, step)


def choose(page: Page, agent: int) -> None:
    page.fill("input.id >> nth=0", str(agent))
    page.keyboard.press("Enter")
    page.locator("input.id").first.blur()
    page.wait_for_selector(".trace:not([hidden])")
    wait_until_drawn(page)


def wait_until_drawn(page: Page | Frame) -> None:
    """Wait for the frames that show what was just done: until then the page shows what was.

    A frame may change the size of something, which asks for another frame. So it waits until three
    frames in a row have changed nothing. What a policy thought may still be unpacked.
    """
    page.evaluate(
        """() => new Promise((drawn) => {
            let same = 0;
            const watcher = new MutationObserver(() => { same = 0; });
            const all = { subtree: true, childList: true, attributes: true, characterData: true };
            watcher.observe(document, all);
            const frame = () => {
                if (++same <= 3) return requestAnimationFrame(frame);
                watcher.disconnect();
                drawn();
            };
            requestAnimationFrame(frame);
        })"""
    )


def violations(page: Page) -> list[Any]:
    """What axe finds in a page that has its script.

    A frame shows a page of its own, a figure is one picture with a name: neither is looked into.
    """
    parts = "{ exclude: ['.drawn > svg'] }, { iframes: false }"
    found = page.evaluate(f"axe.run({parts})")["violations"]
    return [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found]
