"""Numbers worked by hand, and frequencies against probabilities."""

import math

import numpy as np
import torch

from cmfq.mean_field.policy import boltzmann, sample
from cmfq.mean_field.td import (
    boltzmann_value,
    double_value,
    greedy_value,
    td_error,
    td_target,
)


def test_boltzmann_by_hand() -> None:
    q_values = torch.tensor([[0.0, math.log(2), math.log(5)]])
    torch.testing.assert_close(boltzmann(q_values, 1.0), torch.tensor([[1 / 8, 2 / 8, 5 / 8]]))
    torch.testing.assert_close(boltzmann(q_values, 2.0), torch.tensor([[1 / 30, 4 / 30, 25 / 30]]))
    torch.testing.assert_close(boltzmann(q_values, 0.0), torch.full((1, 3), 1 / 3))


def test_sampling_inverts_the_distribution_function() -> None:
    probabilities = torch.tensor([[0.25, 0.0, 0.5, 0.25]]).repeat(5, 1)
    uniform = torch.tensor([0.0, 0.2499, 0.25, 0.7499, 0.75])
    assert sample(probabilities, uniform).tolist() == [0, 0, 2, 2, 3]


def test_sampling_stays_in_range_where_rounding_leaves_the_sum_below_one() -> None:
    probabilities = torch.full((1, 21), 1 / 21) * (1 - 1e-6)
    last_draw = torch.tensor([np.nextafter(np.float32(1), np.float32(0))])
    assert sample(probabilities, last_draw).item() == 20


def test_frequencies_are_the_probabilities() -> None:
    probabilities = torch.tensor([[0.1, 0.6, 0.3]]).repeat(20_000, 1)
    uniform = torch.from_numpy(np.random.default_rng(0).random(20_000, dtype=np.float32))
    frequencies = torch.bincount(sample(probabilities, uniform), minlength=3) / 20_000
    torch.testing.assert_close(frequencies, probabilities[0], atol=0.015, rtol=0)


def test_td_by_hand() -> None:
    targets = td_target(
        rewards=torch.tensor([1.0, 5.0]),
        discounts=torch.tensor([0.9, 0.0]),
        next_values=greedy_value(torch.tensor([[2.0, 10.0, -1.0], [100.0, 0.0, 0.0]])),
    )
    torch.testing.assert_close(targets, torch.tensor([10.0, 5.0]))
    q_values = torch.tensor([[0.0, 1.0, 12.0], [3.0, 0.0, 0.0]])
    errors = td_error(q_values, torch.tensor([2, 0]), targets)
    torch.testing.assert_close(errors, torch.tensor([2.0, -2.0]))


def test_values_of_the_next_step_by_hand() -> None:
    next_q_values = torch.tensor([[2.0, 10.0, -1.0], [0.0, 0.0, 4.0]])
    online = torch.tensor([[5.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    assert double_value(next_q_values, online).tolist() == [2.0, 4.0]
    # exp(0.5 * 4) = 7.389: (2 * 0 + 7.389 * 4) / (2 + 7.389)
    value = boltzmann_value(torch.tensor([[0.0, 0.0, 4.0]]), beta=0.5)
    torch.testing.assert_close(value, torch.tensor([3.1479]), atol=1e-4, rtol=0)
    greedy = boltzmann_value(next_q_values, beta=1e6)
    torch.testing.assert_close(greedy, greedy_value(next_q_values))
