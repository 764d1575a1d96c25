"""Files of older versions keep their meaning.

Stored settings name every option there was. What is missing came later, and the program did without
it what the values here say. Algorithms get the names that they have today. What is not of the right
type is left to whoever checks it.
"""

RENAMED_ALGORITHMS = {"random": "random-weights"}
"""The algorithm was called as a scripted player is."""


def todays_algorithm(name: object) -> object:
    """Today's name of a stored algorithm."""
    return RENAMED_ALGORITHMS.get(name, name) if isinstance(name, str) else name


def former_environment(kind: str, stored: object) -> object:
    """Stored settings of an environment, completed.

    Args:
        kind: name of the kind of environment.
        stored: what JSON holds of its settings.
    """
    return _completed(stored, rules="magent") if kind in ("battle", "pursuit") else stored


def former_network(stored: object) -> object:
    """Stored settings of a network, completed."""
    return _completed(stored, ids=True)


def former_run(kind: str, stored: object) -> object:
    """Stored settings of a run in a kind of environment, completed."""
    if not isinstance(stored, dict):
        return stored
    return {
        "device": "cpu",
        **with_todays_names(stored),
        "environment": former_environment(kind, stored.get("environment")),
        "network": former_network(stored.get("network")),
    }


def former_policies(description: object) -> object:
    """Description of a checkpoint, completed."""
    if not isinstance(description, dict) or not isinstance(description.get("policies"), dict):
        return description
    completed = {
        role: {**with_todays_names(policy), "network": former_network(policy.get("network"))}
        if isinstance(policy, dict)
        else policy
        for role, policy in description["policies"].items()
    }
    return {**description, "policies": completed}


def with_todays_names(stored: dict[str, object]) -> dict[str, object]:
    """Settings of a run or a policy, with today's names of algorithms."""
    renamed = dict(stored)
    if "algorithm" in renamed:
        renamed["algorithm"] = todays_algorithm(renamed["algorithm"])
    if isinstance(by_role := renamed.get("algorithms"), dict):
        renamed["algorithms"] = {role: todays_algorithm(name) for role, name in by_role.items()}
    return renamed


def _completed(stored: object, **former: object) -> object:
    return {**former, **stored} if isinstance(stored, dict) else stored
