"""The policy pack, through the policy library's own arguments and without an engine."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyCustomTimeouts,
    PolicyResource,
    PolicyResourceOptions,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UNKNOWN_NUMBER_VALUE, UNKNOWN_STRING_VALUE, unknown_checking_proxy

from backplane.policy import RULES
from policy.pack import policies
from tests.core.resources import FIREWALL, FOUR, SERVER, inbound, urn
from tests.gate.tree import ROOT

NODE = urn("backplane:index:Node", "fsn-a")
STACK = "pulumi:pulumi:Stack"


class Heard:
    """What a policy reports."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str | None]] = []

    def __call__(self, message: str, urn: str | None = None) -> None:
        """Take one report."""
        self.said.append((message, urn))


def options(*, protect: bool = False, parent: str | None = None) -> PolicyResourceOptions:
    """A resource's options as the library has them."""
    return PolicyResourceOptions(protect, [], None, [], PolicyCustomTimeouts(0, 0, 0), [], parent)


def alone(kind: str, props: dict[str, Any]) -> list[str]:
    """What the policies for single resources report, as `policy: message`."""
    args = ResourceValidationArgs(
        kind, unknown_checking_proxy(props), urn(kind, "one"), "one", options(), None
    )
    told: list[str] = []
    for policy in policies():
        if isinstance(policy, ResourceValidationPolicy):
            heard = Heard()
            policy.validate(args, heard)
            told += [f"{policy.name}: {text}" for text, _ in heard.said]
    return told


def resource(
    kind: str,
    name: str,
    props: dict[str, Any],
    *,
    protect: bool = False,
    parent: PolicyResource | None = None,
) -> PolicyResource:
    """A resource of a stack as the library has it."""
    return PolicyResource(
        kind,
        unknown_checking_proxy(props),
        urn(kind, name),
        name,
        options(protect=protect),
        None,
        parent,
        [],
        {},
    )


def together(*resources: PolicyResource) -> list[tuple[str, str | None]]:
    """What the policies for the stack report: policy and URN."""
    told: list[tuple[str, str | None]] = []
    for policy in policies():
        if isinstance(policy, StackValidationPolicy):
            heard = Heard()
            policy.validate(StackValidationArgs(list(resources)), heard)
            told += [(policy.name, where) for _, where in heard.said]
    return told


def test_the_pack_is_the_rules_and_all_is_mandatory() -> None:
    """Every rule but the two that need secrets' marks, for the stack, and alone where it can be."""
    made: list[Policy] = policies()
    assert {one.enforcement_level for one in made} == {EnforcementLevel.MANDATORY}
    assert all(one.config_schema is None for one in made)
    names = [one.name for one in made]
    assert len(set(names)) == len(names)
    carried = [rule.id for rule in RULES if rule.id not in {"secret-inputs", "no-plain-secrets"}]
    assert [one for one in names if one.startswith("stack-")] == [f"stack-{one}" for one in carried]
    assert [one for one in names if not one.startswith("stack-")] == [
        one for one in carried if one != "protected"
    ]


def test_an_open_port_is_refused_before_it_is_made() -> None:
    """TCP 22 breaks both rules, with its fix; the four ports break none."""
    assert alone(FIREWALL, {"rules": FOUR}) == []
    told = alone(FIREWALL, {"rules": [*FOUR, inbound("tcp", "22")]})
    assert [one.partition(":")[0] for one in told] == ["inbound-ports", "no-public-tcp"]
    assert "one: TCP is open to the internet: tcp 22 from 0.0.0.0/0, ::/0. Fix: " in told[1]


def test_an_unknown_value_hides_nothing_beside_it() -> None:
    """The library raises where a value is unknown; what is known beside it is still judged."""
    rules = [inbound(port=UNKNOWN_STRING_VALUE), inbound("tcp", "22")]
    told = alone(FIREWALL, {"rules": rules, "name": UNKNOWN_STRING_VALUE})
    assert [one.partition(":")[0] for one in told] == ["inbound-ports", "no-public-tcp"]
    assert alone(SERVER, {"firewallIds": [UNKNOWN_NUMBER_VALUE]}) == []
    assert [one.partition(":")[0] for one in alone(SERVER, {})] == ["firewall-attached"]


def test_a_type_that_no_rule_judges_is_refused() -> None:
    """Before it is made, and with the stack; the stack's own type and a component are known."""
    late = "hcloud:index/firewallAttachment:FirewallAttachment"
    assert [one.partition(":")[0] for one in alone(late, {})] == ["known-types"]
    one = resource(late, "late", {})
    assert together(one) == [("stack-known-types", one.urn)]
    assert alone(STACK, {}) == alone("backplane:index:Node", {}) == []


def test_the_stack_is_judged_as_a_whole() -> None:
    """Open port and bare server are found at their URNs, and a whole good stack has no finding."""
    wall = resource(FIREWALL, "wall", {"rules": [*FOUR, inbound("tcp", "22")]})
    server = resource(SERVER, "s", {})
    plan = resource(STACK, "backplane-lab", {"plan": {"protect": False, "nodes": {}}})
    assert together(plan, wall, server) == [
        ("stack-inbound-ports", wall.urn),
        ("stack-no-public-tcp", wall.urn),
        ("stack-firewall-attached", server.urn),
    ]
    good = resource(SERVER, "s", {"firewallIds": [7.0]})
    assert together(plan, resource(FIREWALL, "wall", {"rules": FOUR}), good) == []
    assert together() == []


@pytest.mark.parametrize(
    ("protect", "retired", "guarded", "found"),
    [
        (True, [], True, False),
        (True, [], False, True),
        (True, ["fsn-a"], False, False),
        (False, [], False, False),
    ],
)
def test_protection_is_judged_by_the_stacks_own_outputs(
    *, protect: bool, retired: list[str], guarded: bool, found: bool
) -> None:
    """Where they say `protect`, an unprotected server of a node that stays is refused."""
    nodes = {name: {"retire": name in retired} for name in ("fsn-a", "hel-a")}
    plan = resource(STACK, "backplane-lab", {"plan": {"protect": protect, "nodes": nodes}})
    node = PolicyResource("backplane:index:Node", {}, NODE, "fsn-a", options(), None, None, [], {})
    server = resource(SERVER, "fsn-a-server", {"firewallIds": [7.0]}, protect=guarded, parent=node)
    told = together(plan, node, server)
    assert told == ([("stack-protected", server.urn)] if found else [])


def test_the_packs_project_uses_the_checkouts_environment() -> None:
    """`PulumiPolicy.yaml` names Python and the environment that the lock makes."""
    project = yaml.safe_load((ROOT / "policy" / "PulumiPolicy.yaml").read_text())
    assert project["runtime"] == {"name": "python", "options": {"virtualenv": "../.venv"}}
    assert "pulumi-policy==" in (ROOT / "requirements-dev.txt").read_text()
