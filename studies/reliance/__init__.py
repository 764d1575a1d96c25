"""Reliance of trained policies on the merged action, and its worth to them.

``python -m studies.reliance RUN... --out docs/results/reliance`` exchanges the merged action
``ǎ`` of trained policies for another one and looks at what they would then do, in games of each
policy against itself; and lets each policy, so altered, play against itself as it was trained. A
policy that hardly changes with ``ǎ`` cannot be made better by another way of merging.
"""
