"""Text that may hold anything, such as names, written where some characters are commands.

A name is text everywhere: on a terminal, in Markdown, in CSV. It comes from folders and from files
of others.
"""

import csv
import io
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import TextIO

UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode categories that are not seen, or end a line: control characters, marks that turn the
direction of writing, halves of pairs."""
LONGEST_WORD = 160
"""Greatest number of letters of a word in an error."""
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First characters of cells that spreadsheets calculate."""
MARKDOWN = re.compile(r"[\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_])|<(?=[\w/!?])|&(?=#|\w+;)")
"""Characters that are more than themselves; "_" is, at the edge of a word."""


def plain_text(text: str) -> str:
    """One line of text that only shows; of other characters it has the codes."""
    return "".join(
        one.encode("unicode_escape").decode() if unicodedata.category(one) in UNSEEN else one
        for one in text
    )


def is_unicode(text: str) -> bool:
    """Whether files can hold a text: it has no half of a pair of characters."""
    return not any("\ud800" <= one <= "\udfff" for one in text)


def seen_text(text: str) -> str:
    """Text whose unseen characters have their codes, but for the ends of lines and tabs."""
    return re.sub(r"[^\t\n -~]", lambda found: plain_text(found[0]), text)


def say(text: str, file: TextIO | None = None, *, flush: bool = False) -> None:
    """Print a line of text that may hold names."""
    print(plain_text(text), file=file, flush=flush)


def shortened(message: str) -> str:
    """A message in which the middle of very long words is left out."""
    kept = LONGEST_WORD // 2
    return re.sub(
        rf"\S{{{LONGEST_WORD + 1},}}", lambda word: f"{word[0][:kept]}…{word[0][-kept:]}", message
    )


def counted(number: int, thing: str, things: str = "") -> str:
    """A number of things: ``1 seed``, ``2,000 seeds``.

    Args:
        number: how many.
        thing: name of one.
        things: name of several, if it is not that of one with an s.
    """
    return f"{number:,} {thing if number == 1 else things or f'{thing}s'}"


class Strong(str):
    """Text that is written bold where that can be."""


def markdown_text(text: str) -> str:
    """Text to stand in a line of Markdown, as it is."""
    escaped = MARKDOWN.sub(r"\\\g<0>", plain_text(text))
    return f"**{escaped}**" if isinstance(text, Strong) else escaped


def code_line(text: str) -> str:
    """A block of code in Markdown that is one line."""
    return f"    {plain_text(text)}\n"


def inline_code(text: str) -> str:
    """Code within a line of Markdown."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence, space = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{space}{plain_text(text)}{space}{fence}"


def code_block(text: str, language: str = "") -> str:
    """Lines of code in Markdown."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    lines = "\n".join(plain_text(line.replace("\t", "    ")) for line in text.split("\n"))
    return f"{fence}{language}\n{lines}\n{fence}\n"


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """Rows as CSV; text that spreadsheets would calculate begins with an apostrophe."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerows([_cell(value) for value in row] for row in rows)
    return table.getvalue()


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = plain_text(value)
    if not text.startswith(FORMULA) or is_number(text):
        return text
    return f"'{text}"


def is_number(text: str) -> bool:
    """Whether Python reads a text as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True
