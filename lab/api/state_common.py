"""What all kinds of resources share: names, lookups, label and name changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from lab.api.errors import ApiError, invalid, not_found
from lab.api.labels import check_labels
from lab.api.state import Resource

MAX_NAME = 128

R = TypeVar("R", bound=Resource)


def find(kind: str, table: Mapping[int, R], key: int) -> R:
    """The resource of this id, or `not_found`."""
    found = table.get(key)
    if found is None:
        raise not_found(kind, key)
    return found


def check_name(kind: str, table: Mapping[int, R], name: str, *, but: int | None = None) -> None:
    """Refuse an empty, overlong or taken name."""
    if not name or len(name) > MAX_NAME:
        raise invalid("name", f"must have 1 to {MAX_NAME} characters")
    if any(one.name == name and one.id != but for one in table.values()):
        raise ApiError(
            "uniqueness_error",
            f"{kind} name is already used",
            details={"fields": [{"name": "name", "messages": [f"'{name}' is already used"]}]},
        )


def rename(
    kind: str,
    table: Mapping[int, R],
    one: R,
    *,
    name: str | None,
    labels: dict[str, str] | None,
) -> None:
    """Change name and labels; what is None stays."""
    if name is not None:
        check_name(kind, table, name, but=one.id)
    if labels is not None:
        check_labels(labels)
        one.labels = dict(labels)
    if name is not None:
        one.name = name
