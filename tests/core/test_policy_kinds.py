"""Types of resources: what no rule judges is a finding by itself."""

from __future__ import annotations

import pytest

from backplane.policy.documents import ROOT
from backplane.policy.kinds import AWS, KNOWN, PROGRAM
from backplane.policy.plain import SECRET
from tests.core.resources import seen, told


@pytest.mark.parametrize(
    "kind",
    [
        *sorted(PROGRAM | AWS | set(SECRET)),
        ROOT,
        "pulumi:providers:hcloud",
        "pulumi:pulumi:StackReference",
        "backplane:index:Node",
    ],
)
def test_what_the_rules_judge_is_known(kind: str) -> None:
    """What the program makes, what other rules name, Pulumi's own and our components."""
    assert told(KNOWN, seen(kind)) == []


@pytest.mark.parametrize(
    "kind",
    [
        "hcloud:index/firewallAttachment:FirewallAttachment",
        "hcloud:index/loadBalancerService:LoadBalancerService",
        "aws:ec2:SecurityGroup",
        "aws-native:ec2:SecurityGroup",
        "aws:ec2/spotInstanceRequest:SpotInstanceRequest",
        "aws:ec2/launchTemplate:LaunchTemplate",
        "pulumi-python:dynamic:Resource",
        "backplane:other:Node",
        "HCLOUD:index/server:Server",
        "",
    ],
)
@pytest.mark.parametrize("whole", [True, False])
def test_any_other_type_is_found(kind: str, *, whole: bool) -> None:
    """By its exact name: a harmless look, a prefix or another spelling lets none pass."""
    assert told(KNOWN, seen(kind), whole=whole) == [
        ("violation", "one", f"is of a type that no rule judges ({kind})")
    ]
