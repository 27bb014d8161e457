"""What the hcloud resources share: how inputs are compared, names, small conversions."""

import json
from collections.abc import Mapping
from ipaddress import ip_interface
from typing import ClassVar

from lab.plugins.common import UNKNOWN, Field, Kind, PluginError, Resource, Value
from lab.plugins.common.diff import Difference, compare
from lab.plugins.common.resource import Plain
from lab.plugins.common.schema import Failure
from lab.plugins.hcloud.client import Api

LABELS = Field(kind=Kind.MAP, item=Field())
NAME = Field()
INTEGER = Field(kind=Kind.INTEGER)
FLAG = Field(kind=Kind.BOOL)
# Characters that the official provider's naming adds to a name of the program's.
_SUFFIX = 7


class HcloudResource(Resource):
    """A resource of the cloud.

    Attributes:
        kept: Inputs that keep their value when the program no longer names them, since the
            official provider computes them ("Optional, Computed").
        named: Whether the resource has a name that the provider makes up when none is given.
    """

    kept: ClassVar[frozenset[str]] = frozenset()
    named: ClassVar[bool] = True

    def __init__(self, api: Api) -> None:
        self.api = api

    def complete(self, name: str, olds: Mapping[str, Value], news: Plain, seed: bytes) -> Plain:
        """Add a name where none is given: the program's, and random characters."""
        if not self.named or news.get("name") is not None:
            return news
        made = olds.get("name") or f"{name}-{seed.hex()[:_SUFFIX]}"
        return {**news, "name": made}

    def normal(self, values: Plain) -> Plain:
        """The inputs in a form in which equal means equal to the cloud."""
        return values

    def differences(self, state: Plain, olds: Plain, news: Plain) -> Mapping[str, Difference]:
        """What changed, leaving out what the cloud does not tell apart."""
        del state
        kept = {key: olds[key] for key in self.kept if key in olds and key not in news}
        return compare(self.schema, self.normal(olds), self.normal({**news, **kept}))


def not_done(*keys: str) -> list[Failure]:
    """What is asked for and this stand-in does not do."""
    return [Failure(key, "is not done by this stand-in; use the official plugin") for key in keys]


def number(value: Value) -> int:
    """A whole number that the schema has checked."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise PluginError(f"hcloud: {value!r} is no number")
    return value


def numbers(value: Value) -> list[int]:
    """A list of whole numbers; none when it is not set."""
    return [number(item) for item in value] if isinstance(value, list) else []


def known(key: int | None) -> int:
    """The id of something the API has answered with; the client types it as optional."""
    if key is None:
        raise PluginError("hcloud: the API answered without an id")
    return key


def text(value: Value) -> str | None:
    """A text, or None when it is not set."""
    return value if isinstance(value, str) else None


def texts(value: Value) -> list[str]:
    """A list of texts; none when it is not set."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def labels(value: Value) -> dict[str, str]:
    """Labels; none when they are not set."""
    return {key: str(item) for key, item in value.items()} if isinstance(value, dict) else {}


def protected(found: Mapping[str, object] | None, what: str) -> bool:
    """Whether the API's protection object says yes to `what` (delete, rebuild)."""
    return bool(found and found.get(what))


def plain_labels(found: Mapping[str, str] | None) -> dict[str, Value]:
    """The API's labels as values."""
    return dict(found or {})


def network(value: Value) -> Value:
    """An address or network in the API's form: canonical, with a prefix length."""
    if not isinstance(value, str):
        return value
    try:
        return str(ip_interface(value))
    except ValueError:
        return value


def sorted_values(value: Value) -> Value:
    """A list that is a set to the cloud, in a fixed order; unknown ones stay as they are."""
    if not isinstance(value, list) or any(item is UNKNOWN for item in value):
        return value
    # Keys of a mapping come over the wire in any order; the list's order must not follow them.
    return sorted(value, key=lambda item: json.dumps(item, sort_keys=True, default=repr))
