"""A mistake against one of the rules."""

from backplane.mistakes import Mistake
from backplane.rules import RULES


def breach(path: str, what: str, key: str, *, fix: str | None = None) -> Mistake:
    """What breaks a rule.

    Args:
        path: where in the declaration.
        what: what is wrong there.
        key: of the rule in `RULES`.
        fix: what to do, where the rule's usual fix does not fit.
    """
    rule = RULES[key]
    return Mistake(path=path, what=what, rule=rule.rule, fix=fix or rule.fix)
