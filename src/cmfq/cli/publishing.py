"""Commands that make what others use."""

from collections.abc import Sequence
from pathlib import Path

import tyro

from cmfq.cli.command_line import last_of
from cmfq.cli.options import LastCheckpoints
from cmfq.errors import UserError
from cmfq.hints import command
from cmfq.outputs import POLICY, PROGRAM, validate_output
from cmfq.play.players import RANDOM, own_functions_of
from cmfq.text import say
from cmfq.training.export import Method, export_as_program, export_policy
from cmfq.training.retreat import fighting


def export(
    runs: tyro.conf.Positional[tuple[Path, ...]],
    out: Path,
    method: Method = "last",
    checkpoints: LastCheckpoints | None = None,
    role: str | None = None,
    least_attacks_hurt: float | None = None,
) -> None:
    """Write the policy of a run, or of several together, as one file.

    A .safetensors file is a policy for every command. A .pt2 file is a program of torch.export that
    runs without cmfq: it needs PyTorch only.

    Args:
        runs: Run folder; for an ensemble several, of one algorithm.
        out: File to write, such as policy.safetensors or policy.pt2.
        method: Form of the policy: the last checkpoint as it is, an ensemble of the last ones (the
            mean of their Q-values), or the average of their weights.
        checkpoints: Checkpoints of each run of an ensemble, or of the run of an average: last:3
            takes the last three (default: last:3 of a single run, last:1 of each of several)
        role: Role whose policy a .pt2 file holds, if a run has several.
        least_attacks_hurt: Leave runs out of an ensemble in whose last 50 episodes agents with less
            than half of their hit points, and an enemy in reach, attacked in less than this share
            of cases: in battle such runs are weak (docs/results/weak-runs; 0.88 is good there)
    """
    program = out.suffix == PROGRAM.suffixes[0]
    validate_output(out, PROGRAM if program else POLICY)
    if role is not None and not program:
        raise UserError(
            f"role is {role}, but a .safetensors file holds all roles: leave role out, or give a "
            ".pt2 file"
        )
    if not runs:
        raise UserError("no run is named: give a run folder, or several for an ensemble")
    if method == "last" and checkpoints is not None:
        raise UserError(
            f"checkpoints is {checkpoints}, but method last takes the last one: give method "
            "ensemble or average, or leave checkpoints out"
        )
    used = _without_retreats(runs, method, least_attacks_hurt)
    number = last_of(checkpoints or ("last:3" if len(runs) == 1 else "last:1"))
    if program:
        last = export_as_program(used, out, method, number, role)
        use = f"load it with `torch.export.load({str(out)!r})`"
    else:
        last = export_policy(used, out, method, number)
        own = own_functions_of([str(run) for run in used])
        use = f"play it with `{command('evaluate', out, RANDOM, own_functions=own)}`"
    what = str(last[0]) if method == "last" else _members(runs, used, number)
    say(f"{out} holds {what}: {use}")


def _without_retreats(
    runs: Sequence[Path], method: Method, least_attacks_hurt: float | None
) -> Sequence[Path]:
    """The runs that a policy is made of.

    Raises:
        UserError: runs are to be left out of what is no ensemble, or as of :func:`fighting`.
    """
    if least_attacks_hurt is None:
        return runs
    if method != "ensemble":
        raise UserError(
            f"least_attacks_hurt is {least_attacks_hurt}, but method is {method}: give method "
            "ensemble, or leave least_attacks_hurt out"
        )
    return fighting(runs, least_attacks_hurt)


def _members(runs: Sequence[Path], used: Sequence[Path], checkpoints: int) -> str:
    """What is joined, in words, and which runs are left out."""
    each = "the last checkpoint" if checkpoints == 1 else f"the last {checkpoints} checkpoints"
    what = f"{each} of {used[0] if len(used) == 1 else f'each of {len(used)} runs'}"
    left_out = [str(run) for run in runs if run not in used]
    return what + (f", without {', '.join(left_out)}" if left_out else "")
