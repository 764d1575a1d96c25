import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def node() -> dict[str, int]:
    """What a node of the cluster has."""
    return {"num_cpus": 1, "object_store_memory": 80 * 2**20}


@pytest.fixture(scope="module")
def cluster(node: dict[str, int]) -> Iterator[Any]:
    """A Ray cluster of two nodes with a core each, on this machine; it asks for a token.

    The second one has a GPU too, as Ray counts: nothing looks for it.
    """
    patience = pytest.MonkeyPatch()
    for name, value in {
        "RAY_raylet_start_wait_time_s": "900",
        "RAY_agent_register_timeout_ms": "900000",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_health_check_period_ms": "1000",
        "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]),
    }.items():
        patience.setenv(name, value)
    from ray.cluster_utils import Cluster

    started = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    try:
        started.add_node(**node, num_gpus=1)
        yield started
    finally:
        started.shutdown()
        patience.undo()
