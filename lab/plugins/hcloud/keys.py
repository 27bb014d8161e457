"""SSH keys and placement groups."""

from __future__ import annotations

from typing import ClassVar

from lab.plugins.common import Context, Field, Kind, Schema
from lab.plugins.common.resource import Plain
from lab.plugins.hcloud import vendor
from lab.plugins.hcloud.base import LABELS, NAME, HcloudResource, labels, plain_labels


def _key_state(key: vendor.BoundSSHKey) -> Plain:
    return {
        "name": key.name,
        "publicKey": key.public_key,
        "labels": plain_labels(key.labels),
        "fingerprint": key.fingerprint,
    }


class SshKey(HcloudResource):
    """A public SSH key of the project."""

    schema: ClassVar[Schema] = Schema(
        token="hcloud:index/sshKey:SshKey",  # noqa: S106  a type's name
        inputs={
            "name": NAME,
            "publicKey": Field(required=True, replaces=True),
            "labels": LABELS,
        },
        outputs={"fingerprint": Field()},
        delete_first=True,
    )

    async def create(self, context: Context, inputs: Plain) -> tuple[str, Plain]:
        """Add the key."""
        del context
        name = str(inputs["name"])
        key = await self.api.call(
            f"SSH key {name}",
            lambda client: client.ssh_keys.create(
                name=name,
                public_key=str(inputs["publicKey"]),
                labels=labels(inputs.get("labels")),
            ),
        )
        return str(key.id), _key_state(key)

    async def read(self, context: Context, resource_id: str, state: Plain) -> Plain | None:
        """The key as the project has it."""
        del context
        key = await self.api.find(
            f"SSH key {resource_id}", lambda client: client.ssh_keys.get_by_id(int(resource_id))
        )
        return None if key is None else {**state, **_key_state(key)}

    async def update(self, context: Context, resource_id: str, olds: Plain, news: Plain) -> Plain:
        """Change name and labels."""
        del context, olds
        key = await self.api.call(
            f"SSH key {news['name']}",
            lambda client: client.ssh_keys.update(
                vendor.SSHKey(id=int(resource_id)),
                name=str(news["name"]),
                labels=labels(news.get("labels")),
            ),
        )
        return _key_state(key)

    async def delete(self, context: Context, resource_id: str, state: Plain) -> None:
        """Remove the key; servers keep what was injected."""
        del context
        await self.api.find(
            f"SSH key {state.get('name')}",
            lambda client: client.ssh_keys.delete(vendor.SSHKey(id=int(resource_id))),
        )


def _group_state(group: vendor.PlacementGroup) -> Plain:
    return {
        "name": group.name,
        "type": group.type,
        "labels": plain_labels(group.labels),
        "servers": list(group.servers or []),
    }


class PlacementGroup(HcloudResource):
    """A group whose servers stand on different hosts."""

    schema: ClassVar[Schema] = Schema(
        token="hcloud:index/placementGroup:PlacementGroup",  # noqa: S106  a type's name
        inputs={
            "name": NAME,
            "type": Field(required=True, choices=("spread",)),
            "labels": LABELS,
        },
        outputs={"servers": Field(kind=Kind.LIST, item=Field(kind=Kind.INTEGER))},
        delete_first=True,
    )

    async def create(self, context: Context, inputs: Plain) -> tuple[str, Plain]:
        """Make an empty group."""
        del context
        name = str(inputs["name"])
        made = await self.api.call(
            f"placement group {name}",
            lambda client: client.placement_groups.create(
                name=name, type=str(inputs["type"]), labels=labels(inputs.get("labels"))
            ),
        )
        group = made.placement_group
        return str(group.id), _group_state(group)

    async def read(self, context: Context, resource_id: str, state: Plain) -> Plain | None:
        """The group with its members."""
        del context
        group = await self.api.find(
            f"placement group {resource_id}",
            lambda client: client.placement_groups.get_by_id(int(resource_id)),
        )
        return None if group is None else {**state, **_group_state(group)}

    async def update(self, context: Context, resource_id: str, olds: Plain, news: Plain) -> Plain:
        """Change name and labels."""
        del context, olds
        group = await self.api.call(
            f"placement group {news['name']}",
            lambda client: client.placement_groups.update(
                vendor.PlacementGroup(id=int(resource_id)),
                name=str(news["name"]),
                labels=labels(news.get("labels")),
            ),
        )
        return _group_state(group)

    async def delete(self, context: Context, resource_id: str, state: Plain) -> None:
        """Remove the group; its servers stay."""
        del context
        await self.api.find(
            f"placement group {state.get('name')}",
            lambda client: client.placement_groups.delete(
                vendor.PlacementGroup(id=int(resource_id))
            ),
        )
