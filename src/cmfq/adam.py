"""Adam (Kingma & Ba 2015) by torch's function ``torch.optim.adam.adam``.

The class ``torch.optim.Adam`` does the same arithmetic, and imports torch's compiler first: as
long again as torch itself takes, at every start of a training.
"""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor
from torch.optim.adam import adam

from cmfq.devices import held_on, renewed

MOMENTS = ("step", "exp_avg", "exp_avg_sq")
"""State of every weight, by its name in files: number of updates, means of the gradient and of
its square."""


class Adam:
    """Adam with the constants of its authors: ``β = (0.9, 0.999)``, ``ε = 1e-8``."""

    def __init__(self, weights: Iterable[Tensor], rate: float, fused: bool = True) -> None:
        """Start anew.

        Args:
            weights: what moves, each by its ``grad``.
            rate: learning rate.
            fused: whether one kernel does all of it.
        """
        self.weights = list(weights)
        self._rate = held_on(self.weights[0].device, rate)
        self.fused = fused
        self._moments = {
            name: [torch.zeros_like(weight.detach()) for weight in self.weights]
            for name in MOMENTS[1:]
        }
        self._moments["step"] = [
            torch.zeros((), device=weight.device if fused else "cpu") for weight in self.weights
        ]

    @property
    def rate(self) -> float:
        """Learning rate; on a GPU a tensor, where a CUDA graph reads it."""
        return float(self._rate)

    @rate.setter
    def rate(self, rate: float) -> None:
        self._rate = renewed(self._rate, rate)

    @torch.no_grad()
    def step(self) -> None:
        """Move every weight that has a gradient."""
        moved = [index for index, weight in enumerate(self.weights) if weight.grad is not None]
        steps, means, squares = (
            [self._moments[name][index] for index in moved] for name in MOMENTS
        )
        adam(
            [self.weights[index] for index in moved],
            [grad for weight in self.weights if (grad := weight.grad) is not None],
            means,
            squares,
            [],
            steps,
            fused=self.fused,
            foreach=not self.fused,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=self._rate,
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )

    def state(self) -> dict[str, Tensor]:
        """Moments by ``{index of the weight}/{name}``, not copied."""
        return {
            f"{index}/{name}": tensor
            for name, tensors in self._moments.items()
            for index, tensor in enumerate(tensors)
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Take up what :meth:`state` gave; a weight that is not in it has not moved yet."""
        for path, tensor in self.state().items():
            if path in state:
                tensor.copy_(state[path])
            else:
                tensor.zero_()
