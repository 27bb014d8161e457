"""What differs between two property maps, path by path, as the official providers report it."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from lab.plugins.common.schema import Field, Schema
from lab.plugins.common.values import Value, reveal


class Change(Enum):
    """How one path differs."""

    ADD = "add"
    DELETE = "delete"
    UPDATE = "update"


@dataclass(frozen=True, slots=True)
class Difference:
    """One path that differs, how, and whether that alone needs a new resource."""

    change: Change
    replaces: bool


def compare(
    schema: Schema, old: Mapping[str, Value], new: Mapping[str, Value]
) -> dict[str, Difference]:
    """Paths such as `connection.host` or `triggers[0]` that differ, with what each means.

    A value that is not known yet differs from every known one. A mere change of secrecy does not.
    """
    return _compare(schema.inputs, _plain(old), _plain(new), "", replaces=False)


def _plain(values: Mapping[str, Value]) -> dict[str, Value]:
    return {key: reveal(value) for key, value in values.items()}


def _compare(
    fields: Mapping[str, Field],
    old: Mapping[str, Value],
    new: Mapping[str, Value],
    base: str,
    *,
    replaces: bool,
) -> dict[str, Difference]:
    found: dict[str, Difference] = {}
    for name in sorted({*old, *new}):
        path = _join(base, name)
        found |= _one(fields.get(name), old.get(name), new.get(name), path, replaces=replaces)
    return found


def _one(
    spec: Field | None, old: Value, new: Value, path: str, *, replaces: bool
) -> dict[str, Difference]:
    if old == new and type(old) is type(new):
        return {}
    replaces = replaces or (spec is not None and spec.replaces)
    if old is None:
        return {path: Difference(Change.ADD, replaces)}
    if new is None:
        return {path: Difference(Change.DELETE, replaces)}
    if isinstance(old, dict) and isinstance(new, dict):
        inner = spec.fields if spec is not None and spec.fields else _each(spec, {*old, *new})
        return _compare(inner, old, new, path, replaces=replaces)
    if isinstance(old, list) and isinstance(new, list):
        item = spec.item if spec is not None else None
        found: dict[str, Difference] = {}
        for index in range(max(len(old), len(new))):
            before = old[index] if index < len(old) else None
            after = new[index] if index < len(new) else None
            found |= _one(item, before, after, f"{path}[{index}]", replaces=replaces)
        return found
    return {path: Difference(Change.UPDATE, replaces)}


def _each(spec: Field | None, names: set[str]) -> dict[str, Field]:
    item = spec.item if spec is not None else None
    return {} if item is None else dict.fromkeys(names, item)


def _join(base: str, name: str) -> str:
    """The path of `name` inside `base`, quoted where a dot or bracket would mislead the engine."""
    if name.replace("_", "").replace("-", "").isalnum():
        return f"{base}.{name}" if base else name
    return f'{base}["{name}"]'
