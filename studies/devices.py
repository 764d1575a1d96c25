"""How fast is training on this machine's devices, and what limits it?

Rows that were measured are kept in ``rows.json`` by card and case: run again on another machine,
with the file beside it, the study adds that machine's rows to the page.

    python -m studies.devices --out docs/results/devices
"""

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import tyro

from cmfq.bench import measure
from cmfq.devices import available, describe, find_device, wait_for
from cmfq.environments.battle import BattleSettings
from cmfq.experiments.training import train_missing
from cmfq.learner import LearnerSettings
from cmfq.results.page import Code, Finding, Page, Section
from cmfq.results.table import Table, listing
from cmfq.results.writing import write_folder
from cmfq.storage import make_folder
from cmfq.training.presets import preset_training
from cmfq.training.run import Run
from cmfq.training.self_play import SelfPlay
from cmfq.training.settings import TrainSettings
from studies.kept_rows import read_rows, write_rows

SHAPES = {
    "cpu": ((64, 1, 1, 256),),
    "cuda": (
        (64, 1, 1, 256),
        (64, 8, 1, 256),
        (64, 32, 1, 256),
        (64, 32, 1, 1024),
        (64, 32, 8, 1024),
        (400, 1, 1, 256),
        (400, 8, 8, 256),
        (400, 8, 8, 1024),
    ),
}
"""Agents a side, worlds side by side, threads, rows in a batch."""
BATCHES = (256, 1024, 4096)
WHOLE_RUN = ("paper", 400, 16)
"""Preset, episodes, worlds."""
SEVERAL_RUNS = (15, "paper", 32, 16)
"""Runs at once, each in a process of its own; of each: preset, episodes, worlds."""


@dataclass(frozen=True)
class Row:
    """A case that was measured."""

    device: str
    """The device and its name."""
    kind: str
    """``training``: rates of whole steps; ``update``; ``run``: a whole run; or ``runs``: several at
    once."""
    case: dict[str, int | str]
    values: dict[str, float] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """What tells it from others."""
        return json.dumps([self.device, self.kind, self.case], sort_keys=True)


def training_values(
    name: str, size: int, worlds: int, threads: int, batch: int, steps: int
) -> dict[str, float]:
    """Milliseconds per step of all worlds, and agent-steps per second, of CMFQ in battle."""
    found = measure(
        TrainSettings(
            environment=BattleSettings(size=size, max_steps=steps),
            algorithm="cmfq",
            device=name,
            environments=worlds,
            threads=threads,
            learner=LearnerSettings(batch_size=batch),
        )
    )
    return {
        "environment_ms": found.environment_ms,
        "acting_ms": found.acting_ms,
        "learning_ms": found.learning_ms,
        "agent_steps_per_second": found.agent_steps_per_second,
    }


def update_values(name: str, batch: int, repeats: int) -> dict[str, float]:
    """Milliseconds of an update: kernel by kernel, by a graph, and in bfloat16 arithmetic."""
    settings = TrainSettings(
        environment=BattleSettings(max_steps=40),
        algorithm="cmfq",
        device=name,
        environments=8,
        learner=LearnerSettings(batch_size=batch, min_updates=0, replay_ratio=1e-6),
    )
    self_play = SelfPlay(settings)
    self_play.run_episodes()
    (side,) = self_play.sides.values()
    learner, device = side.learner, find_device(name)

    def milliseconds(update: Callable[[], object]) -> float:
        for _ in range(8):
            update()
        times = []
        for _ in range(5):
            wait_for(device)
            started = time.perf_counter()
            for _ in range(repeats):
                update()
            wait_for(device)
            times.append(1e3 * (time.perf_counter() - started) / repeats)
        return statistics.median(times)

    values = {"kernels_ms": milliseconds(lambda: learner.update(learner.sample(side.replay)))}
    if device.type == "cuda":
        values["graph_ms"] = milliseconds(lambda: learner.learn(side.replay))
        learner._graphs, exact = None, learner._descend  # recorded anew, in other arithmetic

        def cheap(*batch: object) -> torch.Tensor:
            with torch.autocast("cuda", torch.bfloat16):
                return exact(*batch)  # type: ignore[arg-type]

        learner._descend = cheap  # type: ignore[assignment, method-assign]
        values["bfloat16_ms"] = milliseconds(lambda: learner.learn(side.replay))
    self_play.close()
    return values


def run_values(name: str, preset: str, episodes: int, worlds: int) -> dict[str, float]:
    """Seconds of a whole run of CMFQ, from the command to the last checkpoint."""
    return several_values(name, 1, preset, episodes, worlds)


def several_values(
    name: str, runs: int, preset: str, episodes: int, worlds: int
) -> dict[str, float]:
    """Seconds of some runs of CMFQ with different seeds at once, until all have ended."""
    settings = replace(
        preset_training(preset, BattleSettings()),
        algorithm="cmfq",
        episodes=episodes,
        environments=worlds,
        device=name,
        evaluate_period=0,
    )
    plan = {f"cmfq-{seed}": replace(settings, seed=seed) for seed in range(runs)}
    with TemporaryDirectory() as folder:
        started = time.perf_counter()
        for _ in train_missing(plan, Path(folder), workers=runs):
            pass
        seconds = time.perf_counter() - started
        rows = [row for run in plan for row in Run.open(Path(folder) / run).rows()]
    return {"seconds": seconds, "agent_steps": float(sum(row["agent_steps"] for row in rows))}


def page_of(rows: Sequence[Row], again: str) -> Page:
    """Describe the results."""
    what = (
        "CMFQ in battle, half of a sampled row for each agent-step, with a new network, so hardly "
        "any agents die. *Parallel episodes*: their number, with one call of the network "
        "for all. *Environment*: milliseconds in which the engines make a step of all episodes, "
        "views and features included. *Acting*: from observations to actions, with the transfers "
        "to and from the device. *Learning*: writing to the replay buffer, sampling from it, and "
        "the updates."
    )
    return Page(
        "Devices: how fast is training, and what limits it?",
        (
            Section("", (what,)),
            _section("Steps of training", _of_training(rows), rows, "training", _training_table),
            _section("One update", _of_updates(rows), rows, "update", _update_table),
            _section("A whole run", _of_runs(rows), rows, "run", _run_table),
            _section("Several runs at once", _of_several(rows), rows, "runs", _several_table),
        ),
        (Code(again), "measures the cases that are missing, on the devices of this machine."),
    )


def _section(
    heading: str,
    findings: Iterable[str],
    rows: Sequence[Row],
    kind: str,
    table: Callable[[Sequence[Row]], Table],
) -> Section:
    ours = [row for row in rows if row.kind == kind]
    return Section(heading, (*map(Finding, findings), table(ours)) if ours else ())


def _of_training(rows: Sequence[Row]) -> Iterator[str]:
    for device, ours in _by_device(rows, "training").items():
        best = max(ours, key=lambda row: row.values["agent_steps_per_second"])
        parts = {part: best.values[f"{part}_ms"] for part in ("environment", "acting", "learning")}
        most = max(parts, key=lambda part: parts[part])
        worlds, share = best.case["worlds"], parts[most] / sum(parts.values())
        yield (
            f"{device}: {_rate(best)} agent-steps a second at most, with {worlds} "
            f"parallel episode{'' if worlds == 1 else 's'} of {best.case['size']} a side; "
            f"{share:.0%} of that time is {most}."
        )


def _of_updates(rows: Sequence[Row]) -> Iterator[str]:
    for device, ours in _by_device(rows, "update").items():
        gains = [
            f"{row.values['kernels_ms'] / row.values['graph_ms']:.1f} times with "
            f"{row.case['batch']} rows"
            for row in ours
            if "graph_ms" in row.values
        ]
        if gains:
            yield f"{device}: a CUDA graph speeds an update up {listing(gains)}."


def _of_runs(rows: Sequence[Row]) -> Iterator[str]:
    for device, ours in _by_device(rows, "run").items():
        fastest = min(ours, key=lambda row: row.values["seconds"] / int(row.case["episodes"]))
        yield (
            f"{device}: {fastest.case['episodes']} episodes with preset {fastest.case['preset']} "
            f"take {fastest.values['seconds']:.0f} seconds."
        )


def _of_several(rows: Sequence[Row]) -> Iterator[str]:
    for device, ours in _by_device(rows, "runs").items():
        best = max(ours, key=_rate_of)
        runs, seconds = int(best.case["runs"]), best.values["seconds"]
        yield (
            f"{device}: {runs} runs at once, each in a process of its own, make "
            f"{_rate_of(best):,.0f} agent-steps a second together: {best.case['episodes']} "
            f"episodes of each in {seconds:.0f} seconds."
        )


def _rate_of(row: Row) -> float:
    return row.values["agent_steps"] / row.values["seconds"]


def _by_device(rows: Sequence[Row], kind: str) -> dict[str, list[Row]]:
    devices = dict.fromkeys(row.device for row in rows if row.kind == kind)
    return {
        device: [row for row in rows if (row.device, row.kind) == (device, kind)]
        for device in devices
    }


def _rate(row: Row) -> str:
    return f"{row.values['agent_steps_per_second']:,.0f}"


def _training_table(rows: Sequence[Row]) -> Table:
    names = ("environment_ms", "acting_ms", "learning_ms")
    return Table(
        (
            "device",
            "a side",
            "parallel episodes",
            "threads",
            "batch",
            "environment, ms",
            "acting, ms",
            "learning, ms",
            "agent-steps/s",
        ),
        [
            (
                row.device,
                *(str(row.case[name]) for name in ("size", "worlds", "threads", "batch")),
                *(f"{row.values[name]:.2f}" for name in names),
                _rate(row),
            )
            for row in rows
        ],
        "Milliseconds per step of all episodes, and agent-steps per second",
    )  # fmt: skip


def _update_table(rows: Sequence[Row]) -> Table:
    names = {
        "kernels_ms": "separate kernels, ms",
        "graph_ms": "CUDA graph, ms",
        "bfloat16_ms": "bfloat16, ms",
    }
    known = {name: title for name, title in names.items() if any(name in r.values for r in rows)}
    return Table(
        ("device", "rows", *known.values()),
        [
            (
                row.device,
                str(row.case["batch"]),
                *(f"{row.values[name]:.2f}" if name in row.values else "–" for name in known),
            )
            for row in rows
        ],
        "Milliseconds of an update, sampling included; bfloat16 also with a CUDA graph",
    )


def _run_table(rows: Sequence[Row]) -> Table:
    return _whole_runs(
        rows,
        {"preset": "preset", "episodes": "episodes", "worlds": "parallel episodes"},
        "Runs of CMFQ, 64 a side, from the command to the last checkpoint",
    )


def _several_table(rows: Sequence[Row]) -> Table:
    return _whole_runs(
        rows,
        {
            "preset": "preset",
            "runs": "runs",
            "episodes": "episodes of each",
            "worlds": "parallel episodes",
        },
        "Runs of CMFQ, 64 a side, started together, until the last has ended",
    )


def _whole_runs(rows: Sequence[Row], case: Mapping[str, str], title: str) -> Table:
    """A row for each; ``case``: headings of the columns that say what ran."""
    return Table(
        ("device", *case.values(), "seconds", "agent-steps", "agent-steps/s"),
        [
            (
                row.device,
                *(str(row.case[name]) for name in case),
                f"{row.values['seconds']:.0f}",
                f"{row.values['agent_steps']:,.0f}",
                f"{_rate_of(row):,.0f}",
            )
            for row in rows
        ],
        title,
    )


@dataclass(frozen=True)
class DevicesStudy:
    """The study's options."""

    out: Path
    """Folder to write."""
    devices: tuple[str, ...] = ()
    """Devices to measure; those of this machine if none is given."""
    steps: int = 60
    """Steps of an episode that is timed."""
    repeats: int = 40
    """Updates that are timed at once."""


def measurements(
    study: DevicesStudy, device: str
) -> list[tuple[Row, Callable[[], dict[str, float]]]]:
    """What is measured on a device: a row without values, and what gives them."""
    name, kind = describe(device), find_device(device).type
    cases: list[tuple[Row, Callable[[], dict[str, float]]]] = []
    for shape in SHAPES[kind]:
        case: dict[str, int | str] = dict(
            zip(("size", "worlds", "threads", "batch"), shape, strict=True)
        )
        measured = partial(training_values, device, *shape, study.steps)
        cases.append((Row(name, "training", case), measured))
    for batch in BATCHES:
        update = partial(update_values, device, batch, study.repeats if kind == "cuda" else 2)
        cases.append((Row(name, "update", {"batch": batch}), update))
    if kind == "cuda":
        case = dict(zip(("preset", "episodes", "worlds"), WHOLE_RUN, strict=True))
        cases.append((Row(name, "run", case), partial(run_values, device, *WHOLE_RUN)))
        case = dict(zip(("runs", "preset", "episodes", "worlds"), SEVERAL_RUNS, strict=True))
        cases.append((Row(name, "runs", case), partial(several_values, device, *SEVERAL_RUNS)))
    return cases


def main(arguments: list[str] | None = None) -> int:
    """Measure what is missing and write the page."""
    study = tyro.cli(DevicesStudy, args=arguments)
    make_folder(study.out)
    rows = read_rows(study.out, Row)
    for device in study.devices or available():
        for planned, measured in measurements(study, device):
            if planned.key in {row.key for row in rows}:
                continue
            rows.append(replace(planned, values=measured()))
            write_rows(study.out, rows)
            print(json.dumps(asdict(rows[-1])), flush=True)
    write_folder(study.out, page_of(rows, f"python -m studies.devices --out {study.out}"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
