"""Whose keys are whose: identities and cards of nodes and people, out of the stack's randomness."""

from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import replace

from backplane import keys
from backplane.keys import Card, Identity
from backplane.members import PlanNode, PlanPerson


def decoded(values: Mapping[str, str]) -> dict[str, bytes]:
    """Base64 texts by slot, as bytes."""
    return {slot: b64decode(value) for slot, value in values.items()}


def of_node(
    node: PlanNode, seed: bytes, salts: Mapping[str, bytes], *, slots: Iterable[str]
) -> Identity:
    """A node's secret half.

    Args:
        node: the planned node.
        seed: its random seed.
        salts: the key salt of each plane, and that of consoles.
        slots: the planes in use.
    """
    return keys.identity(
        seed,
        salts,
        slots=slots,
        epochs=node.epochs,
        incarnation=node.incarnation,
        links=(link.key for link in node.links),
        console=node.console,
    )


def of_person(person: PlanPerson, seed: bytes, salts: Mapping[str, bytes]) -> Identity:
    """An operator's or runner's secret half; what they bring themselves is not in it."""
    return keys.identity(seed, salts, slots=person.slots, purpose="user")


def node_card(own: Identity, *, key: str, endpoint: str | None, private: str | None) -> Card:
    """A node's public half.

    Args:
        own: its secret half.
        key: its stable key.
        endpoint: its public address.
        private: its address in its site's private network, if that has one.
    """
    return replace(keys.card(own, key=key, endpoint=endpoint), private=private)


def card_of(person: PlanPerson, own: Identity, login: str) -> Card:
    """A person's public half: what they bring wins, and every runner logs in with the push key.

    Args:
        person: the planned operator or runner.
        own: their secret half.
        login: the push key's public half.
    """
    runs = login if person.kind == "runner" else None
    return keys.card(
        own, key=person.key, public_keys=person.public_keys, ssh=person.ssh_key or runs
    )
