"""A policy in one file: weights, and all that is needed to play with them."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cmfq.algorithms import MeanFieldSettings
from cmfq.decoding import Damage, convert, damage_of, reason_of
from cmfq.environments.base import TeamSpecification
from cmfq.environments.registry import find_kind
from cmfq.environments.settings import EnvironmentSettings
from cmfq.errors import UserError
from cmfq.hints import TRUST_VARIABLE
from cmfq.imports import own_names
from cmfq.networks import NetworkSettings
from cmfq.new_network import network_weights, new_network
from cmfq.policies import QPolicy
from cmfq.storage import plain, read_tensors, write_tensors
from cmfq.training.former import former_environment, former_policies
from cmfq.training.role_learner import join_names, split_names, tensors_of
from cmfq.zoo import locate

FORMAT = "cmfq-policy-2"
FIRST_FORMAT = "cmfq-policy-1"
"""Held one policy, of the one role there was."""


@dataclass(frozen=True)
class PolicyDescription:
    """Description of the policy of one role in a checkpoint."""

    algorithm: str
    beta: float
    mean_field: MeanFieldSettings
    network: NetworkSettings
    specification: TeamSpecification
    members: int = 0
    """Number of further networks whose values are averaged with the first one's."""

    @property
    def own_functions(self) -> list[str]:
        """Names of functions outside the package that the policy calls."""
        return [*own_names(self.algorithm), *self.mean_field.own_functions]


@dataclass(frozen=True)
class CheckpointDescription:
    """Description of a checkpoint."""

    environment: str
    """Name of the kind of environment that it was trained in."""
    environment_settings: dict[str, Any]
    episode: int
    policies: dict[str, PolicyDescription]
    """Policy of each role."""


@dataclass(frozen=True)
class Checkpoint:
    """Policies of a run at one time."""

    path: Path
    description: CheckpointDescription
    policies: dict[str, QPolicy]
    """Policy of each role."""

    def environment_settings(self) -> EnvironmentSettings:
        """Settings of the environment that it was trained in."""
        with damage_of(
            f"{self.path} does not describe its environment, it", "give another checkpoint"
        ):
            settings = convert(
                former_environment(
                    self.description.environment, self.description.environment_settings
                ),
                find_kind(self.description.environment),
            )
        validate_own_functions(settings.own_functions, self.path)
        return settings


def save_policies(
    path: Path,
    policies: Mapping[str, QPolicy],
    network: NetworkSettings,
    *,
    environment: EnvironmentSettings,
    episode: int,
) -> None:
    """Write a checkpoint: safetensors, so that loading a stranger's file runs none of its code.

    Args:
        path: file to write.
        policies: policies of each role.
        network: settings of their networks.
        environment: settings of the environment that they were trained in.
        episode: that they were trained to.
    """
    description = CheckpointDescription(
        environment.kind,
        plain(environment),
        episode,
        {
            role: PolicyDescription(
                policy.algorithm,
                policy.beta,
                policy.mean_field,
                network,
                policy.specification,
                len(policy.network.members),
            )
            for role, policy in policies.items()
        },
    )
    tensors = join_names({role: policy.network.state_dict() for role, policy in policies.items()})
    write_tensors(path, tensors, {"format": FORMAT, **plain(description)})


def load(path: str | Path, role: str | None = None) -> QPolicy:
    """Load a trained policy from a run folder (its last checkpoint) or a checkpoint file.

    Args:
        path: path of the folder or file, or ``zoo:NAME`` (see :mod:`cmfq.zoo`).
        role: role of the policy; needed where a run has several.

    Raises:
        UserError: nothing is there, it is cut short or not a policy of this version, or it has no
            such role.
    """
    return policy_of(load_checkpoint(path).policies, role, path)


def policy_of(policies: Mapping[str, QPolicy], role: str | None, path: str | Path) -> QPolicy:
    """The policy of a role; of the only one, if none is named.

    Args:
        policies: policy of each role.
        role: its name.
        path: where they are from, for messages.

    Raises:
        UserError: there is no such role, or several and none is named.
    """
    if role is None and len(policies) == 1:
        return next(iter(policies.values()))
    if role is None or role not in policies:
        asked = f"no role {role!r}" if role else "several roles"
        raise UserError(f"{path} has {asked}: name one of {', '.join(policies)}")
    return policies[role]


def load_checkpoint(path: str | Path) -> Checkpoint:
    """The policies of all roles (see :func:`load`), and what the file says of itself."""
    file = locate(path)
    if file.is_dir():
        file = latest_checkpoint(file)
    tensors, info = read_tensors(file)
    with damage_of(
        (f"{file} has a description that does not match its weights, it"), "give another checkpoint"
    ):
        if info.get("format") == FIRST_FORMAT:
            tensors, info = _as_second_format(tensors, info)
        if info.get("format") != FORMAT:
            raise UserError(f"{file} holds no policy that this version of cmfq reads ({FORMAT})")
        description = convert(former_policies(info), CheckpointDescription)
        if not description.policies:
            raise Damage("has no policy")
        weights = split_names(tensors)
        policies = {
            role: _policy(file, tensors_of(role, weights), one)
            for role, one in description.policies.items()
        }
    return Checkpoint(file, description, policies)


def _as_second_format(
    tensors: dict[str, Tensor], info: dict[str, Any]
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    role = TeamSpecification.role
    return {f"{role}/{name}": tensor for name, tensor in tensors.items()}, {
        "format": FORMAT,
        "environment": info.pop("environment", None),
        "environment_settings": {},
        "episode": info.pop("episode", None),
        "policies": {role: info},
    }


def _policy(file: Path, weights: dict[str, Tensor], description: PolicyDescription) -> QPolicy:
    validate_own_functions(description.own_functions, file)
    if not 0 <= description.beta <= 1e6:
        raise UserError(f"{file} has a beta of {description.beta}: give another checkpoint")
    _check_weights(weights, description)
    if not all(weight.isfinite().all() for weight in weights.values()):
        raise UserError(f"{file} has weights that are not finite: give an earlier checkpoint")
    kind = description.specification, description.network, description.algorithm
    network = new_network(*kind)
    network.members.extend(new_network(*kind) for _ in range(description.members))
    network.load_state_dict(weights)
    return QPolicy(
        description.specification,
        network.eval(),
        description.algorithm,
        description.mean_field,
        description.beta,
    )


def _check_weights(weights: Mapping[str, Tensor], description: PolicyDescription) -> None:
    """Refuse weights of another network, before that network is made: a few bytes may name it.

    Raises:
        Damage: a weight is missing, or of another shape or type, or belongs to no such network.
    """
    specification = description.specification
    if not specification.actions or not specification.view_radius >= 0:
        raise Damage("names no actions, or no radius of the view")
    try:
        named = network_weights(specification, description.network, description.algorithm)
    except UserError as error:
        raise Damage(f"names a network that cannot be: {reason_of(error)}") from error
    if not 0 <= description.members < len(weights) + 1:
        raise Damage(f"names {description.members} members, and holds fewer weights")
    wanted = dict(named)
    for member in range(description.members):
        wanted |= {f"members.{member}.{name}": weight for name, weight in named.items()}
    for name in weights.keys() | wanted.keys():
        asked, found = _kind(wanted.get(name), "not there"), _kind(weights.get(name), "none")
        if name not in wanted or name not in weights or asked != found:
            raise Damage(f"names a network whose {name} is {asked}, and holds {found}")


def _kind(weight: Tensor | None, without: str) -> str:
    """Shape of a weight, and its dtype unless it is the usual one."""
    if weight is None:
        return without
    dtype = "" if weight.dtype == torch.float32 else f" {weight.dtype}"
    return f"{tuple(weight.shape)}{dtype}"


def latest_checkpoint(run: Path) -> Path:
    """The last checkpoint of a run folder.

    Raises:
        UserError: the folder has none.
    """
    checkpoints = list_checkpoints(run)
    if not checkpoints:
        raise UserError(f"{run} has no checkpoints: give a run folder made by `cmfq train`")
    return checkpoints[-1]


def list_checkpoints(run: Path) -> list[Path]:
    """Checkpoints of a run folder, by episode; other files there are left alone."""
    files = (run / "checkpoints").glob("*.safetensors")
    return sorted((file for file in files if file.stem.isdecimal()), key=lambda f: int(f.stem))


_named: set[str] = set()


def trust_named(names: Sequence[str]) -> None:
    """Let files call these functions in this process, whose user named them in settings."""
    _named.update(names)


def validate_own_functions(names: Sequence[str], file: Path | str) -> None:
    """Loading a stranger's file must not run code, unless the user says so.

    Args:
        names: names of functions outside the package that the file wants to be called.
        file: for the message, or what else names them.

    Raises:
        UserError: there are some.
    """
    if not _named.issuperset(names) and os.environ.get(TRUST_VARIABLE) != "1":
        raise UserError(
            f"{file} uses {' and '.join(names)}, whose code would be run: if you "
            f"trust it, set {TRUST_VARIABLE}=1"
        )
