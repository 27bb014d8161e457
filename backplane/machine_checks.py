"""The rules about machines that are there already, read from the raw declaration."""

from collections.abc import Iterator
from ipaddress import ip_address

from backplane import publickeys
from backplane.breach import breach
from backplane.cloud_checks import sites
from backplane.clouds import Facts
from backplane.machine_rules import FIRST_SEEN
from backplane.mistakes import Mistake
from backplane.raw import Raw

_RULE = "sites.*.nodes.*.machine"
_NOBODYS = ("is_loopback", "is_unspecified", "is_multicast", "is_link_local")
_FAMILIES = {4: "ipv4", 6: "ipv6"}
_CLOUDS_OWN = ("snapshot", "ipv6")


def machines(view: Raw) -> Iterator[Mistake]:
    """Each machine where its cloud has such, whole, and at an address of its own."""
    seen: dict[str, str] = {}
    for site_path, site, facts in sites(view):
        for path, node in site.members("nodes"):
            yield from _node(f"{site_path}.{path}", node, facts, seen)


def _node(path: str, node: Raw, facts: Facts, seen: dict[str, str]) -> Iterator[Mistake]:
    at, machine = f"{path}.machine", Raw(node.mapping("machine"))
    if not facts.found:
        if node.mapping("machine"):
            what = f"{facts.title} makes its machines itself"
            yield breach(at, what, _RULE, fix="remove it, or write `cloud: existing` for the site")
        return
    if not node.mapping("machine"):
        yield breach(at, "is missing", _RULE)
        return
    for key in _CLOUDS_OWN:
        if node.has(key):
            what = f"what is there already is what it is: no {key} can be chosen"
            yield breach(f"{path}.{key}", what, _RULE, fix="remove it")
    for version, family in _FAMILIES.items():
        text = machine.text(family)
        if text is not None:
            yield from _address(f"{at}.{family}", text, version, seen)
    pin = machine.text("host_key") or FIRST_SEEN
    if pin != FIRST_SEEN and not publickeys.is_ssh(pin):
        yield breach(f"{at}.host_key", "is no ed25519 public key", f"{_RULE}.host_key")


def _address(path: str, text: str, version: int, seen: dict[str, str]) -> Iterator[Mistake]:
    rule = f"{_RULE}.{_FAMILIES[version]}"
    try:
        address = ip_address(text)
    except ValueError:
        address = None
    wrong = address is None or address.version != version
    if address is None or wrong or any(getattr(address, kind) for kind in _NOBODYS):
        yield breach(path, f"`{text}` is no {_FAMILIES[version]} address of a machine", rule)
        return
    first = seen.setdefault(str(address), path)
    if first != path:
        yield breach(path, f"{address} is already the address at {first}", rule)
