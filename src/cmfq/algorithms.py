"""The algorithms: each is one way to merge the neighbours' actions, and nothing else differs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, TypeVar, cast

import numpy as np
import torch
from torch import Tensor, nn

from cmfq.environments.base import TeamSpecification
from cmfq.errors import UserError, require_range, require_types, told, unknown_name
from cmfq.imports import import_function, import_object, own_names
from cmfq.mean_field.attention import attention_weights, weighted_action
from cmfq.mean_field.intervention import (
    INTERVENTIONS,
    MEASURES,
    causal_effects,
)
from cmfq.mean_field.merging import causal_action, mean_action
from cmfq.mean_field.validity import InvalidForAgent
from cmfq.merge import Merged, MergeInput, check_merged
from cmfq.networks import Encoding, LearnedParts, NetworkSettings, QNetwork


@dataclass(frozen=True)
class MeanFieldSettings:
    """Neighbours and how their actions are merged."""

    neighbours: Literal["team", "everyone"] = "team"
    """Agents whose actions are merged: team, team-mates within the radius, or everyone within it
    (open in the paper)."""
    radius: float | None = None
    """Greatest distance of a neighbour; inf takes all agents (default: the radius of the view)."""
    oneself: bool = False
    """Count an agent among its own neighbours, as the original MFQ code does."""
    epsilon: float = 0.01
    """Smoothing term of the causal weights (Eq 11); inf makes CMFQ equal to MFQ."""
    effect_beta: float | None = None
    """Inverse temperature of the policies that Eq 7 compares (default: that of the acting policy).
    """
    intervention: str = "replace"
    """Do-operation of Eq 7: replace, leave-one-out, step, or your_module:function."""
    effect: str = "kl"
    """Measure of the effect in Eq 7: kl, reverse-kl, jensen-shannon, total-variation, greedy-value,
    or your_module:function."""

    def __post_init__(self) -> None:
        require_types(self)
        require_range(self, 1e-12, 1e12, "epsilon", or_infinite=True)
        if self.radius is not None:
            require_range(self, 0, 1e12, "radius", or_infinite=True)
        if self.effect_beta is not None:
            require_range(self, 1e-6, 1e6, "effect_beta")
        # A function of the user's own is imported when a policy is made, not when settings are
        # read: they may be a stranger's.
        for kind, known in (("intervention", INTERVENTIONS), ("effect", MEASURES)):
            name = getattr(self, kind)
            if ":" not in name:
                find_function(kind, name, known)

    @property
    def own_functions(self) -> list[str]:
        """Names of functions that are not the package's: using them runs their modules."""
        return own_names(self.intervention, self.effect)


Function = TypeVar("Function", bound=Callable[..., object])
MergingRule = Callable[[QNetwork, MergeInput, MeanFieldSettings], Merged]


@dataclass(frozen=True)
class Algorithm:
    """A merging rule, and what it needs besides the counts of the neighbours' actions."""

    rule: MergingRule
    neighbours: bool = False
    """Whether the rule needs every neighbour: interactions, offsets and distances. Where merged
    actions are recomputed in learning, whole steps of a team are then sampled."""
    parts: LearnedParts | None = None
    """Learned parts: named modules of the network, trained by the TD loss through the merged
    action, which is then recomputed in learning. ``None``: nothing."""
    name: str = ""
    """``module:name`` of a rule that is not the package's."""

    @property
    def learned(self) -> bool:
        """Whether the rule has learned parts."""
        return self.parts is not None

    def merge(self, network: QNetwork, given: MergeInput, settings: MeanFieldSettings) -> Merged:
        """Apply the rule.

        Raises:
            InvalidForAgent: an effect is negative or not finite.
            UserError: the user's own rule, do-operation or effect failed.
        """
        try:
            merged = self.rule(network, given, settings)
            if self.name:
                check_merged(merged, given)
        except (InvalidForAgent, UserError):
            raise
        except Exception as error:
            own = [*own_names(self.name), *settings.own_functions]
            if not own:
                raise
            raise UserError(f"{' and '.join(own)} cannot be used: {told(error)}") from error
        return merged


def independent(network: QNetwork, given: MergeInput, settings: MeanFieldSettings) -> Merged:
    """IQL: the others are part of the environment."""
    return Merged(torch.zeros_like(given.counts))


def mean(network: QNetwork, given: MergeInput, settings: MeanFieldSettings) -> Merged:
    """MFQ: every neighbour weighs the same (Eq 2)."""
    return Merged(mean_action(given.counts))


def causal(network: QNetwork, given: MergeInput, settings: MeanFieldSettings) -> Merged:
    """CMFQ: a neighbour weighs what it would do to the policy if all acted like it (Eq 7-11)."""
    average = mean_action(given.counts)
    effects = causal_effects(
        network.q_values(given.encoding, average),
        partial(network.counterfactual_q_values, given.encoding, average),
        given.counts,
        settings.effect_beta or given.beta,
        find_function("intervention", settings.intervention, INTERVENTIONS),
        find_function("effect", settings.effect, MEASURES),
    )
    return Merged(causal_action(given.counts, effects, settings.epsilon), effects)


def random(network: QNetwork, given: MergeInput, settings: MeanFieldSettings) -> Merged:
    """The paper's ablation: CMFQ with a fresh uniform effect for every interaction."""
    counts = given.counts
    most = int(counts.max()) if counts.numel() else 0
    draws = torch.from_numpy(given.generator.random((*counts.shape, most), dtype=np.float32))
    draws = draws.to(counts.device)
    taken = torch.arange(most, device=counts.device) < counts.unsqueeze(
        -1
    )  # one draw for every neighbour there is
    effects = (draws * taken).sum(-1) / counts.clamp(min=1)  # their mean: weights add up the same
    return Merged(causal_action(counts, effects, settings.epsilon), effects)


def attention(network: QNetwork, given: MergeInput, settings: MeanFieldSettings) -> Merged:
    """Attention-MFQ: weights from the observations of agent and neighbour."""
    agent, neighbour, action = given.interactions
    weights = attention_weights(
        *queries_and_keys(network, given.encoding), agent=agent, neighbour=neighbour
    )
    agents, actions = given.counts.shape
    return Merged(weighted_action(weights, agent, action, (agents, actions)), weights=weights)


def attention_parts(
    specification: TeamSpecification, settings: NetworkSettings
) -> dict[str, nn.Module]:
    """The layers that Attention-MFQ learns."""
    units = settings.hidden_units, settings.attention_units
    return {"query_layer": nn.Linear(*units), "key_layer": nn.Linear(*units)}


def queries_and_keys(network: QNetwork, encoding: Encoding) -> tuple[Tensor, Tensor]:
    """Queries and keys of Attention-MFQ: ``(agents, units)`` each."""
    return network.part("query_layer")(encoding.hidden), network.part("key_layer")(encoding.hidden)


ALGORITHMS: dict[str, Algorithm] = {
    "iql": Algorithm(independent),
    "mfq": Algorithm(mean),
    "attention-mfq": Algorithm(attention, neighbours=True, parts=attention_parts),
    "cmfq": Algorithm(causal),
    "random-weights": Algorithm(random),
}


def find_algorithm(name: str) -> Algorithm:
    """Look an algorithm up by name, or import ``module:name``: a merging rule or an Algorithm.

    Raises:
        UserError: there is none of that name (the nearest one is suggested), or it cannot be
            imported.
    """
    if own_names(name):
        found = import_object("algorithm", name)
        if isinstance(found, Algorithm):
            parts = found.parts and partial(_make_own_parts, name, found.parts)
            return replace(found, name=name, parts=parts)
        if not callable(found):
            raise UserError(
                f"algorithm {name!r} is {type(found).__name__}: name a merging rule (a function), "
                "or a cmfq.Algorithm"
            )
        return Algorithm(found, name=name)
    if name not in ALGORITHMS:
        raise unknown_name("algorithm", name, [*ALGORITHMS, "module:rule"])
    return ALGORITHMS[name]


def _make_own_parts(
    name: str, make: LearnedParts, specification: TeamSpecification, settings: NetworkSettings
) -> Mapping[str, nn.Module]:
    try:
        parts = dict(make(specification, settings))
    except Exception as error:
        raise UserError(f"parts of {name} cannot be made: {told(error)}") from error
    for part, module in parts.items():
        if not str(part).isidentifier() or hasattr(QNetwork, part) or part in ("trunk", "head"):
            raise UserError(f"parts of {name} has {part!r}: give it another name, as in appeal")
        if not isinstance(module, nn.Module):
            raise UserError(f"{part} of {name} is {type(module).__name__}: give a torch.nn.Module")
    return parts


def check_algorithm(name: str) -> None:
    """Refuse an unknown name. What is the user's own is not imported: a file may have named it.

    Raises:
        UserError: there is no algorithm of that name.
    """
    if not own_names(name):
        find_algorithm(name)


def find_function(kind: str, name: str, known: Mapping[str, Function]) -> Function:
    """Look a function up by its name, or as ``module:function`` of the user's own.

    Raises:
        UserError: there is none of that name, or it cannot be imported.
    """
    if name in known:
        return known[name]
    if ":" not in name:
        raise unknown_name(kind, name, [*known, "module:function"])
    return cast(Function, import_function(kind, name))
