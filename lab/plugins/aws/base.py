"""What the aws resources share: making, reading, tags, small conversions."""

from __future__ import annotations

import asyncio
import json
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from lab.plugins.aws.client import Api, AwsError
from lab.plugins.common import (
    UNKNOWN,
    Context,
    Field,
    InitError,
    Kind,
    PluginError,
    Resource,
    Value,
)
from lab.plugins.common.diff import Difference, compare
from lab.plugins.common.resource import Plain

TAGS = Field(kind=Kind.MAP, item=Field())
INTEGER = Field(kind=Kind.INTEGER)
FLAG = Field(kind=Kind.BOOL)
TEXTS = Field(kind=Kind.LIST, item=Field())

Raw = dict[str, Any]
"""What AWS answers."""


class AwsResource(Resource):
    """A resource of EC2.

    Attributes:
        noun: What people call it.
        kind: What AWS calls it where it is tagged; None where it has no tags.
        sets: Inputs that are sets to the cloud.
    """

    noun: ClassVar[str]
    kind: ClassVar[str | None] = None
    sets: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, api: Api) -> None:
        self.api = api

    @abstractmethod
    def make(self, client: Any, inputs: Plain) -> str:  # noqa: ANN401 - a client has no type
        """Make it; returns its id."""

    @abstractmethod
    def find(self, client: Any, key: str) -> Raw | None:  # noqa: ANN401
        """It as it is now; None when it is gone."""

    @abstractmethod
    def state(self, raw: Raw) -> Plain:
        """Inputs and outputs in what AWS answers, without tags."""

    @abstractmethod
    def remove(self, client: Any, key: str) -> None:  # noqa: ANN401
        """Delete it."""

    def settle(self, client: Any, key: str, inputs: Plain) -> None:  # noqa: ANN401
        """What making takes besides; nothing for most."""

    def change(self, client: Any, key: str, news: Plain, changed: set[str]) -> None:  # noqa: ANN401
        """Change it in place; tags are done already."""
        del client, news
        if changed:
            names = ", ".join(sorted(changed))
            raise PluginError(f"{self.noun} {key}: this stand-in changes no {names} in place")

    def normal(self, values: Plain) -> Plain:
        """The inputs in a form in which equal means equal to the cloud."""
        return {k: ordered(v) if k in self.sets else v for k, v in values.items()}

    def differences(self, state: Plain, olds: Plain, news: Plain) -> Mapping[str, Difference]:
        """What changed, leaving out what the cloud does not tell apart."""
        del state
        known = self._known(olds, news) | {k: v for k, v in olds.items() if k not in news}
        return compare(self.schema, self.normal(known), self.normal(news))

    def _known(self, olds: Plain, news: Plain) -> Plain:
        """Of what was what the program still says anything of: the rest is the cloud's default."""
        return {
            name: olds[name] if spec.item else _narrowed(olds[name], news.get(name))
            for name, spec in self.schema.inputs.items()
            if name in olds and (name in news or spec.item is not None)
        }

    async def create(self, context: Context, inputs: Plain) -> tuple[str, Plain]:
        """Make it and bring it to where it should be.

        Once it exists, every failure and even a cancelled run leaves it in the state.
        """
        what = f"{self.noun} {context.name}"
        key, cancelled = await self.api.finish(what, lambda client: self.make(client, inputs))
        try:
            self._go_on(cancelled=cancelled)
            await self.api.call(what, lambda client: self.settle(client, key, inputs))
            found = await self._found(what, key)
        except (PluginError, asyncio.CancelledError) as error:
            reason = str(error) or f"{what}: cancelled while it was being made"
            raise InitError(
                f"{reason}. The {self.noun} exists ({key}) and is kept in the state",
                resource_id=key,
                outputs={},
            ) from error
        if found is None:
            raise PluginError(f"{what}: AWS made {key} and does not know it")
        return key, self._told(found)

    @staticmethod
    def _go_on(*, cancelled: bool) -> None:
        if cancelled:
            raise asyncio.CancelledError

    async def read(self, context: Context, resource_id: str, state: Plain) -> Plain | None:
        """It as AWS has it; what AWS does not tell stays as it was."""
        found = await self._found(f"{self.noun} {context.name}", resource_id)
        return None if found is None else {**state, **self._told(found)}

    async def update(self, context: Context, resource_id: str, olds: Plain, news: Plain) -> Plain:
        """Change tags, and what else can be changed in place.

        What is there counts, not what the state says: one that was only half made is finished.
        """
        what = f"{self.noun} {context.name}"
        there = await self._found(what, resource_id)
        if there is None:
            raise PluginError(f"{what}: {resource_id} is gone. Fix: `pulumi refresh`")
        now = {**olds, **self._told(there)}
        known = self._known(now, news)
        changed = {path.split("[")[0].split(".")[0] for path in self.differences({}, known, news)}

        def work(client: Any) -> None:  # noqa: ANN401
            if "tags" in changed:
                retag(client, resource_id, now.get("tags"), news.get("tags"))
            self.change(client, resource_id, news, changed - {"tags"})

        await self.api.call(what, work)
        found = await self._found(what, resource_id)
        return {} if found is None else self._told(found)

    async def delete(self, context: Context, resource_id: str, state: Plain) -> None:
        """Remove it."""
        del state
        await self.api.gone(
            f"{self.noun} {context.name}", lambda client: self.remove(client, resource_id)
        )

    async def _found(self, what: str, key: str) -> Raw | None:
        try:
            return await self.api.call(what, lambda client: self.find(client, key))
        except AwsError as error:
            if error.gone:
                return None
            raise

    def _told(self, raw: Raw) -> Plain:
        told = self.state(raw)
        if self.kind is not None:
            # An interface's are called otherwise.
            there = raw.get("Tags") or raw.get("TagSet") or ()
            tags: Plain = {each["Key"]: each["Value"] for each in there}
            told |= {"tags": tags, "tagsAll": dict(tags)}
        return told

    def specification(self, inputs: Plain) -> list[Raw]:
        """The tags as an order wants them."""
        tags = labels(inputs.get("tags"))
        if not tags or self.kind is None:
            return []
        return [{"ResourceType": self.kind, "Tags": pairs(tags)}]


def _narrowed(old: Value, new: Value) -> Value:
    """Of an object in the state what the program says of it: the rest is the cloud's default."""
    if isinstance(old, dict) and isinstance(new, dict) and {*new} <= {*old}:
        return {key: old[key] for key in new}
    return old


def retag(client: Any, key: str, olds: Value, news: Value) -> None:  # noqa: ANN401
    """Bring the tags of an object from one set to another."""
    before, after = labels(olds), labels(news)
    if gone := {*before} - {*after}:
        client.delete_tags(Resources=[key], Tags=[{"Key": one} for one in sorted(gone)])
    if after:
        client.create_tags(Resources=[key], Tags=pairs(after))


def pairs(tags: Mapping[str, str]) -> list[Raw]:
    """Tags as AWS's client has them."""
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def labels(value: Value) -> dict[str, str]:
    """Tags as a mapping; none when they are not set."""
    return {key: str(item) for key, item in value.items()} if isinstance(value, dict) else {}


def texts(value: Value) -> list[str]:
    """A list of texts; none when it is not set."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def objects(value: Value) -> list[Plain]:
    """A list of objects; none when it is not set."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def ordered(value: Value) -> Value:
    """A list that is a set to the cloud, in a fixed order; unknown ones stay as they are."""
    if not isinstance(value, list) or any(item is UNKNOWN for item in value):
        return value
    # Keys of a mapping come over the wire in any order; the list's order must not follow them.
    return sorted(value, key=lambda item: json.dumps(item, sort_keys=True, default=repr))


def one(found: list[Raw]) -> Raw | None:
    """The only one of a list that has one or none."""
    return found[0] if found else None
