"""Machines: behind a firewall, dark to their own metadata, encrypted, kept from deletion."""

from __future__ import annotations

from typing import Any

import pytest

from backplane.policy import Mark, Rule
from backplane.policy.machines import (
    BEHIND,
    ELASTIC,
    ENCRYPTED,
    INTERFACE,
    METADATA,
    PROTECTED,
    VOLUME,
    always_protected,
)
from tests.core.resources import ADDRESS, FIREWALL, INSTANCE, SERVER, seen, told, urn

TOKENS = {"httpTokens": "required", "httpPutResponseHopLimit": 1.0}


def test_a_server_has_a_firewall_of_its_stack() -> None:
    """Of the same stack, by id; in a preview the id may be unknown, the firewall may not."""
    wall = seen(FIREWALL, "wall", id="7")
    assert told(BEHIND, wall, seen(SERVER, inputs={"firewallIds": [7.0]})) == []
    assert told(BEHIND, wall, seen(SERVER, inputs={"firewallIds": [Mark.UNKNOWN]})) == []
    assert told(BEHIND, wall, seen(SERVER, inputs={"firewallIds": [8]})) == [
        ("violation", "one", "firewallIds[0] is no firewall of this stack")
    ]
    assert told(BEHIND, seen(SERVER, inputs={"firewallIds": [8]}), whole=False) == []


@pytest.mark.parametrize(
    ("one", "kind"),
    [
        (seen(SERVER), "violation"),
        (seen(SERVER, inputs={"firewallIds": []}), "violation"),
        (seen(SERVER, inputs={"firewallIds": Mark.UNKNOWN}), "unknown"),
        (seen(INSTANCE), "violation"),
        (seen(INSTANCE, inputs={"vpcSecurityGroupIds": []}), "violation"),
        (seen(INSTANCE, inputs={"vpcSecurityGroupIds": Mark.UNKNOWN}), "unknown"),
        (seen(INSTANCE, inputs={"vpcSecurityGroupIds": [Mark.UNKNOWN]}), None),
        (seen(INSTANCE, inputs={"networkInterfaces": [{"deviceIndex": 0}]}), None),
        (seen(INTERFACE), "violation"),
        (seen(INTERFACE, inputs={"securityGroups": ["sg-1"]}), None),
    ],
)
def test_none_stands_open(one: Any, kind: str | None) -> None:  # noqa: ANN401 - a Seen
    """Without a firewall or group in its own call a machine is a violation, on both clouds.

    A `FirewallAttachment` does not count: it comes after the machine's first packet.
    """
    late = seen("hcloud:index/firewallAttachment:FirewallAttachment", inputs={"serverIds": [1]})
    assert [found for found, _, _ in told(BEHIND, one, late)] == ([kind] if kind else [])


@pytest.mark.parametrize(
    ("rule", "inputs", "expected"),
    [
        (METADATA, {"metadataOptions": TOKENS}, []),
        (METADATA, {}, ["httpTokens is not required", "httpPutResponseHopLimit is not 1"]),
        (
            METADATA,
            {"metadataOptions": {**TOKENS, "httpTokens": "optional"}},
            ["httpTokens is not required"],
        ),
        (
            METADATA,
            {"metadataOptions": {**TOKENS, "httpPutResponseHopLimit": 2}},
            ["httpPutResponseHopLimit is not 1"],
        ),
        (METADATA, {"metadataOptions": Mark.UNKNOWN}, ["metadataOptions is not known yet"]),
        (ENCRYPTED, {"rootBlockDevice": {"encrypted": True}}, []),
        (ENCRYPTED, {}, ["rootBlockDevice.encrypted is not true"]),
        (
            ENCRYPTED,
            {"rootBlockDevice": {"encrypted": False}},
            ["rootBlockDevice.encrypted is not true"],
        ),
        (
            ENCRYPTED,
            {
                "rootBlockDevice": {"encrypted": Mark.UNKNOWN},
                "ebsBlockDevices": [{"encrypted": True}, {}],
            },
            [
                "rootBlockDevice.encrypted is not known yet",
                "ebsBlockDevices[1].encrypted is not true",
            ],
        ),
    ],
)
def test_an_instance_is_dark_to_itself(
    rule: Rule, inputs: dict[str, Any], expected: list[str]
) -> None:
    """IMDSv2, one hop, every volume encrypted; what is missing counts as wrong."""
    found = [what for _, _, what in told(rule, seen(INSTANCE, inputs=inputs))]
    assert [what.removeprefix("metadataOptions.") for what in found] == expected


def test_a_volume_is_encrypted() -> None:
    """One that is not is found, with its property alone."""
    assert told(ENCRYPTED, seen(VOLUME, inputs={"encrypted": True})) == []
    assert told(ENCRYPTED, seen(VOLUME)) == [("violation", "one", "encrypted is not true")]


def _machine(kind: str, *, protect: bool, node: str = "fsn-a") -> Any:  # noqa: ANN401 - a Seen
    parent = urn("backplane:index:Node", node)
    return seen(kind, f"{node}-x", parent=parent, protect=protect)


@pytest.mark.parametrize("kind", [SERVER, ADDRESS, INSTANCE, ELASTIC])
def test_what_is_declared_protected_is_protected(kind: str) -> None:
    """Where the declaration says so; a node that is to go is let go, and no other."""
    bare, kept = _machine(kind, protect=False), _machine(kind, protect=True)
    assert told(PROTECTED, kept, protect=True) == []
    assert told(PROTECTED, bare, protect=False) == []
    assert told(PROTECTED, bare, protect=True, retired=frozenset({"fsn-a"})) == []
    assert [kind for kind, _, _ in told(PROTECTED, bare, protect=True)] == ["violation"]
    assert told(PROTECTED, bare, protect=True, retired=frozenset({"fsn-b"}))


@pytest.mark.parametrize(
    ("stack", "always"),
    [("prod", True), ("production", True), ("prod-eu", True), ("product", False), ("lab", False)],
)
def test_production_is_protected_whatever_it_declares(stack: str, *, always: bool) -> None:
    """`protect: false` is a finding of its own there, and lifts nothing."""
    assert always_protected(stack) is always
    found = told(PROTECTED, _machine(SERVER, protect=False), stack=stack, protect=False)
    assert [name for _, name, _ in found] == ([f"stack {stack}", "fsn-a-x"] if always else [])
    assert told(PROTECTED, _machine(SERVER, protect=False), stack="prod", protect=None)


def test_protection_that_is_not_told_cannot_be_judged() -> None:
    """Without the declaration's word that is said once; with nothing to protect it is not."""
    both = (_machine(SERVER, protect=False), _machine(ADDRESS, protect=False))
    assert told(PROTECTED, *both, protect=None) == [
        ("unknown", "stack lab", "the declared `protect` is not told here")
    ]
    assert told(PROTECTED, seen(FIREWALL), protect=None) == []
