"""Verbs of people for a gateway: own nothing from now on, own again, and who owns what."""

from typing import Any

from node import links, routed, standing
from node.errors import Refused
from node.machine import Machine
from node.request import Answer, Request

PATIENCE, STEP = 15.0, 0.2
_DAEMON = "look at `systemctl status backplane-routes.service` on the machine, then try again"


def drain(machine: Machine, request: Request) -> Answer:
    """Give all remote sites to the sibling, and wait until it has them.

    Args:
        machine: A gateway.
        request: ``force``: do it even if nobody takes them, and do not wait.

    Returns:
        ``owner``: name of the gateway by remote site.

    Raises:
        Refused: This is no gateway, or nobody is there to take over; it is as it was before.
    """
    _require_other(_gateway(machine))
    told = _shown(machine)
    force = request.get("force") is True
    if not force:
        _require_sibling(told)
    file = standing.drained_file(machine)
    before = file.exists()
    if not before:
        machine.disk.replace(file, b"", 0o600)
    if force:
        return _owners(told)
    try:
        return _owners(_given(machine))
    except Refused:
        if not before:
            _undrain(machine)
        raise


def _given(machine: Machine) -> dict[str, Any]:
    """What the daemon shows once nothing goes by this gateway any more."""
    until = machine.clock.seconds() + PATIENCE
    while not _is_drained(told := _shown(machine)):
        if machine.clock.seconds() > until:
            kept = [one["name"] for one in told["sites"].values() if one["slot"] == told["slot"]]
            if not kept and (silent := _silent(told)):
                raise Refused(
                    f"the sibling has taken over, and FRR on {silent} does not tell other sites so",
                    "look at `systemctl status 'backplane-*'` on it, then try again",
                )
            raise Refused(
                f"within {PATIENCE:g} s the sibling has not taken over {', '.join(kept) or 'all'}",
                "look at `backplane status`: it takes what BGP leads it to; then try again, or "
                "drain with force and lose what it does not reach",
            )
        machine.clock.sleep(STEP)
    return told


def undrain(machine: Machine, _: Request) -> Answer:
    """Let this gateway take over again when its sibling dies or is drained; nothing moves now.

    Returns:
        ``owner``: name of the gateway by remote site; nobody's while the daemon does not run.
    """
    _gateway(machine)
    _undrain(machine)
    told = standing.read(machine)
    return _owners(told) if told else {"owner": {}}


def routing(machine: Machine, _: Request) -> Answer:
    """A node's ways to other sites: what the daemon shows of itself, and what FRR knows of links.

    Returns:
        ``routed``, false where the mesh is not, and then nothing else; ``links``, see
        :func:`node.links.links`; ``troubles``, what could not be learned, in words; ``running``,
        whether the daemon shows anything, and then what :func:`node.standing.shown` tells.
    """
    routes = routed.read(machine)
    if routes is None:
        return {"routed": False}
    told: Answer = {"routed": True, "running": False, "links": [], "troubles": []}
    try:
        told |= {**_shown(machine), "running": True}
    except Refused as refused:
        told["troubles"].append(refused.error)
    try:
        told["links"] = links.links(machine, routes)
    except Refused as refused:
        told["troubles"].append(refused.error)
    return told


def _gateway(machine: Machine) -> routed.Routes:
    routes = routed.read(machine)
    if routes is None or routes.slot is None:
        raise Refused(
            "this node is no gateway",
            "name one: `roles: [gateway]` in the declaration makes a node one",
        )
    return routes


def _require_other(routes: routed.Routes) -> None:
    if routes.other is None:
        raise Refused(
            "this gateway is its site's only one: nobody can take over from it",
            "give a second node of the site `roles: [gateway]` and `slot: 1`, then `pulumi up`",
        )


def _require_sibling(told: Answer) -> None:
    sibling = told.get("sibling") or {}
    if not sibling.get("alive"):
        raise Refused(
            f"the other gateway, {sibling.get('name')}, does not answer",
            "mend it first, or drain with force and lose the way to other sites",
        )
    if sibling.get("drained"):
        raise Refused(
            f"the other gateway, {sibling.get('name')}, is drained itself",
            f"undrain {sibling.get('name')} first",
        )


def _undrain(machine: Machine) -> None:
    file = standing.drained_file(machine)
    if file.exists():
        machine.disk.remove(file)
        machine.disk.sync_directory(file.parent)


def _shown(machine: Machine) -> dict[str, Any]:
    told = standing.read(machine)
    if told is None:
        raise Refused("backplane-routes.service does not run on this machine", _DAEMON)
    return told


def _is_drained(told: Answer) -> bool:
    owns = [one for one in told["sites"].values() if one["slot"] == told["slot"]]
    return bool(told["drained"]) and not (owns or told["overlap"] or _silent(told))


def _silent(told: Answer) -> str | None:
    """Which gateway's FRR has not told other sites; until both have they may send to either."""
    if not told.get("announced"):
        return "this machine"
    sibling = told.get("sibling") or {}
    return None if sibling.get("announced") else str(sibling.get("name"))


def _owners(told: Answer) -> Answer:
    return {"owner": {one["name"]: one["owner"] for one in told["sites"].values()}}
