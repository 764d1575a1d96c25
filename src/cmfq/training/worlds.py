"""Environments of a training run: one for each place side by side, and for sizes drawn there."""

from cmfq.environments.base import Environment
from cmfq.environments.settings import EnvironmentSettings


class Worlds:
    """Environments of a training run; those of other sizes are made when they are first needed.

    Args:
        settings: settings of the environment.
        number: how many are played side by side.
    """

    def __init__(self, settings: EnvironmentSettings, number: int) -> None:
        self._settings = settings
        self.usual: list[Environment] = []
        """Those of the usual size."""
        self._sized: dict[tuple[int, int], Environment] = {}
        try:
            for _ in range(number):
                self.usual.append(settings.make())
        except BaseException:
            self.close()
            raise

    def of_size(self, place: int, size: int) -> Environment:
        """The environment of a place, in a size."""
        if (place, size) not in self._sized:
            self._sized[place, size] = self._settings.resized(size).make()
        return self._sized[place, size]

    def settings_of(self, environment: Environment) -> EnvironmentSettings:
        """Settings of one of the environments, with the size that it was made for."""
        for (_, size), sized in self._sized.items():
            if sized is environment:
                return self._settings.resized(size)
        return self._settings

    def close(self) -> None:
        """Close all."""
        for environment in (*self.usual, *self._sized.values()):
            environment.close()
