"""What a rule of a declaration is, and the one that holds for every name."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """What may stand at a path, and what to do when something else does."""

    rule: str
    fix: str


NAME_PATTERN = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
"""A host name label (RFC 1123 section 2.1), lower case."""

NAME = Rule(
    "a name is 1 to 63 characters out of a-z, 0-9 and -, and neither starts nor ends with - "
    "(a host name label, RFC 1123)",
    "choose such a name",
)
