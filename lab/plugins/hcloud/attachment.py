"""What a firewall is applied to, as a resource of its own."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from lab.plugins.common import Context, Field, Kind, Schema, Value
from lab.plugins.common.resource import Plain
from lab.plugins.common.schema import Failure
from lab.plugins.hcloud.base import (
    INTEGER,
    HcloudResource,
    number,
    numbers,
    sorted_values,
    texts,
)
from lab.plugins.hcloud.firewall import applied, move, on_labels, on_server


class FirewallAttachment(HcloudResource):
    """Which servers and labels a firewall is applied to, all of them."""

    schema: ClassVar[Schema] = Schema(
        token="hcloud:index/firewallAttachment:FirewallAttachment",  # noqa: S106  a type's name
        inputs={
            "firewallId": Field(kind=Kind.INTEGER, required=True, replaces=True),
            "serverIds": Field(kind=Kind.LIST, item=INTEGER),
            "labelSelectors": Field(kind=Kind.LIST, item=Field()),
        },
    )
    named: ClassVar[bool] = False

    def check(self, inputs: Plain) -> Sequence[Failure]:
        """Refuse an attachment to nothing."""
        if inputs.get("serverIds") or inputs.get("labelSelectors"):
            return ()
        return [Failure("serverIds", "one of serverIds and labelSelectors is needed")]

    def normal(self, values: Plain) -> Plain:
        """Both lists are sets."""
        return {key: sorted_values(value) for key, value in values.items()}

    async def _now(self, key: int) -> Plain | None:
        found = await self.api.find(
            f"firewall {key}", lambda client: client.firewalls.get_by_id(key)
        )
        if found is None:
            return None
        servers, selectors = applied(found)
        state: Plain = {"firewallId": key}
        if servers:
            state["serverIds"] = list(servers)
        if selectors:
            state["labelSelectors"] = list(selectors)
        return state

    async def _bring(self, key: int, wanted: Mapping[str, Value]) -> Plain:
        now = await self._now(key) or {}
        servers, had = set(numbers(wanted.get("serverIds"))), set(numbers(now.get("serverIds")))
        chosen = set(texts(wanted.get("labelSelectors")))
        were = set(texts(now.get("labelSelectors")))
        less = [*map(on_server, sorted(had - servers)), *map(on_labels, sorted(were - chosen))]
        more = [*map(on_server, sorted(servers - had)), *map(on_labels, sorted(chosen - were))]
        await move(self, f"firewall {key}", key, less, more)
        return await self._now(key) or {}

    async def create(self, context: Context, inputs: Plain) -> tuple[str, Plain]:
        """Apply the firewall."""
        del context
        key = number(inputs["firewallId"])
        return str(key), await self._bring(key, inputs)

    async def read(self, context: Context, resource_id: str, state: Plain) -> Plain | None:
        """What the firewall is applied to."""
        del context, state
        return await self._now(int(resource_id))

    async def update(self, context: Context, resource_id: str, olds: Plain, news: Plain) -> Plain:
        """Apply and take off the difference."""
        del context, olds
        return await self._bring(int(resource_id), news)

    async def delete(self, context: Context, resource_id: str, state: Plain) -> None:
        """Take the firewall off what this attachment applied it to."""
        del context
        less = [*map(on_server, numbers(state.get("serverIds")))]
        less += map(on_labels, texts(state.get("labelSelectors")))
        await move(self, f"firewall {resource_id}", int(resource_id), less, [])
