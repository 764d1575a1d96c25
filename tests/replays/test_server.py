import http.client
import threading
from collections.abc import Iterator

import pytest

from cmfq.errors import UserError
from cmfq.replays.page import NamedReplay, documents
from cmfq.replays.server import make_server


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    replays = [NamedReplay("a.replay", b"one"), NamedReplay("b.replay", b"two")]
    with make_server(documents(replays)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert server.server_address[0] == "127.0.0.1"
        yield server.server_address[1]
        server.shutdown()


def ask(port: int, path: str, *, host: str | None = None, method: str = "GET") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request(method, path, headers={} if host is None else {"Host": host})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


def test_the_page_its_sources_and_the_replays_are_served(port: int) -> None:
    status, page = ask(port, "/")
    assert status == 200
    assert b"a.replay and b.replay" in page
    assert ask(port, "/replays/0") == (200, b"one")
    assert ask(port, "/replays/1") == (200, b"two")
    assert ask(port, "/replays/1", method="HEAD") == (200, b"")
    assert b"import" in ask(port, "/viewer/main.js")[1]


@pytest.mark.parametrize(
    "path", ["/replays/2", "/etc/passwd", "/viewer/../page.py", "//etc/passwd", "/viewer/", "/%2e"]
)
def test_nothing_else_is(port: int, path: str) -> None:
    assert ask(port, path)[0] == 404


@pytest.mark.parametrize("host", ["example.org", "example.org:80", "127.0.0.1", "127.0.0.1:1", ""])
def test_other_hosts_are_refused(port: int, host: str) -> None:
    status, content = ask(port, "/replays/0", host=host)
    assert status == 403
    assert content != b"one"


def test_its_own_names_are_not(port: int) -> None:
    assert ask(port, "/", host=f"localhost:{port}")[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_nothing_can_be_sent(port: int, method: str) -> None:
    assert ask(port, "/", method=method)[0] == 501


def test_a_port_that_cannot_be_used_is_one_sentence(port: int) -> None:
    with pytest.raises(UserError, match="cannot be used"):
        make_server({}, port)
    with pytest.raises(UserError, match="port is 70000"):
        make_server({}, 70000)
