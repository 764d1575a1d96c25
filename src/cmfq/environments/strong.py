"""What the preset ``strong`` sets in each environment, by the dotted paths of settings."""

BATTLE = {
    "mean_field.effect_beta": 10.0,
    "network.place": False,
    "network.compass": True,
    "learner.min_updates": 40,
    "learner.symmetries": True,
    "learner.action_gap": 0.8,
    "objective.death": "posthumous",
    "objective.team_share": 0.5,
    "objective.rivalry": 1.0,
    "exploration.beta_start": 1.0,  # gaps are up to five times as wide: a third of the usual
    "exploration.beta_end": 10.0,  # beta explores as much
    "exploration.play_beta": 1000.0,
}
"""An agent's death is no end to what it learns to earn, half of its reward is the team's less the
enemy's, its inputs mean the same on every map, every batch is turned or mirrored, the gap between
the best action and the others is widened, and in play it takes the best action."""

PURSUIT = {
    "episodes": 240,
    "checkpoint_period": 40,
    "network.place": False,
    "network.compass": True,
    "learner.symmetries": True,
    "learner.action_gap": 0.8,
    "learner.replay_ratio": 2.0,
    "opponents": ("self=0.5", "greedy=0.5"),
    "opponent_pool.learn_from": True,
    "exploration.beta_start": 1.0,
    "exploration.beta_end": 10.0,
    "exploration.beta_episodes": 50,
    "exploration.play_beta": 1000.0,
}
"""Inputs that mean the same on every map, batches turned and mirrored, a wider gap between actions,
four times the updates, and half of the games against the script, from whose actions both roles
learn. Alone, predators forget to strike: prey learn to escape before predators learn to catch."""
