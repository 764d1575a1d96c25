"""Networks of the kind that an algorithm needs, and how large they may be."""

import copy
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from cmfq.algorithms import find_algorithm
from cmfq.environments.base import TeamSpecification
from cmfq.errors import UserError
from cmfq.heads import PairwiseHead
from cmfq.networks import NetworkSettings, QNetwork

LARGEST_NETWORK = 2**27
"""Weights: 512 MB."""


def new_network(
    specification: TeamSpecification, settings: NetworkSettings, algorithm: str
) -> QNetwork:
    """A network of the kind that an algorithm needs; initial weights from torch's generator.

    Raises:
        UserError: it would have more than ``LARGEST_NETWORK`` weights.
    """
    network_weights(specification, settings, algorithm)
    return QNetwork(specification, settings, find_algorithm(algorithm).parts)


def network_weights(
    specification: TeamSpecification, settings: NetworkSettings, algorithm: str
) -> dict[str, Tensor]:
    """A network's weights and buffers by name, without values: no memory is taken for them.

    Raises:
        UserError: there is no such network, or it has more than ``LARGEST_NETWORK`` weights.
    """
    parts = find_algorithm(algorithm).parts
    size = f"{len(specification.actions)} actions, a view of {specification.view_shape}, {settings}"
    try:
        with torch.device("meta"):
            network = QNetwork(specification, settings, parts)
    except (RuntimeError, ValueError, TypeError, OverflowError) as error:
        raise UserError(f"there is no network of {size}: give other sizes") from error
    named: dict[str, Tensor] = network.state_dict()
    weights = sum(math.prod(weight.shape) for weight in named.values())
    if weights > LARGEST_NETWORK:
        raise UserError(
            f"a network of {size} would have {weights:,} weights: give smaller sizes, up to "
            f"{LARGEST_NETWORK:,} weights"
        )
    return named


def ensemble(networks: Sequence[QNetwork]) -> QNetwork:
    """A network whose Q-values are the mean of several networks' (Anschel et al. 2017).

    What a merging rule learns is the last one's. Nothing is shared with the networks given.

    Args:
        networks: networks of one kind; members of theirs are left out.

    Raises:
        UserError: their head is not the pairwise one.
    """
    if len(networks) > 1 and not isinstance(networks[-1].head, PairwiseHead):
        found = type(networks[-1].head).__name__.removesuffix("Head").lower()
        raise UserError(
            f"means of Q-values need the pairwise head, but these networks have {found}: use one "
            "network"
        )
    *others, whole = [copy.deepcopy(network) for network in networks]
    for network in (*others, whole):
        network.members = nn.ModuleList()
    whole.members.extend(others)
    return whole
