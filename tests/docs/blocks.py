"""The fenced blocks of a page, and how each is run small."""

import re
import shlex
from pathlib import Path
from typing import NamedTuple

from cmfq.experiments.paper.figures import FIGURES

ROOT = Path(__file__).parents[2]
FILES = [ROOT / "README.md", *ROOT.glob("docs/*.md"), *ROOT.glob("docs/algorithms/*.md")]
PAGES = sorted(file for file in FILES if file.name != "command-line.md")
FENCE = re.compile(r"^```(\S*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
DRAWN = {"text", "", "bibtex", "{toctree}", "{include}"}
"""Fences of what nobody types: pseudocode, pictures of letters, directives."""
ELSEWHERE = ("pip", "make", "docker", "tensorboard", "wandb", "mlflow")
"""Programs that are not run here: `make` has its targets looked up, the wheel has a test."""
FEW = {
    **dict.fromkeys(("--episodes", "--games", "--evaluate-games"), "2"),
    **dict.fromkeys(("--evaluate-period", "--checkpoint-period", "--record-period"), "1"),
    **dict.fromkeys(("--steps", "--step"), "1"),
}
"""Options that make a command long, and with what value it is short."""
ADDED = {
    "train": {"--episodes": "2", "--min-updates": "1", "--replay-bytes": "4000000"},
    "evaluate": {"--games": "2", "--workers": "1"},
    "tournament": {"--games": "2", "--workers": "1"},
    "bench": {"--steps": "1"},
}
"""Options that are added where they are not given, for the same."""
MAGENT_STEPS = "12"
"""Steps of an episode of battle."""


class Block(NamedTuple):
    """A fenced block."""

    language: str
    code: str
    line: int


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page, in order."""
    text = page.read_text()
    return [
        Block(found[1], found[2], text.count("\n", 0, found.start()) + 1)
        for found in FENCE.finditer(text)
    ]


def commands(block: Block) -> list[list[str]]:
    """Words of each command of a console block; all lines that are no command are its output."""
    lines = block.code.replace("\\\n", " ").splitlines()
    return [shlex.split(line[2:], comments=True) for line in lines if line.startswith("$ ")]


def shortened(words: list[str]) -> list[str]:
    """The same command with short trainings and few games."""
    if words[1] == "paper":  # one figure of two small runs, whichever the page names
        named = [place for place, word in enumerate(words) if word in (*FIGURES, "all")]
        options = words[named[-1] + 1 :] if named else []
        small = ["--quick", "--seeds", "1", "--workers", "1"]
        return ["cmfq", "paper", *(["5"] if named else []), *options, *(small if named else [])]
    short = list(words)
    for place, word in enumerate(short[:-1]):
        if word in FEW:
            short[place + 1] = FEW[word]
    for option, value in ADDED.get(words[1], {}).items():
        if option not in short:
            short += [option, value]
    if words[1] == "train" and words[2] == "battle" and "--max-steps" not in short:
        short += ["--max-steps", MAGENT_STEPS]
    if words[1] in ("evaluate", "record") and not words[2].startswith("runs/"):
        short += ["--max-steps", MAGENT_STEPS]
    if "--preset" in short and "--min-updates" not in short:
        short += ["--min-updates", "1"]
    return short


def short_code(code: str) -> str:
    """Python with short trainings and few games."""
    return re.sub(r"\bepisodes=\d+", "episodes=2", code)
