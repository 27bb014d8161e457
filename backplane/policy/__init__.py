"""What every stack must keep to, whatever its program says: rules over resources, pure.

`RULES` has two front ends: `backplane policy` over a preview or a state, and the policy pack in
`policy/` inside the engine. No declaration can name a rule, so none can switch one off.
"""

from backplane.policy.documents import UnreadableDocument, of_preview, of_state
from backplane.policy.rule import Finding, Rule
from backplane.policy.rules import RULES, judge
from backplane.policy.seen import Mark, Seen, World

__all__ = [
    "RULES",
    "Finding",
    "Mark",
    "Rule",
    "Seen",
    "UnreadableDocument",
    "World",
    "judge",
    "of_preview",
    "of_state",
]
