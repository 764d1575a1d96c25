"""Adam is torch's, without what torch's class imports."""

import torch

from cmfq.adam import Adam


def weights() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator).requires_grad_() for shape in ((9, 4), (3,))]


def move(optimiser: Adam | torch.optim.Adam, moved: list[torch.Tensor], updates: range) -> None:
    for update in updates:
        generator = torch.Generator().manual_seed(update)
        for weight in moved:
            weight.grad = torch.randn(weight.shape, generator=generator)
        moved[1].grad = moved[1].grad if update > 2 else None  # not used at first
        optimiser.step()


def test_it_is_torchs_adam_bit_for_bit_and_restores_between_any_two_updates() -> None:
    ours, theirs, restored = weights(), weights(), weights()
    adam = Adam(ours, 1e-2)
    move(adam, ours, range(6))
    move(torch.optim.Adam(theirs, 1e-2, fused=True), theirs, range(6))
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))
    for middle in (1, 4):
        restored = weights()
        first = Adam(restored, 1e-2)
        move(first, restored, range(middle))
        second = Adam(restored, 1e-2)
        second.restore({name: tensor.clone() for name, tensor in first.state().items()})
        move(second, restored, range(middle, 6))
        assert all(torch.equal(one, other) for one, other in zip(restored, theirs, strict=True))


def test_a_state_of_torchs_class_is_taken_up() -> None:
    """Earlier versions stored that; it has nothing of a weight that never had a gradient."""
    ours, theirs = weights(), weights()
    before = torch.optim.Adam(theirs, 1e-2, fused=True)
    move(before, theirs, range(2))
    stored = {
        f"{index}/{name}": tensor.clone()
        for index, row in before.state_dict()["state"].items()
        for name, tensor in row.items()
    }
    for weight, other in zip(ours, theirs, strict=True):
        weight.data.copy_(other.data)
    adam = Adam(ours, 1e-2)
    adam.restore(stored)
    move(adam, ours, range(2, 6))
    move(before, theirs, range(2, 6))
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))
