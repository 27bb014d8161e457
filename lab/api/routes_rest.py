"""SSH keys, placement groups, images and the catalogue over HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from lab.api import (
    catalogue,
    listing,
    state_actions,
    state_common,
    state_groups,
    state_images,
    state_keys,
    views,
)
from lab.api import requests as bodies
from lab.api.app import Call, Endpoint, Reply, created
from lab.api.cloud import clock
from lab.api.errors import not_found
from lab.api.labels import check_labels
from lab.api.state import PlacementGroup, SshKey

_SORT = ("id", "name", "created")
_IMAGE_TYPES = ("system", "app", "snapshot", "backup")
_IMAGE_STATUSES = ("available", "creating", "unavailable")


def _key(call: Call) -> SshKey:
    return state_common.find("ssh_key", call.cloud.state.ssh_keys, call.ids["id"])


async def _list_keys(call: Call) -> Reply:
    found = [views.ssh_key(one) for one in call.cloud.state.ssh_keys.values()]
    found = listing.filtered(found, call.query, "name", "fingerprint")
    ordered = listing.ordered(found, call.query, ("id", "name"))
    return Reply(listing.page("ssh_keys", ordered, call.query))


async def _create_key(call: Call) -> Reply:
    body = call.read(bodies.SshKeyCreate)
    key = state_keys.create(
        call.cloud.state,
        name=body.name,
        public_key=body.public_key,
        labels=body.labels,
        now=clock(),
    )
    return created({"ssh_key": views.ssh_key(key)})


async def _get_key(call: Call) -> Reply:
    return Reply({"ssh_key": views.ssh_key(_key(call))})


async def _update_key(call: Call) -> Reply:
    body = call.read(bodies.Named)
    key = _key(call)
    state_common.rename(
        "SSH key", call.cloud.state.ssh_keys, key, name=body.name, labels=body.labels
    )
    return Reply({"ssh_key": views.ssh_key(key)})


async def _delete_key(call: Call) -> Reply:
    del call.cloud.state.ssh_keys[_key(call).id]
    return Reply(status=204)


def _group(call: Call) -> PlacementGroup:
    return state_common.find("placement_group", call.cloud.state.placement_groups, call.ids["id"])


async def _list_groups(call: Call) -> Reply:
    state = call.cloud.state
    listing.many(call.query, "type", ("spread",))
    found = [views.placement_group(state, one) for one in state.placement_groups.values()]
    ordered = listing.ordered(listing.filtered(found, call.query, "name"), call.query, _SORT)
    return Reply(listing.page("placement_groups", ordered, call.query))


async def _create_group(call: Call) -> Reply:
    body = call.read(bodies.PlacementGroupCreate)
    state = call.cloud.state
    group = state_groups.create(state, name=body.name, labels=body.labels, now=clock())
    return created({"placement_group": views.placement_group(state, group), "action": None})


async def _get_group(call: Call) -> Reply:
    return Reply({"placement_group": views.placement_group(call.cloud.state, _group(call))})


async def _update_group(call: Call) -> Reply:
    body = call.read(bodies.Named)
    state, group = call.cloud.state, _group(call)
    state_common.rename(
        "placement group", state.placement_groups, group, name=body.name, labels=body.labels
    )
    return Reply({"placement_group": views.placement_group(state, group)})


async def _delete_group(call: Call) -> Reply:
    state_groups.delete(call.cloud.state, _group(call))
    return Reply(status=204)


async def _list_images(call: Call) -> Reply:
    query = call.query
    images: list[state_images.Image] = [*catalogue.IMAGES, *call.cloud.state.snapshots.values()]
    found = [views.image(one) for one in images]
    # No image of the lab is deprecated, so asking for those too changes nothing.
    listing.many(query, "include_deprecated", ("true", "false"))
    for field, allowed in (
        ("type", _IMAGE_TYPES),
        ("status", _IMAGE_STATUSES),
        ("architecture", ("x86", "arm")),
    ):
        wanted = listing.many(query, field, allowed)
        found = [one for one in found if wanted is None or one[field] in wanted]
    if "bound_to" in query:
        found = []  # only backups are bound to a server, and the lab makes none
    ordered = listing.ordered(listing.filtered(found, query, "name"), query, _SORT)
    return Reply(listing.page("images", ordered, query))


async def _get_image(call: Call) -> Reply:
    return Reply({"image": views.image(state_images.find(call.cloud.state, call.ids["id"]))})


async def _update_image(call: Call) -> Reply:
    body = call.read(bodies.ImageUpdate)
    snapshot = state_images.changeable(call.cloud.state, call.ids["id"])
    if body.labels is not None:
        check_labels(body.labels)
        snapshot.labels = dict(body.labels)
    if body.description is not None:
        snapshot.description = body.description
    return Reply({"image": views.image(snapshot)})


async def _delete_image(call: Call) -> Reply:
    state = call.cloud.state
    snapshot = state_images.changeable(state, call.ids["id"])
    state_images.check_deletable(state, snapshot)
    await call.cloud.driver.delete_snapshot(state_images.driver_name(snapshot))
    state.snapshots.pop(snapshot.id, None)
    return Reply(status=204)


async def _protect_image(call: Call) -> Reply:
    snapshot = state_images.changeable(call.cloud.state, call.ids["id"])
    snapshot.protected = call.read(bodies.Protection).delete
    on = ("image", snapshot.id)
    action = state_actions.done(call.cloud.state, "change_protection", clock(), on)
    return created({"action": views.action(action)})


def _fixed(
    many: str,
    one: str,
    items: Sequence[listing.Json],
    *,
    sort: Sequence[str] = (),
    beside: Mapping[str, object] | None = None,
) -> tuple[Endpoint, Endpoint]:
    """The list, with what stands `beside` it, and the single view of a part of the catalogue."""

    async def list_all(call: Call) -> Reply:
        found = listing.filtered(items, call.query, "name")
        page = listing.page(many, listing.ordered(found, call.query, sort), call.query)
        return Reply({**page, **(beside or {})})

    async def get(call: Call) -> Reply:
        for item in items:
            if item["id"] == call.ids["id"]:
                return Reply({one: item})
        raise not_found(one, call.ids["id"])

    query = listing.PAGING | {"name"} | ({"sort"} if sort else set())
    return (
        Endpoint("GET", f"/{many}", list_all, query=query),
        Endpoint("GET", f"/{many}/{{id}}", get),
    )


def _crud(
    path: str,
    handlers: Sequence[Callable[[Call], Awaitable[Reply]]],
    create: type[bodies.Body],
    query: frozenset[str],
) -> tuple[Endpoint, ...]:
    list_all, make, get, update, delete = handlers
    return (
        Endpoint("GET", path, list_all, query=listing.PAGING | query),
        Endpoint("POST", path, make, body=create),
        Endpoint("GET", f"{path}/{{id}}", get),
        Endpoint("PUT", f"{path}/{{id}}", update, body=bodies.Named),
        Endpoint("DELETE", f"{path}/{{id}}", delete),
    )


_LISTED = frozenset({"name", "label_selector", "sort"})
_IMAGE_QUERY = _LISTED | {"type", "status", "bound_to", "include_deprecated", "architecture"}
ENDPOINTS = (
    *_crud(
        "/ssh_keys",
        (_list_keys, _create_key, _get_key, _update_key, _delete_key),
        bodies.SshKeyCreate,
        _LISTED | {"fingerprint"},
    ),
    *_crud(
        "/placement_groups",
        (_list_groups, _create_group, _get_group, _update_group, _delete_group),
        bodies.PlacementGroupCreate,
        _LISTED | {"type"},
    ),
    Endpoint("GET", "/images", _list_images, query=listing.PAGING | _IMAGE_QUERY),
    Endpoint("GET", "/images/{id}", _get_image),
    Endpoint("PUT", "/images/{id}", _update_image, body=bodies.ImageUpdate),
    Endpoint("DELETE", "/images/{id}", _delete_image),
    Endpoint(
        "POST", "/images/{id}/actions/change_protection", _protect_image, body=bodies.Protection
    ),
    *_fixed(
        "locations", "location", [views.location(one) for one in catalogue.LOCATIONS],
        sort=("id", "name"),
    ),
    *_fixed(
        "datacenters", "datacenter", [views.datacenter(one) for one in catalogue.LOCATIONS],
        sort=("id", "name"), beside={"recommendation": catalogue.LOCATIONS[0].id},
    ),
    *_fixed(
        "server_types", "server_type", [views.server_type(one) for one in catalogue.SERVER_TYPES]
    ),
)  # fmt: skip
