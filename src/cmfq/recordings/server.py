"""Serve the page on this machine alone, and to nobody who does not know its address.

Others on the machine can connect too, so the address has a secret part that is drawn anew for each
server. Connections that do not ask, or do not read, are closed after a while.
"""

import secrets
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import Any, Protocol, cast

from cmfq.errors import UserError
from cmfq.recordings.page import Document

ADDRESS = "127.0.0.1"
IDLE_SECONDS = 10.0
"""After which a connection that says nothing, or takes nothing, is closed."""
LONGEST_SECONDS = 60.0
"""After which any connection is closed: a page is there in a second."""
MOST_CONNECTIONS = 64
"""At once; more are closed when they come."""


class Documents(Protocol):
    """What a server answers with; a dictionary will do."""

    def get(self, address: str, /) -> Document | None:
        """The document at an address, which is empty for the page; ``None``: there is none."""
        ...


class ReplayServer(ThreadingHTTPServer):
    """A server of some documents and nothing else, bound to the loopback address.

    Args:
        documents: by address, from the page's own on.
        port: 0 takes any that is free.
        idle_seconds: after which a silent connection is closed.
        longest_seconds: after which any connection is closed.
    """

    def __init__(
        self,
        documents: Documents,
        port: int,
        *,
        idle_seconds: float = IDLE_SECONDS,
        longest_seconds: float = LONGEST_SECONDS,
    ) -> None:
        self.secret = secrets.token_urlsafe(16)
        self.asked = threading.Event()
        """Set once somebody who knows the address has asked for something."""
        self._longest_seconds = longest_seconds
        self._since: dict[socket.socket, float] = {}
        handler = partial(_Handler, self.secret, documents, idle_seconds)
        super().__init__((ADDRESS, port), handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own, or hang up if there are too many."""
        if len(self._since) >= MOST_CONNECTIONS:
            self.shutdown_request(request)
            return
        self._since[request] = time.monotonic()
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close a connection."""
        self._since.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """End connections that have lasted too long; called twice a second."""
        now = time.monotonic()
        for request, since in list(self._since.items()):
            if now - since > self._longest_seconds:
                with suppress(OSError):  # its thread closes it
                    request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a connection that the other side broke off."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def make_server(documents: Documents, port: int = 0) -> ReplayServer:
    """A server of these documents.

    Raises:
        UserError: the port is no port, or taken.
    """
    if not 0 <= port <= 65535:
        raise UserError(f"port is {port}: give a number from 1 to 65535, or 0 for any")
    try:
        return ReplayServer(documents, port)
    except OSError as error:
        raise UserError(f"port {port} cannot be used ({error.strerror}): give another") from error


def url_of(server: ReplayServer) -> str:
    """Where the page is: who knows this can read it."""
    return f"http://{ADDRESS}:{server.server_address[1]}/{server.secret}/"


@contextmanager
def doorway(server: ReplayServer) -> Iterator[str]:
    """Address of a file of this user's that leads to the page, for a browser's command line.

    Everybody on a machine can read the command lines of others' processes. The file is removed as
    soon as a browser has asked for the page, so that a kill from then on leaves nothing.
    """
    with TemporaryDirectory(
        prefix="cmfq-", ignore_cleanup_errors=True
    ) as folder:  # only this user may look into it
        file = Path(folder) / "page.html"
        url = escape(url_of(server))
        file.write_text(
            '<!doctype html><meta charset="utf-8">'
            f'<meta http-equiv="refresh" content="0;url={url}">'
            f'<title>Replays</title><a href="{url}">Replays</a>',
            encoding="utf-8",
        )
        server.asked.clear()  # by who had the address otherwise
        threading.Thread(target=_remove_once_asked, args=(server, folder), daemon=True).start()
        yield file.as_uri()


def _remove_once_asked(server: ReplayServer, folder: str) -> None:
    server.asked.wait()
    rmtree(folder, ignore_errors=True)


class _Handler(BaseHTTPRequestHandler):
    """Answers with a document, or with a refusal."""

    server_version = "cmfq"
    sys_version = ""

    def __init__(
        self,
        secret: str,
        documents: Documents,
        idle_seconds: float,
        *arguments: Any,
    ) -> None:
        self._secret = secret
        self._documents = documents
        self._idle_seconds = idle_seconds
        super().__init__(*arguments)

    def setup(self) -> None:
        super().setup()
        self.connection.settimeout(self._idle_seconds)

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
        status = HTTPStatus.OK
        try:
            document = self._find(self.path.partition("?")[0])
        except UserError as error:  # such as a damaged file of a run that is watched
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            document = Document("text/plain; charset=utf-8", str(error).encode())
        if document is None:
            self.send_error(HTTPStatus.NOT_FOUND, "there is no such page")
            return
        self.send_response(status)
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

    def _find(self, path: str) -> Document | None:
        _, _, rest = path.partition("/")
        secret, slash, address = rest.partition("/")
        known = secrets.compare_digest(secret.encode(), self._secret.encode())
        if not (known and slash):
            return None
        cast(ReplayServer, self.server).asked.set()
        return self._documents.get(address)
