"""Property values as plain Python, and their form on the engine's wire.

The wire form is a protobuf `Struct` in which special objects carry a signature key (Pulumi SDK,
`pulumi.runtime.rpc`). Plain values are None, bool, float, int, str, list and dict; around and
between them stand `Secret`, `UNKNOWN`, `Asset` and `Archive`.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Final

from google.protobuf.struct_pb2 import NULL_VALUE, ListValue, Struct
from google.protobuf.struct_pb2 import Value as WireValue


class _Unknown(Enum):
    """A value that only a real run will know; a type of its own so that checkers see it."""

    UNKNOWN = "unknown"


UNKNOWN: Final = _Unknown.UNKNOWN


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that the engine must encrypt and never show; the repr does not tell it."""

    value: "Value" = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A file of the user's: a path on this machine, literal text, or an address.

    Two are equal when their content is: `hash` is its SHA-256 in hex, filled in by the engine.
    """

    path: str | None = field(default=None, compare=False)
    text: str | None = field(default=None, compare=False)
    uri: str | None = field(default=None, compare=False)
    hash: str | None = None

    @classmethod
    def of_path(cls, path: str) -> "Asset":
        """The file at `path`, read once for its hash."""
        return cls(path=path, hash=hashlib.sha256(Path(path).read_bytes()).hexdigest())


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A folder or archive file on this machine, or named assets; equal when the content is."""

    path: str | None = field(default=None, compare=False)
    uri: str | None = field(default=None, compare=False)
    assets: "Mapping[str, Asset | Archive] | None" = None
    hash: str | None = None


Value = (
    None | bool | int | float | str | list["Value"] | dict[str, "Value"]
    | Secret | _Unknown | Asset | Archive
)  # fmt: skip

# The signature keys of the wire form. The SDK has them under private names in a module that loads
# all of it; a test compares.
_KEY = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - the mark of a secret, no secret
_ASSET = "c44067f5952c0a294b673a41bacd8c17"
_ARCHIVE = "0def7320c3a5731c473e5ecbe6d01bc7"

_UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

# What the engine sends for a value that is not known yet, whatever its type
# (Pulumi SDK, plugin.UnknownStringValue and its siblings).
_UNKNOWN_TEXTS = frozenset(
    {
        _UNKNOWN_TEXT,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)


def reveal(value: Value) -> Value:
    """The value with every `Secret` wrapper taken off, at any depth."""
    if isinstance(value, Secret):
        return reveal(value.value)
    if isinstance(value, list):
        return [reveal(item) for item in value]
    if isinstance(value, dict):
        return {key: reveal(item) for key, item in value.items()}
    return value


def holds_secret(value: Value) -> bool:
    """Whether anything in the value, at any depth, is secret."""
    if isinstance(value, list):
        return any(holds_secret(item) for item in value)
    if isinstance(value, dict):
        return any(holds_secret(item) for item in value.values())
    return isinstance(value, Secret)


def holds_unknown(value: Value) -> bool:
    """Whether anything in the value, at any depth, is not known yet."""
    if isinstance(value, Secret):
        return holds_unknown(value.value)
    if isinstance(value, list):
        return any(holds_unknown(item) for item in value)
    if isinstance(value, dict):
        return any(holds_unknown(item) for item in value.values())
    return value is UNKNOWN


def decode_map(struct: Struct) -> dict[str, Value]:
    """The engine's property map as Python values; null entries are left out, as "not set"."""
    decoded = {key: decode(item) for key, item in struct.fields.items()}
    return {key: item for key, item in decoded.items() if item is not None}


def decode(wire: WireValue) -> Value:
    """One wire value as a Python value.

    Raises:
        ValueError: a signature that this plugin does not accept (resource references, outputs).
    """
    match wire.WhichOneof("kind"):
        case "bool_value":
            return bool(wire.bool_value)
        case "number_value":
            number = float(wire.number_value)
            return int(number) if number.is_integer() else number
        case "string_value":
            text = str(wire.string_value)
            return UNKNOWN if text in _UNKNOWN_TEXTS else text
        case "list_value":
            return [decode(item) for item in wire.list_value.values]
        case "struct_value":
            return _decode_struct(wire.struct_value)
        case _:
            return None


def _decode_struct(struct: Struct) -> Value:
    signature = struct.fields.get(_KEY)
    if signature is None:
        return {key: decode(item) for key, item in struct.fields.items()}
    sig = signature.string_value
    if sig == _SECRET:
        return Secret(decode(struct.fields["value"]))
    if sig == _ASSET:
        return Asset(**_texts(struct, "path", "text", "uri", "hash"))
    if sig == _ARCHIVE:
        assets = struct.fields.get("assets")
        members = None
        if assets is not None:
            members = {}
            for key, item in assets.struct_value.fields.items():
                member = decode(item)
                if isinstance(member, Asset | Archive):
                    members[key] = member
        return Archive(**_texts(struct, "path", "uri", "hash"), assets=members)
    raise ValueError(f"the engine sent a value with signature {sig}, which no plugin asked for")


def _texts(struct: Struct, *names: str) -> dict[str, str | None]:
    return {n: struct.fields[n].string_value if n in struct.fields else None for n in names}


def encode_map(values: Mapping[str, Value]) -> Struct:
    """Python values as the engine's property map; None means "not set" and is left out."""
    return Struct(fields={k: encode(v) for k, v in values.items() if v is not None})


def encode(value: Value) -> WireValue:  # noqa: C901, PLR0911  one case for each type of value
    """One Python value in its wire form."""
    match value:
        case None:
            return WireValue(null_value=NULL_VALUE)
        case bool():
            return WireValue(bool_value=value)
        case int() | float():
            return WireValue(number_value=value)
        case str():
            return WireValue(string_value=value)
        case list():
            return WireValue(list_value=ListValue(values=[encode(item) for item in value]))
        case dict():
            return WireValue(struct_value=Struct(fields={k: encode(v) for k, v in value.items()}))
        case Secret():
            return _signed(_SECRET, {"value": encode(value.value)})
        case Asset():
            parts = {n: getattr(value, n) for n in ("path", "text", "uri", "hash")}
            return _signed(_ASSET, {k: encode(v) for k, v in parts.items() if v is not None})
        case Archive():
            parts = {n: getattr(value, n) for n in ("path", "uri", "hash")}
            if value.assets is not None:
                parts["assets"] = dict(value.assets)
            return _signed(_ARCHIVE, {k: encode(v) for k, v in parts.items() if v is not None})
        case _:
            return WireValue(string_value=_UNKNOWN_TEXT)


def _signed(signature: str, fields: dict[str, WireValue]) -> WireValue:
    signed = {_KEY: WireValue(string_value=signature), **fields}
    return WireValue(struct_value=Struct(fields=signed))
