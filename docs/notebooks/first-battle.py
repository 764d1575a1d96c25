# %% [markdown]
# # First battle
#
# A small battle, a policy trained for it in a minute or two, and what it can and cannot do. You
# need `cmfq` with the extra `magent` ([installation](../installation.md)). The same on the
# command line is [the tutorial](../tutorial.md).

# %%
from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

import cmfq
from cmfq.play.players import load_player
from cmfq.recordings import read
from cmfq.recordings.record import record_episode
from cmfq.recordings.render import render

# %% [markdown]
# ## The game
#
# Nine agents a side stand anywhere on a field of 12 × 12 cells. An agent moves up to two cells or
# attacks one of the eight cells around it; five hits kill. After 60 steps the side with more
# survivors wins.

# %%
battle = cmfq.BattleSettings(size=9, map_size=12, formation="random", max_steps=60)
team = cmfq.make_environment(battle).teams[0]
print(f"{team.name}: sees {team.view_shape}, chooses one of {len(team.actions)} actions")
print(", ".join(team.actions))

# %% [markdown]
# Scripted players come with it. `rush` runs to the nearest enemy and attacks, `hold` attacks what
# comes near, `random` takes any allowed action. A draw counts half; the interval is over games.

# %%
match = cmfq.evaluate("rush", "hold", battle, games=20)
low, high = match.interval
print(f"rush wins {match.win_rate:.0%} of {len(match.games)} games ({low:.0%} to {high:.0%})")

# %% [markdown]
# ## Training
#
# The preset `strong` has the settings that win in battle. For a game this small, a smaller
# network, smaller batches and a faster learning rate do. Settings are frozen dataclasses:
# `replace` gives changed ones.

# %%
settings = cmfq.preset("strong", battle)
settings = replace(
    settings,
    episodes=60,
    network=replace(settings.network, channels=(8, 16), view_units=64, hidden_units=64),
    learner=replace(
        settings.learner,
        learning_rate=1e-3,
        final_learning_rate=3e-4,
        batch_size=64,
        min_updates=60,
        average_updates=500,
    ),
)
run = cmfq.train(settings, run="runs/first-battle")
print(run.path, "is finished" if run.finished else "goes on with cmfq.resume")

# %% [markdown]
# Both sides learn, each from its own games. Every row of the metrics is an episode; columns are
# NumPy arrays, and `pandas.DataFrame(run.metrics())` takes them as they are.

# %% Curves of training: reward of a team, and agents that are left at the end of an episode
metrics = run.metrics()
figure, (rewards, survivors) = plt.subplots(1, 2, figsize=(8, 2.6), layout="constrained")
for name, colour in (("red", "#d1495b"), ("blue", "#2e6f9e")):
    rewards.plot(metrics["episode"], metrics[f"rewards/{name}"], color=colour, label=name)
    survivors.plot(metrics["episode"], metrics[f"survivors/{name}"], color=colour, label=name)
rewards.set(xlabel="episode", title="reward of the team")
survivors.set(xlabel="episode", title="survivors")
survivors.legend(frameon=False)
plt.show()

# %% [markdown]
# At first nobody attacks and everyone survives. Then attacking is learnt, and games are decided.
#
# ## Is it better?

# %%
for opponent in ("random", "hold", "rush"):
    match = cmfq.evaluate("runs/first-battle", opponent, games=20)
    low, high = match.interval
    print(f"against {opponent:6}  {match.win_rate:4.0%}  ({low:.0%} to {high:.0%})")

# %% [markdown]
# The interval is over games of *this* policy; another training seed gives another policy, which
# may be weaker or stronger. That question is one for a tournament of several seeds.
#
# Compare it with a policy that comes with the package. `zoo:cmfq64` was trained far longer, with
# 64 agents a side in two blocks that face each other. It has never been in a game like this one.

# %%
result = cmfq.tournament(
    ["mine=runs/first-battle", "shipped=zoo:cmfq64", "rush", "random"],
    battle,
    games=8,
    checkpoints=1,
)
table = result.comparisons()
for a, b, rate in zip(table["a"], table["b"], table["win_rate/value"], strict=True):
    print(f"{a:15}  beats  {b:15}  in {rate:4.0%} of the games")

# %% [markdown]
# ## Watching
#
# A recorded game is a file. `cmfq view fight.replay` shows it in a browser, `read` gives its
# arrays, and `render` draws its steps.

# %% A step of the game: squares are agents with their hit points, arrows are attacks
environment = cmfq.make_environment(battle)
hold = load_player("hold", battle.kind, environment.teams)["agent"]
record_episode(
    Path("fight.replay"),
    environment,
    [run.policy(), hold],
    name="battle",
    players=("first-battle", "hold"),
    seed=1,
    generator=np.random.default_rng(1),
)
replay = read("fight.replay")
deaths = [sum(int((~team.alive).sum()) for team in step) for step in replay.steps]
busiest = int(np.argmax(deaths))
(picture,) = render(replay, range(busiest, busiest + 1), cell=28)
Image.fromarray(picture).quantize(32, dither=Image.Dither.NONE)

# %% Agents that are left of each side, step by step
plt.figure(figsize=(8, 2.2), layout="constrained")
for side, colour in enumerate(("#d1495b", "#2e6f9e")):
    alive = [int(step[side].alive.sum()) for step in replay.steps]
    plt.step(range(len(alive)), alive, color=colour, label=replay.header.teams[side].player)
plt.xlabel("step")
plt.ylabel("alive")
plt.legend(frameon=False)
plt.show()

# %% [markdown]
# From here: longer training and larger battles ([tutorial](../tutorial.md)), the reasons of a
# decision ([why does the swarm do that?](why-the-swarm.ipynb)), [a world of your
# own](../own-environment.md).
