"""JSON schemas of a contract: their fields, where a document has them, and what would break."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Schema = dict[str, Any]
Path = tuple[str | int, ...]

_WORDS = {"$defs", "$ref", "$schema", "description", "examples", "title"}
_APART = {"properties", "required"}


def inlined(schema: Schema, definitions: Mapping[str, Schema] | None = None) -> Schema:
    """The same schema with its definitions where they are used, and without words for people."""
    known = schema.get("$defs", {}) if definitions is None else definitions
    if "$ref" in schema:
        schema = {**known[schema["$ref"].rpartition("/")[2]], **schema}
    made: Schema = {}
    for key, value in schema.items():
        if key == "properties":
            made[key] = {name: inlined(one, known) for name, one in value.items()}
        elif key in _WORDS:
            continue
        elif isinstance(value, dict):
            made[key] = inlined(value, known)
        elif isinstance(value, list):
            made[key] = [inlined(one, known) if isinstance(one, dict) else one for one in value]
        else:
            made[key] = value
    return made


def breaks(old: Schema, new: Schema) -> list[str]:
    """What a reader of the old schema would stumble over: all but new fields, and new words."""
    return sorted({*_breaks(inlined(old), inlined(new), "")})


def _breaks(old: Schema, new: Schema, at: str) -> Iterator[str]:
    fields = new.get("properties", {})
    for name, field in old.get("properties", {}).items():
        if name in fields:
            yield from _breaks(field, fields[name], f"{at}.{name}")
        else:
            yield f"{at}.{name} is gone"
    for name in {*old.get("required", ())} - {*new.get("required", ())}:
        yield f"{at}.{name} may be missing"
    for key in ({*old} | {*new}) - _APART:
        was, now = old.get(key), new.get(key)
        if isinstance(was, dict) and isinstance(now, dict):
            yield from _breaks(was, now, f"{at}.*")
        elif was != now:
            yield f"{at}: {key} was {was}, is {now}"


def refused(old: Schema, new: Schema) -> list[str]:
    """Why the new schema may not take the old one's place: nothing, where its version is higher."""
    was, now = (one["properties"].get("version", {}).get("const", 0) for one in (old, new))
    return [] if now > was else breaks(old, new)


def fields(schema: Schema) -> Iterator[Path]:
    """The place of every field in a schema with definitions."""
    for place in ((), *(("$defs", name) for name in schema["$defs"])):
        for name in at(schema, place).get("properties", {}):
            yield (*place, "properties", name)


def places(schema: Schema, document: Any) -> dict[str, Path]:  # noqa: ANN401 - any JSON
    """By each field that the document has, as the schema knows it, one place where it has it."""
    found: dict[str, Path] = {}
    for name, place in _places(inlined(schema), document, "", ()):
        found.setdefault(name, place)
    return found


def _places(schema: Schema, part: Any, name: str, place: Path) -> Iterator[tuple[str, Path]]:  # noqa: ANN401
    inner = schema.get("properties", {})
    for key, field in inner.items():
        if key in part:
            yield f"{name}.{key}", (*place, key)
            yield from _places(field, part[key], f"{name}.{key}", (*place, key))
    if isinstance(part, dict) and isinstance(schema.get("additionalProperties"), dict):
        for key in part.keys() - inner.keys():
            below = schema["additionalProperties"], part[key], f"{name}.*"
            yield from _places(*below, (*place, key))
    if isinstance(part, list):
        for position, one in enumerate(part):
            yield from _places(schema["items"], one, f"{name}.*", (*place, position))


def names(schema: Schema, name: str = "") -> Iterator[str]:
    """Every field of an inlined schema, as `places` names it."""
    for key, field in schema.get("properties", {}).items():
        yield f"{name}.{key}"
        yield from names(field, f"{name}.{key}")
    for below in (schema.get("additionalProperties"), schema.get("items")):
        if isinstance(below, dict):
            yield from names(below, f"{name}.*")


def at(document: Any, place: Path) -> Any:  # noqa: ANN401 - any JSON
    """What stands at a place."""
    for key in place:
        document = document[key]
    return document
