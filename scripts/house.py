"""The state of the house in figures: sizes, arrows between rooms, copies, what an addition costs.

    python scripts/house.py [ROOT]

ROOT is a checkout, this one by default; so two commits can be compared. Copies are runs of six
lines and more that stand twice, blank lines, comments and imports left out.
"""

import ast
import os
import re
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from pathlib import Path

COPY = 6
"""Lines from which on a repetition counts as a copy."""
EXAMPLES = {"rule": "by_rarity", "bot": "flail", "world": "Pond"}
"""The examples of docs/own-parts.md, which a test runs: what an addition takes."""
FIGURE = "win_rate_over_training"
"""A figure as good as any."""


def room_of(file: Path, package: Path) -> str:
    """The folder or module right below the package."""
    return file.relative_to(package).with_suffix("").parts[0]


def lines_by_room(package: Path) -> Counter[str]:
    """Lines of Python in each room."""
    lines: Counter[str] = Counter()
    for file in package.rglob("*.py"):
        lines[room_of(file, package)] += len(file.read_text().splitlines())
    return lines


def functions(package: Path) -> Iterator[tuple[int, str]]:
    """Length and name of every function."""
    for file in package.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef):
                yield (node.end_lineno or 0) - node.lineno + 1, f"{file.name}: {node.name}"


def imports_of(file: Path, known: set[str]) -> Iterator[str]:
    """Modules of the package that a file imports, for type checking too."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                module = f"{node.module}.{alias.name}"
                yield from {module if module in known else node.module} & known


def arrows(package: Path) -> tuple[set[tuple[str, str]], list[str]]:
    """Arrows between rooms, and cycles: between rooms, and between modules."""
    modules = {}
    for file in package.rglob("*.py"):
        name = ".".join(file.relative_to(package.parent).with_suffix("").parts)
        modules[name.removesuffix(".__init__")] = file
    graph: dict[str, set[str]] = {
        name: set(imports_of(file, set(modules))) - {name} for name, file in modules.items()
    }
    between = {
        (room_of(modules[name], package), room_of(modules[other], package))
        for name, others in graph.items()
        for other in others
        if package.name not in (name, other)
    }
    rooms: dict[str, set[str]] = defaultdict(set)
    for one, other in between:
        if one != other:
            rooms[one].add(other)
    return {pair for pair in between if pair[0] != pair[1]}, [*_cycle(rooms), *_cycle(graph)]


def _cycle(graph: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [" → ".join(error.args[1])]
    return []


def copies(package: Path) -> list[tuple[int, str, str]]:
    """Runs of lines that stand twice: length, and both places. Longest first."""
    places: dict[tuple[str, ...], list[tuple[str, int]]] = defaultdict(list)
    code = {str(file.relative_to(package)): _code(file) for file in package.rglob("*.py")}
    for name, lines in code.items():
        for start in range(len(lines) - COPY + 1):
            places[tuple(lines[start : start + COPY])].append((name, start))
    found, seen = [], set()
    for where in places.values():
        for one, other in pairwise(where):
            (a, i), (b, j) = one, other
            if (a, i - 1, b, j - 1) in seen:
                seen.add((a, i, b, j))
                continue
            seen.add((a, i, b, j))
            length = COPY
            while code[a][i : i + length + 1] == code[b][j : j + length + 1] and (
                max(i + length, j + length) < min(len(code[a]), len(code[b]))
            ):
                length += 1
            found.append((length, f"{a}:{i}", f"{b}:{j}"))
    return sorted(found, reverse=True)


def _code(file: Path) -> list[str]:
    lines = [line.strip() for line in file.read_text().splitlines()]
    return [
        line
        for line in lines
        if re.search(r"\w", line) and not line.startswith(("#", "import ", "from "))
    ]


def examples(root: Path) -> dict[str, int]:
    """Lines of the documentation's example of each kind of addition, as far as there are any."""
    page = root / "docs" / "own-parts.md"
    text = page.read_text() if page.is_file() else ""
    sizes = {
        node.name: (node.end_lineno or 0) - node.lineno + 1
        for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL)
        for node in ast.parse(block).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
    }
    return {kind: sizes[name] for kind, name in EXAMPLES.items() if name in sizes}


def uses_of_any(file: Path) -> int:
    """How often a module names the type ``Any``, its import left out."""
    nodes = ast.walk(ast.parse(file.read_text()))
    return sum(isinstance(node, ast.Name) and node.id == "Any" for node in nodes)


def help_time(root: Path) -> str:
    """Time of ``cmfq --help`` beside that of ``import torch``, the least of three each."""
    scripts = {
        "cmfq --help": "import sys; from cmfq.cli import main; sys.exit(main(['--help']))",
        "import torch": "import torch",
    }
    least = {}
    for name, script in scripts.items():
        times = []
        for _ in range(3):
            started = time.perf_counter()
            subprocess.run(
                [sys.executable, "-c", script],
                check=True,
                stdout=subprocess.DEVNULL,
                env=os.environ | {"PYTHONPATH": str(root / "src")},
            )
            times.append(time.perf_counter() - started)
        least[name] = min(times)
    ours, theirs = least.values()
    return f"cmfq --help: {1000 * ours:.0f} ms, {ours / theirs:.2f} of import torch"


def report(root: Path) -> Iterator[str]:
    """What is found, line by line."""
    package = root / "src" / "cmfq"
    rooms, files = lines_by_room(package), list(package.rglob("*.py"))
    yield f"lines of Python in src: {rooms.total():,} in {len(files)} modules"
    yield "  " + ", ".join(f"{name} {lines:,}" for name, lines in rooms.most_common(14))
    longest = max(files, key=lambda file: len(file.read_text().splitlines()))
    yield f"longest module: {longest.name}, {len(longest.read_text().splitlines())} lines"
    length, name = max(functions(package))
    yield f"longest function: {name}, {length} lines"
    between, cycles = arrows(package)
    yield f"arrows between rooms: {len(between)}; cycles: {'; '.join(cycles) or 'none'}"
    yield f"Any: {sum(map(uses_of_any, files))} times"
    found = copies(package)
    yield f"copies of {COPY} lines and more: {len(found)}, of {sum(one for one, *_ in found)} lines"
    yield from (f"  {lines} lines: {one} and {other}" for lines, one, other in found[:5])
    sizes = examples(root)
    for kind in EXAMPLES:
        cost = f"{sizes[kind]} lines, no file of the package" if kind in sizes else "only inside it"
        yield f"to add a {kind}: {cost}"
    drawn = [length for length, name in functions(package) if name.endswith(f": {FIGURE}")]
    yield f"to add a figure: {drawn[0] if drawn else 'no'} lines as in {FIGURE}, and a Picture"


if __name__ == "__main__":
    house = Path(sys.argv[1]).resolve() if sys.argv[1:] else Path(__file__).parents[1]
    print(*report(house), help_time(house), sep="\n")
