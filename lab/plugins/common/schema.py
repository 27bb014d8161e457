"""What a resource accepts: the single source for strictness, defaults, secrets and replacing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from lab.plugins.common.values import UNKNOWN, Archive, Asset, Secret, Value


class Kind(Enum):
    """The type of a field; `ANY` takes whatever the engine can carry."""

    STRING = "a string"
    INTEGER = "a whole number"
    NUMBER = "a number"
    BOOL = "a boolean"
    LIST = "a list"
    MAP = "a map"
    OBJECT = "an object"
    ASSET = "an asset or archive"
    ANY = "a value"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One property.

    Attributes:
        kind: its type; objects list their `fields`, lists and maps may say what an `item` is.
        required: whether an input without it is refused.
        secret: whether the value is secret even where the program did not say so.
        replaces: whether a change of it needs a new resource.
        choices: the only texts accepted, if any.
    """

    kind: Kind = Kind.STRING
    required: bool = False
    secret: bool = False
    replaces: bool = False
    choices: tuple[str, ...] = ()
    item: "Field | None" = None
    fields: Mapping[str, "Field"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """One resource type.

    Attributes:
        token: the engine's name of the type, such as `random:index/randomBytes:RandomBytes`.
        inputs: what a program may set.
        outputs: what only the provider sets; inputs are outputs too and not repeated here.
        recomputed: outputs that a preview of an update shows as not known yet.
        delete_first: whether a replacement deletes the old resource before making the new one.
    """

    token: str
    inputs: Mapping[str, Field]
    outputs: Mapping[str, Field] = field(default_factory=dict)
    recomputed: frozenset[str] = frozenset()
    delete_first: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing wrong with the inputs: the property's path and the reason."""

    path: str
    reason: str


def failures(
    fields: Mapping[str, Field], values: Mapping[str, Value], prefix: str = ""
) -> Iterator[Failure]:
    """Everything in `values` that `fields` does not allow, unknown names included."""
    for name in sorted(set(values) - set(fields)):
        known = ", ".join(sorted(fields)) or "none"
        yield Failure(f"{prefix}{name}", f"unknown property '{name}'; known ones: {known}")
    for name, spec in fields.items():
        if values.get(name) is None:
            if spec.required:
                yield Failure(f"{prefix}{name}", f"missing required property '{name}'")
        else:
            yield from _wrong(spec, values[name], f"{prefix}{name}")


def _wrong(spec: Field, value: Value, path: str) -> Iterator[Failure]:
    if isinstance(value, Secret):
        yield from _wrong(spec, value.value, path)
    elif value is UNKNOWN or value is None:
        return
    elif not _matches(spec.kind, value):
        yield Failure(path, f"must be {spec.kind.value}, not {type(value).__name__}")
    elif spec.choices and value not in spec.choices:
        yield Failure(path, f"must be one of {', '.join(spec.choices)}, not '{value}'")
    elif spec.kind is Kind.OBJECT and isinstance(value, dict):
        yield from failures(spec.fields, value, f"{path}.")
    elif spec.item is not None and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _wrong(spec.item, item, f"{path}[{index}]")
    elif spec.item is not None and isinstance(value, dict):
        for key, item in value.items():
            yield from _wrong(spec.item, item, f"{path}.{key}")


_TYPES: dict[Kind, tuple[type, ...]] = {
    Kind.STRING: (str,),
    Kind.INTEGER: (int,),
    Kind.NUMBER: (int, float),
    Kind.BOOL: (bool,),
    Kind.LIST: (list,),
    Kind.MAP: (dict,),
    Kind.OBJECT: (dict,),
    Kind.ASSET: (Asset, Archive),
    Kind.ANY: (object,),
}


def _matches(kind: Kind, value: Value) -> bool:
    number = kind in (Kind.INTEGER, Kind.NUMBER)
    return isinstance(value, _TYPES[kind]) and not (number and isinstance(value, bool))


def with_secrets(fields: Mapping[str, Field], values: Mapping[str, Value]) -> dict[str, Value]:
    """The values, with those that the schema calls secret wrapped as such."""
    return {
        name: _hide(fields[name], value) if name in fields else value
        for name, value in values.items()
    }


def _hide(spec: Field, value: Value) -> Value:
    if isinstance(value, Secret) or value is None:
        return value
    if spec.kind is Kind.OBJECT and isinstance(value, dict):
        value = with_secrets(spec.fields, value)
    elif spec.item is not None and isinstance(value, list):
        value = [_hide(spec.item, item) for item in value]
    return Secret(value) if spec.secret else value
