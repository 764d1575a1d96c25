"""Commands that make what others use."""

from pathlib import Path

import tyro

from cmfq.hints import command
from cmfq.outputs import POLICY, validate_output
from cmfq.play.players import RANDOM
from cmfq.text import say
from cmfq.training.export import Method, export_policy
from cmfq.training.run import Run
from cmfq.zoo import locate


def export(
    run: tyro.conf.Positional[Path],
    out: Path,
    method: Method = "last",
    checkpoints: int = 3,
) -> None:
    """Write the policy of a run as one file.

    Args:
        run: Run folder.
        out: File to write, such as policy.safetensors.
        method: What to write: the last checkpoint as it is, an ensemble of the last ones (the mean
            of their Q-values), or the average of their weights.
        checkpoints: Number of last checkpoints of an ensemble or an average.
    """
    validate_output(out, POLICY)
    last = export_policy(run, out, method, checkpoints)
    own = Run.open(locate(run)).description().settings.own_functions
    what = last if method == "last" else f"{checkpoints} checkpoints up to {last}"
    play = command("evaluate", out, RANDOM, own_functions=own)
    say(f"{out} holds {what}: play it with `{play}`")
