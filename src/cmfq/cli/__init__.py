"""Causal mean-field reinforcement learning: train, play and understand hundreds of agents."""

import sys

import tyro

from cmfq.cli.playing import compare, draw, evaluate, report
from cmfq.cli.training import bench, resume, train
from cmfq.cli.understanding import check, explain
from cmfq.errors import UserError

COMMANDS = (train, resume, evaluate, compare, report, draw, explain, check, bench)


def main(arguments: list[str] | None = None) -> int:
    """Run a command; a user's mistake is one sentence and exit code 2."""
    commands = {command.__name__: command for command in COMMANDS}
    try:
        tyro.extras.subcommand_cli_from_dict(
            commands, prog="cmfq", description=__doc__, args=arguments
        )
    except UserError as error:
        print(f"cmfq: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("cmfq: stopped", file=sys.stderr)
        return 130
    return 0
