"""What differs per cloud: defaults, networks and images, from the declaration alone."""

from __future__ import annotations

from ipaddress import IPv4Network
from itertools import pairwise
from typing import Any, get_args

import pytest

from backplane.clouds import AWS_SITES, CLOUDS, OWN, aws_image, aws_network
from backplane.declaration import DeclarationError, Site, parse
from backplane.plan import plan

MACHINE = {"ipv4": "203.0.113.7", "host_key": "first-seen"}


def _mesh(**site: Any) -> dict[str, Any]:  # noqa: ANN401 - any fields
    return {"sites": {"fra": {"id": 1, "nodes": {"fra-a": {"id": 1}}, **site}}}


def test_every_cloud_of_the_declaration_has_a_row() -> None:
    """No cloud without facts, and no facts without a cloud."""
    assert {*get_args(Site.model_fields["cloud"].annotation)} == {*CLOUDS}


@pytest.mark.parametrize("cloud", sorted(CLOUDS))
def test_the_default_type_is_the_clouds(cloud: str) -> None:
    """A site without a type has its cloud's; one that says its own keeps it, and so does a node."""
    facts = CLOUDS[cloud]
    mesh = _mesh(cloud=cloud)
    if facts.found:
        mesh["sites"]["fra"]["nodes"]["fra-a"]["machine"] = MACHINE
    else:
        mesh["sites"]["fra"]["location"] = facts.like[1]
    made = plan(parse(mesh), project="backplane", stack="lab")
    assert made.node("fra-a").type == (facts.type or OWN)
    if facts.found:
        return
    mesh["sites"]["fra"]["type"] = facts.like[0]
    mesh["sites"]["fra"]["nodes"]["fra-b"] = {"id": 2, "type": facts.like[0]}
    made = plan(parse(mesh), project="backplane", stack="lab")
    assert {node.type for node in made.nodes} == {facts.like[0]}


def test_a_machine_that_is_there_is_dialled_where_it_is() -> None:
    """Its addresses say whether it has IPv6, and its site's name stands for a place."""
    mesh = _mesh(cloud="existing")
    mesh["sites"]["fra"]["nodes"] = {
        "four": {"id": 1, "machine": MACHINE},
        "six": {"id": 2, "machine": {**MACHINE, "ipv4": "203.0.113.8", "ipv6": "2001:DB8::0:8"}},
    }
    made = plan(parse(mesh), project="backplane", stack="lab")
    four, six = made.node("four"), made.node("six")
    assert (four.ipv6, six.ipv6) == (False, True)
    assert four.location == made.sites[0].location == "fra"
    assert four.machine
    assert four.machine.host_key is None
    assert (four.machine.user, four.machine.port) == ("root", 22)
    assert six.machine
    assert six.machine.ipv6 == "2001:db8::8"


def test_the_network_of_an_aws_site_is_its_own() -> None:
    """Sites 0 to 254 never overlap, and none reaches into what the planes are made of."""
    networks = [IPv4Network(aws_network(site)) for site in range(255)]
    assert all(one.subnet_of(AWS_SITES) for one in networks)
    assert not any(one.overlaps(other) for one, other in pairwise(networks))
    assert not AWS_SITES.overlaps(IPv4Network("10.0.0.0/8"))
    assert all(one.num_addresses - 5 >= 254 for one in networks)


@pytest.mark.parametrize(
    ("kind", "processor"),
    [
        ("t3.small", "amd64"),
        ("t4g.small", "arm64"),
        ("c7gd.large", "arm64"),
        ("a1.medium", "arm64"),
        ("g4dn.xlarge", "amd64"),
        ("g5g.xlarge", "arm64"),
        ("m7i-flex.large", "amd64"),
    ],
)
def test_the_image_is_the_processors(kind: str, processor: str) -> None:
    """Graviton families boot Arm's image, all others that of x86-64."""
    assert aws_image("debian-12", kind) == f"debian-12-{processor}-*"


def test_a_network_that_stands_is_taken_whole_or_not_at_all() -> None:
    """VPC and subnet come into the plan together; one alone is a mistake."""
    both = {"vpc": "vpc-0123456789abcdef0", "subnet": "subnet-0123456789abcdef0"}
    aws = {"cloud": "aws", "location": "eu-central-1"}
    [site] = plan(parse(_mesh(**aws, **both)), project="backplane", stack="lab").sites
    assert (site.vpc, site.subnet) == (both["vpc"], both["subnet"])
    for key, value in both.items():
        with pytest.raises(DeclarationError, match="is named without the"):
            parse(_mesh(**aws, **{key: value}))
