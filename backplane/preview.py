"""What the engine says in `pulumi preview --json`, as far as a reviewer wants it: no value of any.

One document (pkg/backend/display/json.go of Pulumi): `steps` with `op` and `urn`, `changeSummary`,
`diagnostics`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

QUIET = frozenset({"same", "read", "refresh"})
"""Operations that change nothing."""

REPLACING = frozenset({"replace", "create-replacement", "delete-replaced"})
_ORDER = ("create", "update", "replace", "delete")


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What the engine would do.

    Attributes:
        counts: how many resources, by what happens to them.
        replaced: type and name of each that is made anew.
        deleted: the same of each that goes.
        errors: what the engine or the program says is wrong.
    """

    counts: Mapping[str, int]
    replaced: tuple[str, ...]
    deleted: tuple[str, ...]
    errors: tuple[str, ...]


def preview(document: object) -> Preview:
    """Read the document.

    Raises:
        ValueError: it is none of a preview's.
    """
    if not isinstance(document, Mapping) or "changeSummary" not in document:
        message = "it has no `changeSummary`, as `pulumi preview --json` writes it"
        raise ValueError(message)
    steps, summary = document.get("steps", ()), document["changeSummary"]
    told = {str(key): int(value) for key, value in summary.items() if str(key) not in QUIET}
    counts = {key: told.pop(key) for key in _ORDER if key in told} | dict(sorted(told.items()))
    return Preview(
        counts=counts,
        replaced=tuple(sorted({*_names(steps, REPLACING)})),
        deleted=tuple(sorted({*_names(steps, {"delete"})})),
        errors=tuple(
            str(one.get("message", "")).strip()
            for one in document.get("diagnostics", ())
            if one.get("severity") == "error"
        ),
    )


def _names(steps: Sequence[Mapping[str, Any]], wanted: frozenset[str] | set[str]) -> Iterator[str]:
    for step in steps:
        if step.get("op") in wanted:
            kind, _, name = str(step.get("urn", "")).rpartition("::")
            yield f"{kind.rpartition('$')[2].rpartition('::')[2]} {name}"
