"""Actions over HTTP: in batches by id, and per kind and per resource."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lab.api import listing, state_images, views
from lab.api.app import Call, Endpoint, Reply
from lab.api.errors import ApiError, invalid, not_found
from lab.api.state import Action, State
from lab.api.state_common import find

_SORT = ("id", "command", "status", "started", "finished")
_STATUSES = ("running", "success", "error")

# The table's singular, which actions use, by the plural of the path.
_KINDS: Mapping[str, tuple[str, Callable[[State, int], object]]] = {
    "servers": ("server", lambda state, key: find("server", state.servers, key)),
    "firewalls": ("firewall", lambda state, key: find("firewall", state.firewalls, key)),
    "primary_ips": ("primary_ip", lambda state, key: find("primary_ip", state.primary_ips, key)),
    "images": ("image", state_images.find),
}


def _ids(call: Call) -> set[int] | None:
    if "id" not in call.query:
        return None
    wrong = [text for text in call.query["id"] if not text.isdecimal()]
    if wrong:
        raise invalid("id", *(f"'{text}' is not a number" for text in wrong))
    return {int(text) for text in call.query["id"]}


def _page(call: Call, actions: list[Action]) -> Reply:
    statuses = listing.many(call.query, "status", _STATUSES)
    shown = [views.action(one) for one in actions if statuses is None or one.status in statuses]
    return Reply(listing.page("actions", listing.ordered(shown, call.query, _SORT), call.query))


async def _batch(call: Call) -> Reply:
    wanted = _ids(call)
    if wanted is None:
        raise ApiError(
            "deprecated_api_endpoint", "listing arbitrary actions was removed; give ids", status=410
        )
    return _page(call, [one for key, one in call.cloud.state.actions.items() if key in wanted])


def _one(call: Call, key: int, matching: Callable[[Action], bool]) -> Reply:
    action = call.cloud.state.actions.get(key)
    if action is None or not matching(action):
        raise not_found("action", key)
    return Reply({"action": views.action(action)})


async def _get(call: Call) -> Reply:
    return _one(call, call.ids["id"], lambda _: True)


def _of_kind(path: str) -> tuple[Endpoint, ...]:
    kind, resource = _KINDS[path]

    def about(action: Action, key: int | None = None) -> bool:
        return any(
            what == kind and (key is None or which == key) for what, which in action.resources
        )

    async def list_kind(call: Call) -> Reply:
        wanted = _ids(call)
        found = [
            one
            for one in call.cloud.state.actions.values()
            if about(one) and (wanted is None or one.id in wanted)
        ]
        return _page(call, found)

    async def get_kind(call: Call) -> Reply:
        return _one(call, call.ids["id"], about)

    async def list_resource(call: Call) -> Reply:
        key = call.ids["id"]
        resource(call.cloud.state, key)
        return _page(call, [one for one in call.cloud.state.actions.values() if about(one, key)])

    async def get_resource(call: Call) -> Reply:
        key = call.ids["id"]
        resource(call.cloud.state, key)
        return _one(call, call.ids["action_id"], lambda one: about(one, key))

    query = listing.PAGING | {"sort", "status"}
    return (
        Endpoint("GET", f"/{path}/actions", list_kind, query=query | {"id"}),
        Endpoint("GET", f"/{path}/actions/{{id}}", get_kind),
        Endpoint("GET", f"/{path}/{{id}}/actions", list_resource, query=query),
        Endpoint("GET", f"/{path}/{{id}}/actions/{{action_id}}", get_resource),
    )


ENDPOINTS = (
    Endpoint("GET", "/actions", _batch, query=listing.PAGING | {"id", "sort", "status"}),
    Endpoint("GET", "/actions/{id}", _get),
    *(endpoint for path in _KINDS for endpoint in _of_kind(path)),
)
