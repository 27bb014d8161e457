"""Placement groups: which servers must not share a host."""

from __future__ import annotations

from lab.api.errors import ApiError
from lab.api.labels import check_labels
from lab.api.state import PlacementGroup, Server, State
from lab.api.state_common import check_name, find

MAX_MEMBERS = 10
"""Servers in a spread group (https://docs.hetzner.com/cloud/placement-groups/overview)."""
MAX_GROUPS = 50


def create(state: State, *, name: str, labels: dict[str, str], now: str) -> PlacementGroup:
    """Add a spread group."""
    check_labels(labels)
    check_name("placement group", state.placement_groups, name)
    if len(state.placement_groups) >= MAX_GROUPS:
        raise ApiError("resource_limit_exceeded", f"at most {MAX_GROUPS} placement groups")
    group = PlacementGroup(id=state.take_id(), name=name, created=now, labels=dict(labels))
    state.placement_groups[group.id] = group
    return group


def members(state: State, group: PlacementGroup) -> list[int]:
    """Ids of the group's servers, ascending."""
    return sorted(one.id for one in state.servers.values() if one.placement_group == group.id)


def check_room(state: State, key: int) -> PlacementGroup:
    """The group of this id, if it takes one more server."""
    group = find("placement_group", state.placement_groups, key)
    if len(members(state, group)) >= MAX_MEMBERS:
        raise ApiError(
            "placement_error", f"placement group {group.name} has {MAX_MEMBERS} servers already"
        )
    return group


def join(state: State, server: Server, key: int) -> None:
    """Put a server that is off into a group."""
    if server.status != "off":
        raise ApiError("server_not_stopped", f"server {server.name} must be powered off")
    if server.placement_group is not None:
        raise ApiError("placement_error", f"server {server.name} is in a placement group already")
    server.placement_group = check_room(state, key).id


def delete(state: State, group: PlacementGroup) -> None:
    """Remove a group; its servers stay."""
    for server in state.servers.values():
        if server.placement_group == group.id:
            server.placement_group = None
    del state.placement_groups[group.id]
