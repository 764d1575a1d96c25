"""The built wheel does what the README shows outside the repository, with no more than it says.

The wheel is installed into an environment of its own, which finds its dependencies where this
process has them: all of them, or all but the optional ones.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEPENDENCIES = Path(sysconfig.get_path("purelib"))
BUILD = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that nothing is left in the repository."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    junk = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "src", source / "src", ignore=junk)
    subprocess.run(
        [sys.executable, "-c", BUILD, out], cwd=source, check=True, capture_output=True, text=True
    )
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def fresh(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel in it; the path of its Python."""
    folder = tmp_path_factory.mktemp("fresh") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    install = ["install", "--quiet", "--no-deps", "--no-index", wheel]
    subprocess.run([sys.executable, "-m", "pip", "--python", python, *install], check=True)
    return python


@pytest.fixture
def required(tmp_path: Path) -> Path:
    """The installed packages without the optional ones: a folder of links."""
    folder = tmp_path / "required"
    folder.mkdir()
    for package in DEPENDENCIES.iterdir():
        if not package.name.startswith(("magent2", "pettingzoo", "pygame", "tensorboard", "av")):
            (folder / package.name).symlink_to(package)
    return folder


def run(fresh: Path, folder: Path, code: str, packages: Path, exit_code: int = 0) -> str:
    """What a script prints, run by the fresh Python in a folder."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(
        [fresh, "-c", code],
        cwd=folder,
        env=kept | {"PYTHONPATH": str(packages)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == exit_code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_what_the_readme_shows_works_outside_the_repository(fresh: Path, tmp_path: Path) -> None:
    said = run(
        fresh,
        tmp_path,
        """
import sys
import numpy as np
import cmfq
from cmfq.cli import main

assert cmfq.__file__.startswith(sys.prefix), cmfq.__file__
policy = cmfq.load("zoo:mfq64")
environment = cmfq.BattleEnvironment(cmfq.BattleSettings(size=16, formation="random"))
generator = np.random.default_rng(0)
observations = environment.reset(seed=0)
actions = [policy.act(team, generator) for team in observations]
assert [len(team) for team in actions] == [16, 16]

small = "--size 16 --formation random --max-steps 20".split()
train = ["train", "battle", *small, "--episodes", "2", "--algorithm", "mfq", "--run", "runs/x"]
assert main([*train, "--opponents", "self", "zoo:cmfq64=0.5"]) == 0
assert main(["evaluate", "runs/x", "zoo:cmfq64", "--games", "2", "--workers", "1"]) == 0
assert main(["record", "zoo:mfq64", "swarm", *small, "--out", "fight.replay"]) == 0
assert main(["view", "fight.replay", "--html", "fight.html"]) == 0
assert main(["report", "runs/x", "--against", "zoo:mfq64", "--games", "2", "--workers", "1"]) == 0
""",
        DEPENDENCIES,
    )
    assert "zoo:cmfq64" in said
    assert "<html" in (tmp_path / "fight.html").read_text()
    assert (tmp_path / "runs" / "x" / "report.html").stat().st_size > 10_000


def test_what_needs_neither_magent2_nor_tensorboard_runs_without_them(
    fresh: Path, required: Path, tmp_path: Path
) -> None:
    said = run(
        fresh,
        tmp_path,
        """
import sys
from cmfq.cli import main

small = "--predators 2 --prey 3 --obstacles 2 --max-steps 5".split()
assert main(["train", "particles", *small, "--episodes", "2", "--run", "x"]) == 0
assert main(["evaluate", "x", "random", "--games", "2", "--workers", "1"]) == 0
sys.exit(main(["train", "battle", "--episodes", "1", "--run", "y"]))
""",
        required,
        exit_code=2,
    )
    assert "pip install 'cmfq[tensorboard]'" in said
    assert not list((tmp_path / "x").glob("events.*"))
    (refused,) = (line for line in said.splitlines() if "battle" in line)
    assert refused.startswith("cmfq: ")
    assert "pip install 'cmfq[magent]'" in refused
    assert not (tmp_path / "y").exists()


def test_the_command_is_installed(fresh: Path) -> None:
    assert "from cmfq.cli import main" in (fresh.parent / "cmfq").read_text()


def test_the_wheel_holds_the_shipped_policies_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for policy, episodes in (("cmfq64", 800), ("mfq64", 300)):
        assert f"cmfq/zoo/{policy}/run.json" in names
        assert f"cmfq/zoo/{policy}/checkpoints/{episodes:06d}.safetensors" in names
    assert not [name for name in names if name.startswith(("tests", "zoo", "docs"))]
