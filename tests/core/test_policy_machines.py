"""Machines: behind a firewall, dark to their own metadata, encrypted, kept from deletion."""

from __future__ import annotations

from typing import Any

import pytest

from backplane.policy import Mark, Rule, Seen
from backplane.policy.machines import (
    BEHIND,
    ELASTIC,
    ENCRYPTED,
    METADATA,
    PROTECTED,
    VOLUME,
    always_protected,
)
from tests.core.resources import (
    ADDRESS,
    FIREWALL,
    GROUP,
    INSTANCE,
    INTERFACE,
    SERVER,
    seen,
    told,
    urn,
)

TOKENS = {"httpTokens": "required", "httpPutResponseHopLimit": 1.0}


WALL = seen(FIREWALL, "wall", id="7")
MINE = seen(GROUP, "mine", id="sg-mine")
CARD = seen(INTERFACE, "card", id="eni-mine", inputs={"securityGroups": ["sg-mine"]})


@pytest.mark.parametrize(
    ("there", "one", "path", "noun"),
    [
        (WALL, {"kind": SERVER, "own": 7.0, "other": 8}, "firewallIds", "firewall"),
        (
            MINE,
            {"kind": INSTANCE, "own": "sg-mine", "other": "sg-foreign"},
            "vpcSecurityGroupIds",
            "security group",
        ),
        (
            MINE,
            {"kind": INTERFACE, "own": "sg-mine", "other": "sg-foreign"},
            "securityGroups",
            "security group",
        ),
    ],
)
def test_what_it_stands_behind_is_of_its_stack(
    there: Seen, one: dict[str, Any], path: str, noun: str
) -> None:
    """Of the same stack, by id; a strange id beside the own one is found.

    Where ids are not all told, as in a preview, an id that is written out cannot be judged.
    """

    def found(*ids: object, beside: Seen | None = there, whole: bool = True) -> list[Any]:
        machine = seen(one["kind"], inputs={path: list(ids)})
        return told(BEHIND, *([beside] if beside else []), machine, whole=whole)

    assert found(one["own"]) == []
    strange = [("violation", "one", f"{path}[1] is no {noun} of this stack")]
    assert found(one["own"], one["other"]) == strange
    assert [kind for kind, _, _ in found(one["own"], beside=None)] == ["violation"]
    assert found(one["other"], whole=False) == []


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(
    ("there", "kind", "path"),
    [
        (WALL, SERVER, "firewallIds"),
        (MINE, INSTANCE, "vpcSecurityGroupIds"),
        (MINE, INTERFACE, "securityGroups"),
    ],
)
def test_an_id_to_come_is_that_of_this_run(
    there: Seen, kind: str, path: str, *, whole: bool
) -> None:
    """If the run has one to give; a secret id is never taken for one."""
    coming = seen(kind, inputs={path: [Mark.UNKNOWN]})
    secret = seen(kind, inputs={path: [Mark.SECRET]})
    assert told(BEHIND, there, coming, whole=whole) == []
    assert told(BEHIND, coming, whole=whole) == [("unknown", "one", f"{path}[0] is not known yet")]
    assert told(BEHIND, there, secret, whole=whole) == [
        ("violation", "one", f"{path}[0] is secret, so nobody can judge it")
    ]


@pytest.mark.parametrize(
    ("inputs", "kinds"),
    [
        ({"networkInterfaces": [{"networkInterfaceId": "eni-mine"}]}, []),
        ({"primaryNetworkInterface": {"networkInterfaceId": "eni-mine"}}, []),
        ({"networkInterfaces": [{"networkInterfaceId": Mark.UNKNOWN}]}, []),
        ({"networkInterfaces": [{"networkInterfaceId": "eni-foreign"}]}, ["violation"]),
        ({"primaryNetworkInterface": {"networkInterfaceId": "eni-foreign"}}, ["violation"]),
        ({"networkInterfaces": [{"deviceIndex": 0}]}, ["violation"]),
        ({"networkInterfaces": Mark.SECRET}, ["violation"]),
        ({"networkInterfaces": [Mark.SECRET]}, ["violation"]),
        (
            {
                "networkInterfaces": [{"networkInterfaceId": "eni-mine"}],
                "vpcSecurityGroupIds": ["sg-foreign"],
            },
            ["violation"],
        ),
    ],
)
def test_an_instance_is_given_interfaces_of_its_stack(
    inputs: dict[str, Any], kinds: list[str]
) -> None:
    """Instead of groups; an interface that is foreign, hidden or not named is found."""
    found = told(BEHIND, MINE, CARD, seen(INSTANCE, inputs=inputs))
    assert [kind for kind, _, _ in found] == kinds


@pytest.mark.parametrize(
    ("one", "kind"),
    [
        (seen(SERVER), "violation"),
        (seen(SERVER, inputs={"firewallIds": []}), "violation"),
        (seen(SERVER, inputs={"firewallIds": Mark.UNKNOWN}), "unknown"),
        (seen(INSTANCE), "violation"),
        (seen(INSTANCE, inputs={"vpcSecurityGroupIds": []}), "violation"),
        (seen(INSTANCE, inputs={"vpcSecurityGroupIds": Mark.UNKNOWN}), "unknown"),
        (seen(INTERFACE), "violation"),
    ],
)
def test_none_stands_open(one: Seen, kind: str) -> None:
    """Without a firewall or group in its own call a machine is a violation, on both clouds.

    A `FirewallAttachment` does not count: it comes after the machine's first packet.
    """
    late = seen("hcloud:index/firewallAttachment:FirewallAttachment", inputs={"serverIds": [1]})
    assert [found for found, _, _ in told(BEHIND, one, late)] == [kind]


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
