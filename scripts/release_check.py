"""Is this tree fit to be released? `python scripts/release_check.py` lists what is missing.

    python scripts/release_check.py

What a script can see is checked; what only a person can do is on the list of CONTRIBUTING.md.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path

ROOT = Path(__file__).parents[1]
DATED = re.compile(r"^## (\d+\.\d+\.\d+) \((\d{4}-\d{2}-\d{2})\)$", re.MULTILINE)


def problems(root: Path) -> Iterator[str]:
    """One sentence for everything that keeps a tree from being released.

    Args:
        root: folder of the repository.
    """
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    version = project["version"]
    changes = (root / "CHANGELOG.md").read_text()
    citation = (root / "CITATION.cff").read_text()
    yield from _changelog(changes, version)
    yield from _citation(citation, version, dict(DATED.findall(changes)))
    if "Repository" not in project.get("urls", {}):
        yield "pyproject.toml has no URL of the repository: add Repository under [project.urls]"
    yield from _files(root)
    yield from _pins(project, (root / "constraints.txt").read_text())


def _changelog(changes: str, version: str) -> Iterator[str]:
    released = [number for number, _ in DATED.findall(changes)]
    headings = re.findall(r"^## (.+)$", changes, re.MULTILINE)
    if not headings or headings[0] != "Unreleased":
        yield "CHANGELOG.md does not begin with an Unreleased part: add one, empty after a release"
    for heading in headings[1:]:
        if not DATED.match(f"## {heading}"):
            yield f"CHANGELOG.md has the heading {heading!r}: write `VERSION (YYYY-MM-DD)`"
    if version not in released:
        yield f"CHANGELOG.md has no dated part for version {version}"
    elif released[0] != version:
        yield f"the version is {version}, the newest in CHANGELOG.md is {released[0]}"
    unreleased = changes.partition("## Unreleased")[2].partition("\n## ")[0].strip()
    if unreleased and version in released:
        yield f"CHANGELOG.md has changes that version {version} does not name: raise the version"
    for _, day in DATED.findall(changes):
        if date.fromisoformat(day) > date.today():
            yield f"CHANGELOG.md has a date in the future: {day}"


def _citation(citation: str, version: str, days: dict[str, str]) -> Iterator[str]:
    for name, expected in (("version", version), ("date-released", days.get(version))):
        found = re.search(rf"^{name}: (\S+)$", citation, re.MULTILINE)
        if not found or found[1] != expected:
            yield f"CITATION.cff has {name} {found[1] if found else 'missing'}, not {expected}"


def _files(root: Path) -> Iterator[str]:
    for name in ("LICENSE", "README.md", "SECURITY.md", "CONTRIBUTING.md", "Dockerfile"):
        if not (root / name).is_file():
            yield f"{name} is missing"
    for policy in ("cmfq64", "iql64", "mfq64", "pursuit"):
        if not list((root / "src" / "cmfq" / "zoo" / policy / "checkpoints").glob("*.safetensors")):
            yield f"the shipped policy zoo:{policy} has no checkpoint"
    for page in (root / "README.md", *root.glob("docs/*.md")):
        for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", page.read_text()):
            if not (page.parent / target).exists():
                yield f"{page.relative_to(root)} links to {target}, which is not there"


def _pins(project: dict, constraints: str) -> Iterator[str]:
    pinned = {_normal(line.partition("==")[0]) for line in constraints.splitlines() if "==" in line}
    extras = project["optional-dependencies"].values()
    for requirement in [*project["dependencies"], *(one for extra in extras for one in extra)]:
        name = _normal(re.match(r"[\w-]+", requirement)[0])
        if name not in pinned | {"cmfq", "setuptools"}:
            yield f"constraints.txt has no version of {name}"


def _normal(name: str) -> str:
    return name.lower().replace("_", "-")


def main() -> int:
    """Print what is missing; 1 if anything is."""
    found = list(problems(ROOT))
    for sentence in found:
        print(f"- {sentence}")
    print("nothing is missing" if not found else f"{len(found)} to do before a release")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
