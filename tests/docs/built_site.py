"""The documentation site as it is built and served: `make docs` runs this file after it."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from browser import AXE, PHONE, violations, watched

SITE = Path(__file__).parents[2] / "build" / "docs"
INDICES = ("genindex.html", "py-modindex.html")
"""The theme's alone, and so long that a check takes a minute."""
IN_THE_DARK = ("index.html", "python.html", "algorithms/cmfq.html")
"""Pages that are seen in the dark too: its colours are the theme's, on all pages the same."""
PAGES = [
    *(path.name for path in sorted(SITE.glob("*.html")) if path.name not in INDICES),
    *("algorithms/cmfq.html", "notebooks/first-battle.html", "results/README.html"),
    *("results/paper/4b/README.html", "api/cmfq/mean_field/index.html"),
]
"""All that are written by hand on their own, and one of each other kind."""


class _Quiet(SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        """Answer; browsers ask for an icon that the site does without."""
        if self.path == "/favicon.ico":
            self.send_response(204)
            self.end_headers()
        else:
            super().do_GET()

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing of what is asked for."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=SITE)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("from_file", [True, False])
def test_search_finds_pages_without_a_network(
    browser: Browser, address: str, from_file: bool
) -> None:
    with watched(browser) as page:
        page.goto(f"{SITE.as_uri() if from_file else address}/search.html?q=posthumous")
        page.wait_for_function("document.querySelectorAll('#search-results li').length > 2")
        results = page.locator("#search-results")
        results.get_by_text("How it works").first.wait_for()
        page.wait_for_selector("text=Search finished")
        if from_file:
            assert results.locator("p.context").count() == 0
        else:
            results.locator("p.context").first.wait_for()  # each is fetched by itself


@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_read_by_everybody(browser: Browser, address: str, name: str) -> None:
    with watched(browser, PHONE) as page:
        page.goto(f"{address}/{name}")
        page.evaluate(AXE)
        for scheme in ("light", "dark")[: 1 + (name in IN_THE_DARK)]:
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            assert violations(page) == [], scheme
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
