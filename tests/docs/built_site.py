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
GENERATED = ("api/", "_modules/", "genindex", "py-modindex")
PAGES = [
    name
    for path in sorted(SITE.rglob("*.html"))
    if not (name := str(path.relative_to(SITE))).startswith(GENERATED)
] + ["api/cmfq/mean_field/index.html", "genindex.html"]
"""All that are written by hand, and one of each kind that is generated."""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing of what is asked for."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=SITE)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_read_by_everybody(browser: Browser, address: str, name: str) -> None:
    for scheme in ("light", "dark"):
        with watched(browser, PHONE, scheme) as page:
            page.goto(f"{address}/{name}")
            page.evaluate(AXE)
            assert violations(page) == [], scheme
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
