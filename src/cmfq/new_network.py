"""Networks of the kind that an algorithm needs, and how large they may be."""

import math

import torch

from cmfq.algorithms import find_algorithm
from cmfq.environments.base import TeamSpecification
from cmfq.errors import UserError
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
    network_shapes(specification, settings, algorithm)
    return QNetwork(specification, settings, find_algorithm(algorithm).parts)


def network_shapes(
    specification: TeamSpecification, settings: NetworkSettings, algorithm: str
) -> dict[str, tuple[int, ...]]:
    """Shape of each of a network's weights, by name; no memory is taken for them.

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
    shapes = {name: tuple(weight.shape) for name, weight in network.state_dict().items()}
    weights = sum(math.prod(shape) for shape in shapes.values())
    if weights > LARGEST_NETWORK:
        raise UserError(
            f"a network of {size} would have {weights:,} weights: give smaller sizes, up to "
            f"{LARGEST_NETWORK:,} weights"
        )
    return shapes
