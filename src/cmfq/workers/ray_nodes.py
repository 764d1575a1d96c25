"""Whether the nodes of a Ray cluster are large enough for a task."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from cmfq.errors import UserError
from cmfq.notices import notify
from cmfq.text import counted
from cmfq.workers.place import Needs


def validate_needs(ray: Any, needs: Needs) -> None:
    """Refuse tasks for which no node of the cluster is large enough: Ray would wait for one.

    A cluster with an autoscaler may add such a node: then only a notice is given.

    Raises:
        UserError: no node has so many cores and GPUs.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if any(_holds(node, needs) for node in nodes):
        return
    wanted = counted(needs.threads, "core")
    if needs.gpus:
        part = f"{needs.gpus:.3g} of a GPU"
        wanted += f" and {part if needs.gpus < 1 else counted(int(needs.gpus), 'GPU')}"
    has = "; ".join(sorted({_size(node) for node in nodes})) or "none is alive"
    if any(_holds(dict(group.resources), needs) for group in _groups_to_add(ray)):
        notify(
            "ray needs",
            f"a task needs {wanted}, and no node of the Ray cluster has that yet ({has}): waiting "
            "until its autoscaler adds one",
        )
        return
    raise UserError(
        f"a task needs {wanted}, and no node of the Ray cluster has that ({has}): add a node that "
        f"has it, or {'set device to cpu' if needs.gpus else 'ask for fewer threads'}"
    )


def _holds(resources: Mapping[str, float], needs: Needs) -> bool:
    """Whether a node is large enough for a task when it is idle."""
    cores, gpus = (resources.get(key, 0) for key in ("CPU", "GPU"))
    return cores >= needs.threads and gpus >= needs.gpus


def _size(node: Mapping[str, float]) -> str:
    """Cores and GPUs of a node, for the user."""
    cores, gpus = int(node.get("CPU", 0)), int(node.get("GPU", 0))
    return f"{counted(cores, 'core')} and {counted(gpus, 'GPU')}"


def _groups_to_add(ray: Any) -> list[Any]:
    """Kinds of nodes that the autoscaler of a cluster may add; empty without one.

    Ray has no public function that says it; where another version has none at all, nothing grows.
    """
    with suppress(AttributeError):
        config = ray._private.state.state.get_cluster_config()
        return [group for group in config.node_group_configs if group.max_count] if config else []
    return []
