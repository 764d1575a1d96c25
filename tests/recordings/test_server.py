import http.client
import socket
import stat
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from cmfq.errors import UserError
from cmfq.recordings import server as serving
from cmfq.recordings.page import NamedRecording, documents
from cmfq.recordings.server import ReplayServer, doorway, make_server, url_of

LIMIT = 180.0
"""Seconds to wait for what must come, on a machine that has much else to do."""
REPLAYS = [NamedRecording("a.replay", b"one"), NamedRecording("b.replay", b"two")]


@pytest.fixture(scope="module")
def server() -> Iterator[ReplayServer]:
    with make_server(documents(REPLAYS)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert server.server_address[0] == "127.0.0.1"
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def port(server: ReplayServer) -> int:
    return server.server_address[1]


def ask(
    server: ReplayServer, path: str, *, host: str | None = None, method: str = "GET"
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=LIMIT)
    connection.request(method, path, headers={} if host is None else {"Host": host})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


def secret(server: ReplayServer) -> str:
    return urlsplit(url_of(server)).path.rstrip("/")


def test_the_page_its_sources_and_the_replays_are_served(server: ReplayServer) -> None:
    known = secret(server)
    status, page = ask(server, f"{known}/")
    assert status == 200
    assert b"a.replay and b.replay" in page
    assert ask(server, f"{known}/replays/0") == (200, b"one")
    assert ask(server, f"{known}/replays/1") == (200, b"two")
    assert ask(server, f"{known}/replays/1", method="HEAD") == (200, b"")
    assert b"import" in ask(server, f"{known}/viewer/main.js")[1]


NOWHERE = ["/replays/2", "/etc/passwd", "/viewer/../page.py", "//etc/passwd", "/viewer/", "/%2e"]


@pytest.mark.parametrize("path", NOWHERE)
def test_nothing_else_is(server: ReplayServer, path: str) -> None:
    assert ask(server, path)[0] == 404
    assert ask(server, secret(server) + path)[0] == 404


def test_what_is_wrong_with_a_document_is_answered() -> None:
    class Damaged:
        def get(self, address: str, /) -> None:
            raise UserError("metrics.jsonl is damaged: \N{RIGHTWARDS ARROW} start again")

    with make_server(Damaged()) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        status, content = ask(server, f"{secret(server)}/status")
        server.shutdown()
    assert (status, content.decode()) == (500, "metrics.jsonl is damaged: → start again")


@pytest.mark.parametrize("path", ["/", "/replays/0", "/viewer/main.js", "//", "//replays/0"])
def test_who_does_not_know_the_secret_reads_nothing(server: ReplayServer, path: str) -> None:
    known = secret(server)
    for guess in ("", "/x", known[:-1], f"{known}x", known.upper(), "/%fc"):
        status, content = ask(server, guess + path)
        assert status == 404, guess
        assert b"one" not in content
        assert b"a.replay" not in content
    assert ask(server, known)[0] == 404


def test_what_is_no_letter_is_no_secret(server: ReplayServer) -> None:
    with connect(server, b"GET /\xfc\xff/ HTTP/1.0\r\nHost: ") as connection:
        connection.sendall(f"127.0.0.1:{server.server_address[1]}\r\n\r\n".encode())
        assert b" 404 " in connection.recv(100)


def test_every_server_has_a_secret_of_its_own() -> None:
    with make_server({}) as one, make_server({}) as other:
        assert one.secret != other.secret
        assert len(one.secret) >= 22  # 128 bits


def test_the_secret_is_in_no_answer(server: ReplayServer) -> None:
    for path in (f"{secret(server)}/", f"{secret(server)}/viewer/main.js", "/none"):
        assert server.secret.encode() not in ask(server, path)[1]


def test_what_the_browser_is_called_with_says_nothing_to_others(server: ReplayServer) -> None:
    with doorway(server) as door:
        assert server.secret not in door
        file = Path(unquote(urlsplit(door).path))
        assert url_of(server) in file.read_text()
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert not file.exists()


@pytest.mark.parametrize("host", ["example.org", "example.org:80", "127.0.0.1", "127.0.0.1:1", ""])
def test_other_hosts_are_refused(server: ReplayServer, host: str) -> None:
    status, content = ask(server, f"{secret(server)}/replays/0", host=host)
    assert status == 403
    assert content != b"one"


def test_its_own_names_are_not(server: ReplayServer, port: int) -> None:
    assert ask(server, f"{secret(server)}/", host=f"localhost:{port}")[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_nothing_can_be_sent(server: ReplayServer, method: str) -> None:
    assert ask(server, f"{secret(server)}/", method=method)[0] == 501


def test_a_port_that_cannot_be_used_is_one_sentence(server: ReplayServer, port: int) -> None:
    with pytest.raises(UserError, match="cannot be used"):
        make_server({}, port)
    with pytest.raises(UserError, match="port is 70000"):
        make_server({}, 70000)


@pytest.fixture
def impatient() -> Iterator[ReplayServer]:
    large = {**documents(REPLAYS), "large": documents(REPLAYS)[""]._replace(content=bytes(2**26))}
    with ReplayServer(large, 0, idle_seconds=1.0, longest_seconds=2.0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def connect(server: ReplayServer, said: bytes = b"") -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.server_address[1]), timeout=LIMIT)
    connection.sendall(said)
    return connection


def wait_until_idle(server: ReplayServer) -> None:
    """Wait until no connection is open any more."""
    deadline = time.monotonic() + LIMIT
    while server._since:
        assert time.monotonic() < deadline, "a connection stays open"
        time.sleep(0.05)


def ask_again(server: ReplayServer, path: str) -> tuple[int, bytes]:
    """Ask until there is an answer: this server hangs up on who was kept waiting by the machine."""
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        with suppress(ConnectionError, http.client.IncompleteRead):
            return ask(server, path)
    raise AssertionError("no answer came")


@contextmanager
def answered(server: ReplayServer, said: bytes) -> Iterator[bytes]:
    """The first byte of an answer, whose connection stays open; asked for as ``ask_again`` does."""
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        with connect(server, said) as connection:
            first = b""
            with suppress(ConnectionError):
                first = connection.recv(1)
            if first:
                yield first
                return
    raise AssertionError("no answer came")


def ends(connection: socket.socket) -> bool:
    """Whether the other side hangs up (the timeout of the socket raises if it does not)."""
    with connection, suppress(ConnectionError):
        while connection.recv(2**16):
            pass
    return True


@pytest.mark.parametrize("said", [b"", b"GET /", b"GET / HTTP/1.1\r\nHost: "])
def test_a_connection_that_stops_speaking_is_closed(impatient: ReplayServer, said: bytes) -> None:
    assert ends(connect(impatient, said))


def test_a_connection_that_speaks_slowly_is_closed(impatient: ReplayServer) -> None:
    with connect(impatient, b"GET /") as connection, pytest.raises(ConnectionError):
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline:
            time.sleep(0.1)
            connection.sendall(b"x")


def test_a_connection_that_does_not_read_is_closed(impatient: ReplayServer) -> None:
    port = impatient.server_address[1]
    asked = f"GET {secret(impatient)}/large HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"
    with answered(impatient, asked.encode()) as first:
        assert first == b"H"  # no more is read
        wait_until_idle(impatient)


def test_many_silent_connections_leave_room_for_others(
    impatient: ReplayServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "MOST_CONNECTIONS", 4)
    silent = [connect(impatient) for _ in range(20)]
    assert len(impatient._since) <= 4
    assert all(map(ends, silent))
    assert ask_again(impatient, f"{secret(impatient)}/replays/0") == (200, b"one")


def test_a_reset_connection_prints_nothing(
    impatient: ReplayServer, capfd: pytest.CaptureFixture[str]
) -> None:
    port = impatient.server_address[1]
    asked = f"GET {secret(impatient)}/large HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"
    for said in (b"", b"GET /", asked.encode()):
        connection = connect(impatient, said)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()  # with a reset
    assert ask_again(impatient, f"{secret(impatient)}/replays/0")[0] == 200
    wait_until_idle(impatient)
    assert capfd.readouterr() == ("", "")
