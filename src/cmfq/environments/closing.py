"""Closing the user's environments: a failure in that loses nothing that was played."""

from cmfq.notices import notify


def close_world(name: str, world: object) -> None:
    """Call ``close`` of the user's environment if it has one; a failure is a notice.

    Args:
        name: name of the environment, for the notice.
        world: the user's environment.
    """
    close = getattr(world, "close", None)
    if not callable(close):
        return
    try:
        close()
    except Exception as error:
        notify(
            f"{name} close",
            f"environment {name}: it failed in close: {type(error).__name__}: {error}",
        )
