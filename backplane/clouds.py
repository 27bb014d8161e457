"""What differs from cloud to cloud in a declaration and a plan: one row each, no code elsewhere."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One cloud.

    Attributes:
        title: What people call it.
        machine: Type of a machine in a state.
        type: The server type where none is declared; None where machines have no type of ours.
        types: What a server type looks like there.
        location: What the cloud calls a place, and what it looks like; None where there is none.
        locations: What such a place looks like.
        like: An example of a type and of a place, for messages.
        images: The systems that a machine may run there.
        snapshots: Whether a machine may boot from a snapshot that the declaration numbers.
        networks: Whether a site may name a network that stands there already.
        advertised: Whether IPv6 comes from a router on the wire (RA, DHCPv6), as it does where
            the cloud alone can send such; elsewhere its metadata tells all, and none is heard.
        found: Whether machines are there before this program is, each at an address of its own.
        inside: What a packet may have in a site's private network, in octets; None where a site
            has none.
        disk: GB of a machine's disk where that is paid for by itself; 0 where it is the machine's.
    """

    title: str
    machine: str
    type: str | None
    types: str
    location: str | None
    locations: str
    like: tuple[str, str]
    images: tuple[str, ...]
    snapshots: bool
    networks: bool
    advertised: bool
    found: bool = False
    inside: int | None = None
    disk: int = 0


DEBIANS = ("debian-12", "debian-13")

CLOUDS: Mapping[str, Facts] = MappingProxyType(
    {
        "hetzner": Facts(
            title="Hetzner",
            machine="hcloud:index/server:Server",
            type="cx23",
            types=r"[a-z0-9-]+",
            location="location",
            locations=r"[a-z0-9-]+",
            like=("cx23", "fsn1"),
            images=DEBIANS,
            snapshots=True,
            networks=False,
            advertised=False,
            inside=1450,
        ),
        "aws": Facts(
            title="AWS",
            machine="aws:ec2/instance:Instance",
            type="t3.small",
            types=r"[a-z0-9-]+\.[a-z0-9-]+",
            location="region",
            locations=r"[a-z]{2,}(-[a-z]+)+-[0-9]",
            like=("t3.small", "eu-central-1"),
            images=DEBIANS,
            snapshots=False,
            networks=True,
            advertised=True,
            inside=9001,
            disk=20,
        ),
        "existing": Facts(
            title="machines that exist",
            machine="command:local:Command",
            type=None,
            types="",
            location=None,
            locations="",
            like=("", ""),
            images=(*DEBIANS, "ubuntu-24.04"),
            snapshots=False,
            networks=False,
            advertised=True,
            found=True,
        ),
    }
)
"""The clouds by the name that a site's `cloud` has."""

IMAGES = frozenset(image for facts in CLOUDS.values() for image in facts.images)
"""Every system that a machine may run."""

STACK_LABEL = "backplane-stack"
"""On every object of a stack, so that what is in no state can be found and told apart."""

NODE_LABEL = "backplane-node"
"""On what belongs to one node."""

ANYWHERE = ("0.0.0.0/0", "::/0")
"""Peers roam, so sources are not narrowed; who has no key gets no answer."""

OWN = "its own"
"""In the place of a type, where a machine is what it is."""

AWS_OWNER = "136693071363"
"""Debian's account at AWS (wiki.debian.org/Cloud/AmazonEC2Image)."""

AWS_SITES = IPv4Network("172.30.0.0/15")
"""What the networks of all AWS sites are cut from: away from the planes, 10.0.0.0/8."""

_AWS_PREFIX = 23
"""507 machines, where a site has 254 at most."""

_GRAVITON = re.compile(r"(a1|[a-z]+[0-9]+g[a-z]*)\.")
"""Instance families with Arm processors have a g behind their generation (docs.aws.amazon.com)."""


ZONES: Mapping[str, str] = MappingProxyType(
    {
        "fsn1": "eu-central",
        "nbg1": "eu-central",
        "hel1": "eu-central",
        "ash": "us-east",
        "hil": "us-west",
        "sin": "ap-southeast",
    }
)
"""Hetzner's network zones by location: a private network's subnet lies in one
(docs.hetzner.com/cloud/general/locations)."""

HETZNER_SITES = IPv4Network("172.16.0.0/16")
"""What private networks of Hetzner sites are cut from: away from the planes and from what Docker
takes by itself (172.17.0.0 and up)."""

HETZNER_SERVERS = 100
"""Servers that a private network takes (docs.hetzner.com/cloud/networks/faq)."""

HETZNER_LAST = 253
"""The highest node id that has an address there."""

WIREGUARD = 80
"""Octets that WireGuard adds over IPv6; over IPv4 20 less."""


def default_type(cloud: str) -> str:
    """The server type of a site that declares none."""
    return CLOUDS[cloud].type or OWN


def aws_network(site: int) -> str:
    """The IPv4 network of an AWS site, from its id alone."""
    first = int(AWS_SITES.network_address) + site * 2 ** (32 - _AWS_PREFIX)
    return str(IPv4Network((first, _AWS_PREFIX)))


def hetzner_network(site: int) -> str:
    """The private network of a Hetzner site, from its id alone."""
    first = int(HETZNER_SITES.network_address) + site * 2**8
    return str(IPv4Network((first, 24)))


def hetzner_address(site: int, node: int) -> str:
    """A node's address in it: the first one is the network's own gateway."""
    return str(IPv4Network(hetzner_network(site))[node + 1])


def room(cloud: str) -> int | None:
    """What WireGuard may carry over a private network of a cloud; None where there is none."""
    inside = CLOUDS[cloud].inside
    return None if inside is None else inside - WIREGUARD


def aws_image(image: str, kind: str) -> str:
    """The pattern of names of Debian's images for a type, such as `debian-12-amd64-*`."""
    return f"{image}-{'arm64' if _GRAVITON.match(kind) else 'amd64'}-*"
