"""A policy in one file: weights, and all that is needed to play with them."""

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from cmfq.algorithms import MeanFieldSettings
from cmfq.environments.base import TeamSpecification
from cmfq.errors import UserError
from cmfq.networks import NetworkSettings
from cmfq.policies import QPolicy, new_network
from cmfq.storage import read_tensors, write_tensors

FORMAT = "cmfq-policy-1"
TRUST_VARIABLE = "CMFQ_RUN_OWN_FUNCTIONS"
"""Environment variable that allows files to name functions outside the package."""


@dataclass(frozen=True)
class PolicyDescription:
    """What a checkpoint says about itself."""

    environment: str
    algorithm: str
    beta: float
    episode: int
    mean_field: MeanFieldSettings
    network: NetworkSettings
    specification: TeamSpecification


def save_policy(
    path: Path, policy: QPolicy, network: NetworkSettings, *, environment: str, episode: int
) -> None:
    """Write a checkpoint: safetensors, so that loading a stranger's file runs none of its code."""
    description = PolicyDescription(
        environment,
        policy.algorithm,
        policy.beta,
        episode,
        policy.mean_field,
        network,
        policy.specification,
    )
    info = {"format": FORMAT, **msgspec.to_builtins(description)}
    write_tensors(path, dict(policy.network.state_dict()), info)


def load(path: str | Path) -> QPolicy:
    """Load a trained policy from a run folder (its last checkpoint) or a checkpoint file.

    Raises:
        UserError: nothing is there, or it is cut short or not a policy of this version.
    """
    return load_with_description(path)[0]


def load_with_description(path: str | Path) -> tuple[QPolicy, PolicyDescription]:
    """Like :func:`load`, with what the checkpoint says about itself."""
    file = latest_checkpoint(Path(path)) if Path(path).is_dir() else Path(path)
    weights, info = read_tensors(file)
    if info.pop("format", None) != FORMAT:
        raise UserError(f"{file} holds no policy that this version of cmfq reads ({FORMAT})")
    try:
        description = msgspec.convert(info, PolicyDescription, strict=False)
        refuse_own_functions(description.mean_field, file)
        network = new_network(description.specification, description.network, description.algorithm)
        network.load_state_dict(weights)
    except (msgspec.ValidationError, RuntimeError) as error:
        raise UserError(f"{file} does not describe its own weights: {error}") from error
    if not 0 <= description.beta <= 1e6:
        raise UserError(f"{file} has a beta of {description.beta}: give another checkpoint")
    if not all(weight.isfinite().all() for weight in weights.values()):
        raise UserError(f"{file} has weights that are not finite: give an earlier checkpoint")
    policy = QPolicy(
        description.specification,
        network.eval(),
        description.algorithm,
        description.mean_field,
        description.beta,
    )
    return policy, description


def latest_checkpoint(run: Path) -> Path:
    """The last checkpoint of a run folder.

    Raises:
        UserError: the folder has none.
    """
    checkpoints = list_checkpoints(run)
    if not checkpoints:
        raise UserError(f"{run} has no checkpoints: is it a run folder made by `cmfq train`?")
    return checkpoints[-1]


def list_checkpoints(run: Path) -> list[Path]:
    """Checkpoints of a run folder, by episode; other files there are left alone."""
    files = (run / "checkpoints").glob("*.safetensors")
    return sorted((file for file in files if file.stem.isdecimal()), key=lambda f: int(f.stem))


def refuse_own_functions(settings: MeanFieldSettings, file: Path) -> None:
    """Loading a stranger's file must not run code, unless the user says so.

    Raises:
        UserError: the settings name functions outside the package.
    """
    if settings.own_functions and os.environ.get(TRUST_VARIABLE) != "1":
        raise UserError(
            f"{file} uses {' and '.join(settings.own_functions)}, whose code would be run: if you "
            f"trust it, set {TRUST_VARIABLE}=1"
        )
