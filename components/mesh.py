"""The few values that belong to all: salts, roots and the directory of public halves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import pulumi

from backplane import keys
from backplane.holders import decoded
from backplane.plan import Plan
from components.access import Access, AccessArgs, Realm
from components.clouds import CLOUDS
from components.console import Console
from components.person import Person, PersonArgs
from components.plane import Plane

Directory = Mapping[str, keys.Card]


class HasCard(Protocol):
    """A node or a person."""

    card: pulumi.Output[keys.Card]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyring:
    """The planes' randomness by slot; secret.

    Attributes:
        salts: Key salts, and that of consoles, base64.
        drawn: PSK roots, base64.
        roots: PSK roots, bytes.
    """

    salts: pulumi.Output[Mapping[str, str]]
    drawn: pulumi.Output[Mapping[str, str]]
    roots: pulumi.Output[dict[str, bytes]]


def keyring(planes: Mapping[str, Plane], console: Console) -> Keyring:
    """Gather what the planes and the consoles drew."""
    drawn = pulumi.Output.all(**{slot: plane.root for slot, plane in planes.items()})
    return Keyring(
        salts=pulumi.Output.all(
            **{slot: plane.salt for slot, plane in planes.items()},
            **{keys.CONSOLE: console.salt},
        ),
        drawn=drawn,
        roots=drawn.apply(decoded),
    )


def access(plan: Plan) -> Access:
    """The stack's push key, in every realm that has a site."""
    of_site = {site.name: CLOUDS[site.cloud].realm(site) for site in plan.sites}
    clouds = {of_site[site.name]: site.cloud for site in plan.sites}
    realms = [
        Realm(
            name=realm,
            cloud=cloud,
            nodes=[node for node in plan.nodes if of_site[node.site] == realm],
        )
        for realm, cloud in sorted(clouds.items())
    ]
    return Access("push", AccessArgs(stack=plan.stack, realms=realms, protect=plan.protect))


def people(plan: Plan, ring: Keyring, push: Access) -> dict[str, Person]:
    """Every operator and runner by name."""
    return {
        person.name: Person(
            person.name,
            PersonArgs(
                person=person,
                salts=ring.salts,
                login=push.public_key,
                protect=plan.protect,
            ),
        )
        for person in plan.people
    }


def cards(holders: Mapping[str, HasCard]) -> pulumi.Output[Directory]:
    """The public halves of nodes or people by name."""
    return pulumi.Output.all(**{name: holder.card for name, holder in holders.items()})
