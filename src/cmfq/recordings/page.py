"""The page that shows replays: as files for the local server, or all in one that works offline.

Nothing of a replay is ever part of the page's markup or code: its bytes are data that the page
reads, and names are escaped.
"""

import base64
import json
import secrets
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from cmfq.storage import write_bytes

TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
HTML = "text/html; charset=utf-8"
BYTES = "application/octet-stream"
JSON = "application/json"
POLICY = (
    "default-src 'none'; script-src {scripts} 'nonce-{nonce}'; style-src {styles}; img-src data:; "
    "connect-src {data}; base-uri 'none'; form-action 'none'"
)


class Document(NamedTuple):
    """What the server answers to one address."""

    content_type: str
    content: bytes


class NamedRecording(NamedTuple):
    """A replay file."""

    name: str
    content: bytes


def documents(
    replays: Sequence[NamedRecording], *, title: str = "", live: str | None = None
) -> dict[str, Document]:
    """The page, its sources and the replays, by address; the page's own is empty.

    Args:
        replays: games to show.
        title: heading of the page; the names of the games if not given.
        live: name of the game that it shows of a run that trains, whose page also asks for the
            address ``status``; ``None``: it is about games alone.
    """
    sources = {
        f"viewer/{name}": Document(TYPES[Path(name).suffix], content)
        for name, content in _sources().items()
    }
    data = {
        f"replays/{index}": Document(BYTES, replay.content) for index, replay in enumerate(replays)
    }
    listed = [
        {"name": replay.name, "url": address} for replay, address in zip(replays, data, strict=True)
    ]
    nonce = secrets.token_urlsafe(16)
    page = _template().render(
        title=title or _title(replays),
        live=live,
        nonce=nonce,
        policy=POLICY.format(scripts="'self'", nonce=nonce, styles="'self'", data="'self'"),
        imports=_json({"imports": {"viewer/": "./viewer/"}}),
        data=_data("replays", "application/json", _json(listed)),
    )
    return {"": Document(HTML, page.encode()), **sources, **data}


def write_page(replays: Sequence[NamedRecording], path: Path) -> None:
    """Write one file that shows the replays without a server and without a network."""
    write_bytes(path, page_text(replays).encode())


def page_text(replays: Sequence[NamedRecording]) -> str:
    """The page as one HTML text, which shows the replays without a server and without a network."""
    sources = _sources()
    modules = {
        f"viewer/{name}": "data:text/javascript;base64," + base64.b64encode(content).decode()
        for name, content in sources.items()
        if name.endswith(".js")
    }
    names = [f"replay-{index}" for index in range(len(replays))]
    listed = [
        {"name": replay.name, "data": name} for replay, name in zip(replays, names, strict=True)
    ]
    data = [_data("replays", "application/json", _json(listed))]
    data += [
        _data(name, BYTES, Markup(base64.b64encode(replay.content).decode()))
        for replay, name in zip(replays, names, strict=True)
    ]
    nonce = secrets.token_urlsafe(16)
    return _template().render(
        title=_title(replays),
        live=None,
        nonce=nonce,
        policy=POLICY.format(scripts="data:", nonce=nonce, styles=f"'nonce-{nonce}'", data="data:"),
        style=Markup(sources["style.css"].decode()),
        imports=_json({"imports": modules}),
        data=Markup("\n").join(data),
    )


def _sources() -> dict[str, bytes]:
    folder = files("cmfq.recordings").joinpath("viewer")
    return {
        source.name: source.read_bytes()
        for source in folder.iterdir()
        if Path(source.name).suffix in TYPES
    }


def _template() -> Template:
    templates = Environment(
        loader=PackageLoader("cmfq.recordings", "viewer"),
        autoescape=True,
        undefined=StrictUndefined,
    )
    return templates.get_template("index.html")


def _title(replays: Sequence[NamedRecording]) -> str:
    return " and ".join(replay.name for replay in replays)


def _data(name: str, kind: str, content: Markup) -> Markup:
    """A block that is never run."""
    return Markup('<script type="{}" id="{}">{}</script>').format(kind, name, content)


def _json(value: object) -> Markup:
    """JSON that may stand in a script element: no character in it ends one."""
    return Markup(json.dumps(value).replace("<", "\\u003c"))
