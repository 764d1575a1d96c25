"""Commands that make what others use."""

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


def export(
    runs: tyro.conf.Positional[tuple[Path, ...]],
    out: Path,
    method: Method = "last",
    checkpoints: LastCheckpoints | None = None,
    role: str | None = None,
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
    number = last_of(checkpoints or ("last:3" if len(runs) == 1 else "last:1"))
    if program:
        last = export_as_program(runs, out, method, number, role)
    else:
        last = export_policy(runs, out, method, number)
    if method == "last":
        what = str(last[0])
    else:
        each = "the last checkpoint" if number == 1 else f"the last {number} checkpoints"
        what = f"{each} of {runs[0] if len(runs) == 1 else f'each of {len(runs)} runs'}"
    if program:
        use = f"load it with `torch.export.load({str(out)!r})`"
    else:
        own = own_functions_of([str(run) for run in runs])
        use = f"play it with `{command('evaluate', out, RANDOM, own_functions=own)}`"
    say(f"{out} holds {what}: {use}")
