"""A policy as one program that needs PyTorch and nothing of this package (``torch.export``).

The program works out what a policy does in one step, for any number of agents: the mean action
(Eq 2), the effect of every action (Eq 7), the merged action (Eq 10, 11), and the Q-values. Who
counts as a neighbour is left to the caller, who counts the neighbours' actions.
"""

import io
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from cmfq.algorithms import find_function
from cmfq.errors import UserError, told
from cmfq.mean_field.intervention import INTERVENTIONS, MEASURES, Intervention, Measure, Outcome
from cmfq.mean_field.merging import causal_action, mean_action
from cmfq.networks import Encoding, QNetwork
from cmfq.policies import QPolicy
from cmfq.storage import plain, write_bytes

DESCRIPTION = "policy.json"
"""Extra file of a program: a JSON object that says what its inputs and outputs mean."""
EXAMPLE_AGENTS = 3
"""Agents with which a program is traced; it takes any number of them."""
Merge = Callable[[QNetwork, Encoding, Tensor], Tensor]
"""``(network, encoding, counts) -> ǎ``."""


class QProgram(nn.Module):
    """Q-values of a policy from what its agents see and what their neighbours did.

    Args:
        policy: a policy of ``iql``, ``mfq`` or ``cmfq``.

    Raises:
        UserError: its merging rule needs more than counts, or draws.
    """

    def __init__(self, policy: QPolicy) -> None:
        super().__init__()
        self.network = policy.network
        self._merge = _merging(policy)

    def forward(
        self,
        view: Float[Tensor, "agents height width channels"],
        features: Float[Tensor, "agents features"],
        counts: Float[Tensor, "agents actions"],
        action_mask: Bool[Tensor, "agents actions"] | None = None,
    ) -> Float[Tensor, "agents actions"]:
        """``Q(s, ·, ǎ)`` of each agent.

        Args:
            view: as in :class:`~cmfq.environments.base.TeamObservation`.
            features: likewise.
            counts: number of each agent's neighbours that took each action in the step before.
            action_mask: actions that each agent may take, where the environment has masks.
        """
        encoding = self.network.encode(view, features, action_mask)
        return self.network.q_values(encoding, self._merge(self.network, encoding, counts))


def _merging(policy: QPolicy) -> Merge:
    """The merging rule of a policy, as a function of counts alone."""
    if policy.algorithm == "iql":
        return lambda network, encoding, counts: torch.zeros_like(counts)
    if policy.algorithm == "mfq":
        return lambda network, encoding, counts: mean_action(counts)
    if policy.algorithm != "cmfq" or policy.rule:
        raise UserError(
            f"a policy of {policy.algorithm} is no program: it needs each of its neighbours, or "
            "draws; give one of iql, mfq or cmfq"
        )
    settings, beta = policy.mean_field, policy.mean_field.effect_beta or policy.beta
    intervention = find_function("intervention", settings.intervention, INTERVENTIONS)
    measure = find_function("effect", settings.effect, MEASURES)

    def merge(network: QNetwork, encoding: Encoding, counts: Tensor) -> Tensor:
        effects = all_effects(network, encoding, counts, beta, intervention, measure)
        return causal_action(counts, effects, settings.epsilon)

    return merge


def all_effects(
    network: QNetwork,
    encoding: Encoding,
    counts: Float[Tensor, "agents actions"],
    beta: float,
    intervention: Intervention,
    measure: Measure,
) -> Float[Tensor, "agents actions"]:
    """Eq 7 for every action, taken or not: the same for all inputs, as tracing needs it.

    See :func:`~cmfq.mean_field.intervention.causal_effects`, which asks of taken actions alone.
    """
    agents, actions = counts.shape
    mean = mean_action(counts)
    agent = torch.arange(agents, device=counts.device).repeat_interleave(actions)
    action = torch.arange(actions, device=counts.device).repeat(agents)
    keep, add = intervention(counts.sum(-1))
    q_values = network.q_values(encoding, mean)
    after = network.counterfactual_q_values(encoding, mean, agent, action, keep, add)
    effects = measure(Outcome.of(q_values, beta), Outcome.of(after, beta), agent)
    return effects.reshape(agents, actions).clamp(min=0.0)


def export_program(policy: QPolicy, path: str | Path) -> None:
    """Write a policy as a program: ``torch.export.load(path).module()`` runs it without cmfq.

    ``program(view, features, counts)`` returns the Q-values ``(agents, actions)`` of a team's
    agents (:meth:`QProgram.forward`; with ``action_mask``, where the environment has masks). Its
    extra file ``policy.json`` says what inputs and actions mean, and who is a neighbour.

    Args:
        policy: a policy of ``iql``, ``mfq`` or ``cmfq``; an ensemble is one program.
        path: file to write; its name ends in ``.pt2``. It is replaced if it is there.

    Raises:
        UserError: the algorithm needs more than counts, or a function of your own cannot be
            traced.
    """
    path = Path(path)
    if path.suffix != ".pt2" or not path.absolute().parent.is_dir():
        raise UserError(f"cannot write {path}: give a .pt2 file in a folder that exists")
    program, example = QProgram(policy).eval(), _example(policy)
    agents = torch.export.Dim("agents")
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of functions that tracing itself calls
            exported = torch.export.export(
                program, example, dynamic_shapes=({0: agents},) * len(example)
            )
    except Exception as error:
        own = policy.mean_field.own_functions
        if not own:
            raise
        raise UserError(f"{' and '.join(own)} cannot be exported: {told(error)}") from error
    content = io.BytesIO()
    torch.export.save(exported, content, extra_files={DESCRIPTION: json.dumps(described(policy))})
    write_bytes(path, content.getvalue())


def described(policy: QPolicy) -> dict[str, Any]:
    """What a program's caller has to know, as JSON has it.

    ``radius`` is the greatest distance of a neighbour, ``null`` for all agents of the team.
    """
    specification, settings = policy.specification, policy.mean_field
    finite = policy.radius < float("inf")
    return {
        "algorithm": policy.algorithm,
        "inputs": ["view", "features", "counts", *(["action_mask"] if _masked(policy) else [])],
        "view_shape": list(specification.view_shape),
        "channels": list(specification.channels),
        "features": list(specification.features),
        "actions": list(specification.actions),
        "neighbours": settings.neighbours,
        "radius": policy.radius if finite else None,
        "body_side": policy.body_side,
        "oneself": settings.oneself,
        "beta": policy.beta,
        "mean_field": {k: str(v) if v == float("inf") else v for k, v in plain(settings).items()},
    }


def _masked(policy: QPolicy) -> bool:
    return policy.specification.action_masks


def _example(policy: QPolicy) -> tuple[Tensor, ...]:
    """Inputs of the right shapes."""
    specification, agents = policy.specification, EXAMPLE_AGENTS
    shape = (agents, *specification.view_shape, len(specification.channels))
    actions = len(specification.actions)
    inputs = [
        torch.zeros(shape),
        torch.zeros(agents, len(specification.features)),
        torch.ones(agents, actions),
    ]
    if _masked(policy):
        inputs.append(torch.ones(agents, actions, dtype=torch.bool))
    return tuple(one.to(policy.device) for one in inputs)
