"""The rules about clouds, read from the raw declaration as `backplane.checks` does."""

import re
from collections.abc import Iterator

from backplane.breach import breach
from backplane.clouds import CLOUDS, HETZNER_LAST, HETZNER_SERVERS, IMAGES, ZONES, Facts
from backplane.mistakes import Mistake
from backplane.raw import Raw


def clouds(view: Raw) -> Iterator[Mistake]:
    """Places, types, snapshots and networks, as the site's cloud has them."""
    for path, site, facts in sites(view):
        yield from _place(path, site, facts)
        yield from _network(path, site, facts)
        yield from _private(path, site, facts)
        members = [(f"{path}.{at}", node) for at, node in site.members("nodes")]
        for at, one in [(path, site), *members]:
            yield from _kind(at, one, facts)
            yield from _image(at, one, facts)
        for at, node in members:
            if node.number("snapshot") is not None and not facts.snapshots:
                yield breach(
                    f"{at}.snapshot",
                    f"{facts.title} numbers no snapshots",
                    "sites.*.nodes.*.snapshot",
                    fix="remove it: the machine boots Debian's own image",
                )


def sites(view: Raw) -> Iterator[tuple[str, Raw, Facts]]:
    """Path and view of each site, with what its cloud is like; those of an unknown one left out."""
    for path, site in view.members("sites"):
        facts = CLOUDS.get(site.text("cloud") or "hetzner")
        if facts is not None:
            yield path, site, facts


def _place(path: str, site: Raw, facts: Facts) -> Iterator[Mistake]:
    place = site.text("location")
    if facts.location is None:
        if site.has("location"):
            what = "what is there already is where it is"
            yield breach(f"{path}.location", what, "sites.*.location", fix="remove it")
        return
    if not site.has("location"):
        yield breach(f"{path}.location", "is missing", "sites.*.location")
    if place is None or re.fullmatch(facts.locations, place):
        return
    yield breach(
        f"{path}.location",
        f"`{place}` is no {facts.location} of {facts.title}",
        "sites.*.location",
        fix=f"write a {facts.location} such as {facts.like[1]}, or another cloud",
    )


def _kind(path: str, one: Raw, facts: Facts) -> Iterator[Mistake]:
    kind = one.text("type")
    if kind is not None and facts.found:
        what = "what is there already is of no type that could be chosen"
        yield breach(f"{path}.type", what, "sites.*.type", fix="remove it")
        return
    if kind is None or re.fullmatch(facts.types, kind):
        return
    yield breach(
        f"{path}.type",
        f"`{kind}` is no server type of {facts.title}",
        "sites.*.type",
        fix=f"write a type such as {facts.like[0]}, or leave it out",
    )


def _image(path: str, one: Raw, facts: Facts) -> Iterator[Mistake]:
    image = one.text("image")
    if image in IMAGES and image not in facts.images:
        what = f"machines of {facts.title} are not made with {image}"
        fix = f"write {' or '.join(facts.images)}"
        yield breach(f"{path}.image", what, "sites.*.image", fix=fix)


def _network(path: str, site: Raw, facts: Facts) -> Iterator[Mistake]:
    given = [key for key in ("vpc", "subnet") if site.text(key) is not None]
    if given and not facts.networks:
        what = f"{facts.title} has no such network to stand in"
        yield breach(f"{path}.{given[0]}", what, f"sites.*.{given[0]}", fix="remove it")
    elif len(given) == 1:
        [missing] = {"vpc", "subnet"} - {*given}
        what = f"{given[0]} is named without the {missing}"
        yield breach(f"{path}.{given[0]}", what, f"sites.*.{given[0]}")


def _private(path: str, site: Raw, facts: Facts) -> Iterator[Mistake]:
    """Whether a site that wants a private network can have one, and its nodes an address in it."""
    if not site.switch("private_network"):
        return
    at, rule = f"{path}.private_network", "sites.*.private_network"
    if facts.inside is None:
        what = f"{facts.title} have no private network of ours"
        yield breach(at, what, rule, fix="remove it: nodes call each other where they are")
    if (site.text("cloud") or "hetzner") != "hetzner":
        return
    place, members = site.text("location"), [*site.members("nodes")]
    if place is not None and place not in ZONES:
        what = f"the network zone of {place} is not known"
        yield breach(at, what, rule, fix=f"remove it, or use one of {', '.join(sorted(ZONES))}")
    if len(members) > HETZNER_SERVERS:
        what = f"{len(members)} nodes, where a network of {facts.title} takes {HETZNER_SERVERS}"
        yield breach(at, what, rule, fix="remove it, or make two sites of it")
    for name, node in members:
        number = node.number("id")
        if number is not None and number > HETZNER_LAST:
            what = f"{name.removeprefix('nodes.')} has no address there: its id is {number}"
            yield breach(at, what, rule, fix=f"remove it, or use ids up to {HETZNER_LAST}")
