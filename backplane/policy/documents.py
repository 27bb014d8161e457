"""A preview or a state, as Pulumi writes it in JSON, into what rules look at."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from backplane.policy.seen import Mark, Seen, World

Json = Mapping[str, Any]

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - Pulumi's mark of a secret
MASKED = "[secret]"
UNKNOWN = frozenset(
    {
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
"""What stands for values that are not known yet (Pulumi SDK, resource/plugin/rpc.go)."""

ROOT = "pulumi:pulumi:Stack"


class UnreadableDocument(ValueError):  # noqa: N818 - told to a person as it is
    """It is not what it should be; `what` and `fix` say why and what to do."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix


def of_preview(document: object) -> World:
    """`pulumi preview --json`: what is to be, without what stays as it is.

    Raises:
        UnreadableDocument: It is none, or of a preview that failed.
    """
    fix = "give what `pulumi preview --json` writes to standard output"
    if not isinstance(document, dict) or not isinstance(document.get("steps"), list):
        raise UnreadableDocument("this is no preview in JSON: it has no `steps`", fix)
    failed = [one for one in document.get("diagnostics") or () if one.get("severity") == "error"]
    if failed:
        raise UnreadableDocument(f"the preview failed with {len(failed)} errors", "mend it first")
    states = {step["urn"]: step["newState"] for step in document["steps"] if step.get("newState")}
    resources = tuple(map(_seen, states.values()))
    stack, project = _owner(resources, fix)
    config = document.get("config") or {}
    protect, retired = declared(config.get(f"{project}:mesh"))
    return World(stack=stack, resources=resources, whole=False, protect=protect, retired=retired)


def of_state(document: object) -> World:
    """`pulumi stack export`: all that is.

    Raises:
        UnreadableDocument: It is none, is encrypted as a whole, or shows its secrets.
    """
    fix = "give what `pulumi stack export` writes, without --show-secrets"
    deployment = document.get("deployment") if isinstance(document, dict) else None
    if not isinstance(deployment, dict):
        raise UnreadableDocument("this is no exported state: it has no `deployment`", fix)
    resources = tuple(map(_seen, deployment.get("resources") or ()))
    if not resources:
        return World(stack="", resources=(), whole=True, protect=False)
    stack, _ = _owner(resources, fix)
    protect, retired = told(resources)
    return World(stack=stack, resources=resources, whole=True, protect=protect, retired=retired)


def told(resources: Iterable[Seen]) -> tuple[bool | None, frozenset[str]]:
    """What a stack's own outputs say: `protect`, and the nodes that are to go."""
    plan = next((one.outputs.get("plan") for one in resources if one.type == ROOT), None)
    if not isinstance(plan, Mapping):
        return None, frozenset()
    protect, nodes = plan.get("protect"), plan.get("nodes")
    retired = frozenset(
        str(name)
        for name, node in (nodes.items() if isinstance(nodes, Mapping) else ())
        if isinstance(node, Mapping) and node.get("retire") is True
    )
    return protect if isinstance(protect, bool) else None, retired


def declared(mesh: object) -> tuple[bool | None, frozenset[str]]:
    """What a stack's config, JSON text or mapping, says: `protect`, and the nodes that go."""
    if isinstance(mesh, str):
        try:
            mesh = json.loads(mesh)
        except ValueError:
            return None, frozenset()
    if not isinstance(mesh, Mapping):
        return None, frozenset()
    sites = mesh.get("sites")
    nodes = {
        name: node
        for site in (sites.values() if isinstance(sites, Mapping) else ())
        if isinstance(site, Mapping) and isinstance(site.get("nodes"), Mapping)
        for name, node in site["nodes"].items()
    }
    retired = [
        name
        for name, node in nodes.items()
        if isinstance(node, Mapping) and node.get("retire") is True
    ]
    return mesh.get("protect", True) is not False, frozenset(retired)


def _owner(resources: Iterable[Seen], fix: str) -> tuple[str, str]:
    """Stack and project, out of the first URN: `urn:pulumi:STACK::PROJECT::TYPE::NAME`."""
    parts = next((one.urn.split("::") for one in resources), [])
    if len(parts) < 2:  # noqa: PLR2004 - see the docstring
        raise UnreadableDocument("there is not one resource in it", fix)
    return parts[0].removeprefix("urn:pulumi:"), parts[1]


def _seen(state: Json) -> Seen:
    return Seen(
        urn=str(state["urn"]),
        type=str(state["type"]),
        inputs=_read(state.get("inputs") or {}),
        outputs=_read(state.get("outputs") or {}),
        id=str(state.get("id") or ""),
        parent=str(state.get("parent") or ""),
        protect=state.get("protect") is True,
    )


def _read(value: Any) -> Any:  # noqa: ANN401 - any property
    if isinstance(value, dict):
        if value.get(SIGNATURE) == SECRET:
            if "plaintext" in value:
                raise UnreadableDocument(
                    "it holds secrets in plain", "delete it, and export without --show-secrets"
                )
            return Mark.SECRET
        return {key: _read(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_read(item) for item in value]
    if value == MASKED:
        return Mark.SECRET
    return Mark.UNKNOWN if isinstance(value, str) and value in UNKNOWN else value
