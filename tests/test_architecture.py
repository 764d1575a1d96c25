"""Imports go one way, and the public names are these."""

import ast
import re
from collections.abc import Collection
from graphlib import TopologicalSorter
from pathlib import Path

import cmfq

SOURCE = Path(cmfq.__file__).parent
STUDIES = Path(__file__).parents[1] / "studies"
LAYERS = [
    {"text", "columns"},
    {"errors", "hints", "interrupts", "notices", "zoo"},
    {"imports", "decoding"},
    {"mean_field", "environments", "storage", "undo", "outputs", "devices"},
    {"objective", "margins", "batch", "adam", "replay_columns"},
    {"graphs"},
    {"heads"},
    {"networks"},
    {"merge"},
    {"algorithms"},
    {"new_network"},
    {"decision"},
    {"explanation"},
    {"policies", "combat", "own_functions"},
    {"late_writes", "program"},
    {"replay_buffer", "replay_writer", "rollout", "theory", "statistics", "workers"},
    {"learner", "recordings"},
    {"training"},
    {"play"},
    {"results"},
    {"bench", "experiments", "api"},
    {"cli"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


def imports(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("cmfq."):
            found.add(node.module.split(".")[1])
    return found


def test_imports_go_one_way() -> None:
    for file in SOURCE.rglob("*.py"):
        part = file.relative_to(SOURCE).with_suffix("").parts[0]
        if part == "__init__":
            continue
        for imported in imports(file) - {part}:
            assert LEVEL[imported] <= LEVEL[part], f"{file.name} imports {imported}"


def modules() -> dict[str, Path]:
    """Files by the names of their modules."""
    names = {}
    for file in SOURCE.rglob("*.py"):
        name = ".".join(file.relative_to(SOURCE.parent).with_suffix("").parts)
        names[name.removesuffix(".__init__")] = file
    return names


def imported_modules(file: Path, known: Collection[str]) -> set[str]:
    """All modules of the package that a file imports, wherever in it, for type checking too."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {
                one if (one := f"{node.module}.{alias.name}") in known else node.module
                for alias in node.names
            }
    return found & set(known)


def test_no_module_imports_itself_by_way_of_others() -> None:
    files = modules()
    graph = {name: imported_modules(file, files) for name, file in files.items()}
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the cycle


def test_the_mathematics_imports_nothing_of_the_rest() -> None:
    for file in (SOURCE / "mean_field").glob("*.py"):
        assert imports(file) <= {"mean_field"}


def test_public_names() -> None:
    assert cmfq.__all__ == [
        "Algorithm",
        "BattleEnvironment",
        "BattleSettings",
        "Body",
        "Decision",
        "Explanation",
        "Frame",
        "MatchResult",
        "MergeInput",
        "Merged",
        "ParticlesSettings",
        "PettingZooSettings",
        "PursuitSettings",
        "QPolicy",
        "RecordedGame",
        "Scenery",
        "Step",
        "TeamObservation",
        "TeamSpecification",
        "TournamentResult",
        "TrainSettings",
        "TrainedRun",
        "UserError",
        "evaluate",
        "export_program",
        "frame_of",
        "load",
        "make_environment",
        "open_run",
        "preset",
        "record",
        "resume",
        "tournament",
        "train",
        "train_many",
    ]


def test_docstrings_name_the_thing_first() -> None:
    """Neither a docstring nor the entry of an argument begins with "of" or "whom"."""
    odd = re.compile(r'"""(Of|Whom|Whoever) |^ +\w+: (of|whom) ', re.MULTILINE)
    found = {file.name: odd.findall(file.read_text()) for file in SOURCE.rglob("*.py")}
    assert not {name: lines for name, lines in found.items() if lines}


def test_functions_stay_small() -> None:
    for file in (*SOURCE.rglob("*.py"), *STUDIES.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                assert lines <= 60, f"{file.name}: {node.name} has {lines} lines"


def test_modules_stay_small() -> None:
    for file in SOURCE.rglob("*.py"):
        assert len(file.read_text().splitlines()) <= 330, file
