"""Serve the page on this machine alone."""

from collections.abc import Mapping
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from cmfq.errors import UserError
from cmfq.replays.page import Document

ADDRESS = "127.0.0.1"


def make_server(documents: Mapping[str, Document], port: int = 0) -> ThreadingHTTPServer:
    """A server of these documents and nothing else, bound to the loopback address.

    Args:
        documents: by address.
        port: 0 takes any that is free.

    Raises:
        UserError: the port is no port, or taken.
    """
    if not 0 <= port <= 65535:
        raise UserError(f"port is {port}: give a number from 1 to 65535, or 0 for any")
    try:
        return ThreadingHTTPServer((ADDRESS, port), partial(_Handler, documents))
    except OSError as error:
        raise UserError(f"port {port} cannot be used ({error.strerror}): give another") from error


def url_of(server: ThreadingHTTPServer) -> str:
    """Where the page is."""
    return f"http://{ADDRESS}:{server.server_address[1]}/"


class _Handler(BaseHTTPRequestHandler):
    """Answers with a document, or with a refusal."""

    server_version = "cmfq"
    sys_version = ""

    def __init__(self, documents: Mapping[str, Document], *arguments: Any) -> None:
        self._documents = documents
        super().__init__(*arguments)

    def do_GET(self) -> None:
        self._answer(with_content=True)

    def do_HEAD(self) -> None:
        self._answer(with_content=False)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing: errors are answered."""

    def _answer(self, *, with_content: bool) -> None:
        _, port = cast("tuple[str, int]", self.server.server_address)
        # A page elsewhere may point a name of its own at this address: its Host is another.
        if self.headers.get("Host") not in (f"{ADDRESS}:{port}", f"localhost:{port}"):
            self.send_error(HTTPStatus.FORBIDDEN, "this server answers to its own address alone")
            return
        document = self._documents.get(self.path.partition("?")[0])
        if document is None:
            self.send_error(HTTPStatus.NOT_FOUND, "there is no such page")
            return
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", document.content_type)
        self.send_header("Content-Length", str(len(document.content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("X-Frame-Options", "DENY")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.end_headers()
        if with_content:
            self.wfile.write(document.content)
