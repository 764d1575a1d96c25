# %% [markdown]
# # Why does the swarm do that?
#
# Sixty-four agents fight as if they had agreed on it. Each one decides by what it sees and by
# what its neighbours did a step ago. This notebook asks one of them for its reasons, and then all
# of them. It needs no training: `zoo:cmfq64` and `zoo:mfq64` come with the package.

# %%
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import cmfq
from cmfq.recordings import read
from cmfq.recordings.record import record_episode
from cmfq.recordings.render import render

battle = cmfq.open_run("zoo:cmfq64").settings.environment
red, blue = (replace(cmfq.load(name), beta=10.0) for name in ("zoo:cmfq64", "zoo:mfq64"))
print(battle.title)

# %% [markdown]
# In a match these policies take their best action. Here each draws its actions by the Boltzmann
# policy with β = 10, as at the end of training: so the probabilities show by how much the best
# action is the best.
#
# ## A game
#
# CMFQ is red, MFQ is blue. The recorder keeps what every policy went by, step by step.

# %%
record_episode(
    Path("fight.replay"),
    cmfq.make_environment(battle),
    [red, blue],
    name="battle",
    players=("zoo:cmfq64", "zoo:mfq64"),
    seed=3,
    generator=np.random.default_rng(3),
)
replay = read("fight.replay")
print(f"{len(replay.steps)} steps, survivors {replay.ending.survivors}")

# %% [markdown]
# MFQ gives an agent the *mean* action of its neighbours. CMFQ weighs each neighbour by its causal
# effect: how far would my policy move if all my neighbours had acted like this one? Half of the
# sum of absolute differences between the policies with and without weights is the share of the
# policy that weighing moves. Of all red agents in the step with the most deaths, which one's
# policy does it move most?

# %%
deaths = [sum(int((~team.alive).sum()) for team in one) for one in replay.steps]
step = int(np.argmax(deaths))
trace = replay.traces(step)[0]
moved = 0.5 * np.abs(trace.policy_after - trace.policy_before).sum(1)
agent = int(replay.steps[step][0].ids[moved.argmax()])
print(f"step {step}, agent {agent}: {moved.max():.0%} of its policy")

# %% The agent and whom it heeds: the stronger the colour of a team-mate, the more it weighs
(picture,) = render(replay, range(step, step + 1), agent=agent, cell=14)
Image.fromarray(picture).quantize(48, dither=Image.Dither.NONE)

# %% [markdown]
# ## One agent's reasons
#
# `policy.explain` decides once more, and tells why. Here the game is played up to that step by
# the functions that you would use in a program of your own.

# %%
environment = cmfq.make_environment(battle)
generator = np.random.default_rng(3)
observations = environment.reset(seed=3)
for _ in range(step):
    players = zip((red, blue), observations, strict=True)
    actions = [policy.act(seen, generator) for policy, seen in players]
    observations = environment.step(actions).observations
why = red.explain(observations[0], agent)
print(why.summary())

# %%
print("neighbour  action in the step before  effect  weight")
for neighbour in why.neighbours[:8]:
    print(
        f"{neighbour.id:9}  {neighbour.action:25}  {neighbour.effect:6.3f}  {neighbour.weight:6.1%}"
    )
print(f"... and {len(why.neighbours) - 8} more" if len(why.neighbours) > 8 else "")

# %% Policy of the agent before and after its neighbours are weighed
likely = np.argsort(-np.maximum(why.policy_before, why.policy_after))[:6]
places = np.arange(len(likely))
plt.figure(figsize=(8, 2.4), layout="constrained")
plt.bar(places - 0.2, why.policy_before[likely], 0.4, color="#8c8c8c", label="mean action")
plt.bar(places + 0.2, why.policy_after[likely], 0.4, color="#d55e00", label="merged action")
plt.xticks(places, [why.actions[index] for index in likely])
plt.ylabel("probability")
plt.legend(frameon=False)
plt.show()

# %% [markdown]
# Behind every effect is a what-if: the policy if *all* neighbours had acted like this one. A row
# that differs from the first is an action with a large effect.

# %% Policies of the agent if all of its neighbours had taken one action
rows = {"mean action": why.policy_before, **why.counterfactual_policies}
figure, axes = plt.subplots(figsize=(8, 0.3 * len(rows) + 0.9), layout="constrained")
axes.imshow([policy[likely] for policy in rows.values()], cmap="Oranges", vmin=0, aspect="auto")
axes.set_xticks(places, [why.actions[index] for index in likely])
axes.set_yticks(range(len(rows)), list(rows))
plt.show()

# %% [markdown]
# ## The whole swarm
#
# Is this agent an exception? For every step, the mean over all red agents: the share of the
# policy that weighing moves; and how many neighbours an agent heeds in effect, which is 1 / Σ w²
# for weights w, beside how many it has.

# %% What weighing changes, and how many neighbours count, step by step
steps, shares, has, heeds = [], [], [], []
for one in range(1, len(replay.steps)):
    trace = replay.traces(one)[0]
    counts, merged = trace.counts, trace.merged_actions
    some = counts.sum(1) > 0
    if some.any():
        squares = np.divide(merged**2, counts, out=np.zeros_like(merged), where=counts > 0).sum(1)
        steps.append(one)
        shares.append(0.5 * np.abs(trace.policy_after - trace.policy_before).sum(1).mean())
        has.append(counts.sum(1)[some].mean())
        heeds.append((1 / squares[some]).mean())
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 2.6), layout="constrained")
left.plot(steps, shares, color="#d55e00")
left.set(xlabel="step", title="share of the policy that moves", ylim=(0, None))
right.plot(steps, has, color="#8c8c8c", label="has")
right.plot(steps, heeds, color="#d55e00", label="heeds in effect")
right.set(xlabel="step", title="neighbours of an agent", ylim=(0, None))
right.legend(frameon=False)
plt.show()

# %% [markdown]
# Where few are left, each neighbour weighs much, and weighing changes more.
#
# A picture of reasons is no proof that they matter. Let both play each other, sides swapping
# every game:

# %%
match = cmfq.evaluate("zoo:cmfq64", "zoo:mfq64", games=10)
low, high = match.interval
print(f"CMFQ wins {match.win_rate:.0%} of {len(match.games)} games ({low:.0%} to {high:.0%})")

# %% [markdown]
# These are two policies of one training seed each, so this says which of the two is better, and
# nothing of the algorithms. What is known of those is in the [results](../results/README.md);
# every number of a decision is in the [replay page](../watching.md).
