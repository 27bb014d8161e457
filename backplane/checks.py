"""The rules that look at more than one field.

They read the raw declaration and skip what is not there or has the wrong type, so that they run
even when other parts are wrong: all mistakes come out in one run.
"""

import ipaddress
from collections import defaultdict
from collections.abc import Iterator

from backplane import (
    addressing,
    cloud_checks,
    copies_checks,
    dns_checks,
    login_checks,
    machine_checks,
    people_checks,
    planes,
    publickeys,
    role_checks,
    segment_checks,
    topology_checks,
)
from backplane.breach import breach as _mistake
from backplane.days import in_calendar
from backplane.mistakes import Mistake
from backplane.raw import Raw
from backplane.rules import RULES


def mistakes(raw: object) -> list[Mistake]:
    """Every mistake across fields, in no particular order."""
    view = Raw(raw)
    found: list[Mistake] = []
    for check in (
        _names,
        _renames,
        _days,
        _ids,
        _network,
        topology_checks.topology,
        _planes,
        cloud_checks.clouds,
        machine_checks.machines,
        role_checks.roles,
        role_checks.services,
        role_checks.settings,
        role_checks.dashboards,
        role_checks.databases,
        role_checks.proxies,
        dns_checks.dns,
        copies_checks.pools,
        copies_checks.replications,
        copies_checks.overlaps,
        copies_checks.retention,
        copies_checks.freshness,
        segment_checks.segments,
        _people,
        people_checks.entries,
        people_checks.ends,
        login_checks.logins,
        _endpoints,
    ):
        found += check(view)
    return found


def _names(view: Raw) -> Iterator[Mistake]:
    seen: dict[str, str] = {}
    for path, name in view.named():
        first = seen.setdefault(name, path)
        if name == "localhost":
            yield Mistake(
                path=path,
                what="`localhost` is every machine's own name",
                rule="names of nodes and people go into hosts files and DNS",
                fix="choose another name",
            )
        if first != path:
            yield Mistake(
                path=path,
                what=f"`{name}` already stands at {first}",
                rule="a name is unique among all nodes, operators and runners of the mesh",
                fix="rename one of the two",
            )


def _renames(view: Raw) -> Iterator[Mistake]:
    now = {name: path for path, name in view.named()}
    before: dict[str, str] = {}
    for path, node in view.nodes():
        was = node.text("was")
        if was is None:
            continue
        first = before.setdefault(was, path)
        if was in now:
            yield _mistake(
                f"{path}.was", f"`{was}` is a name in use, at {now[was]}", "sites.*.nodes.*.was"
            )
        elif first != path:
            yield _mistake(
                f"{path}.was",
                f"`{was}` already became {first.rsplit('.', 1)[1]}",
                "sites.*.nodes.*.was",
                fix="name each node's own old name",
            )


def _days(view: Raw) -> Iterator[Mistake]:
    for slot, settings in view.planes():
        for kind, day in Raw(settings).mapping("rotated").items():
            rule = f"planes.*.rotated.{kind}"
            if rule not in RULES or not isinstance(day, str):
                continue
            if in_calendar(day) is False:
                at = f"planes.{slot}.rotated.{kind}"
                yield _mistake(at, f'is `"{day}"`, which stands in no calendar', rule)


def _ids(view: Raw) -> Iterator[Mistake]:
    groups: dict[tuple[str, ...], dict[int, str]] = defaultdict(dict)
    for group, key, path, number in view.ids():
        first = groups[group].setdefault(number, path)
        if first != path:
            yield _mistake(f"{path}.id", f"{number} is already the id of {first}", key)


def _network(view: Raw) -> Iterator[Mistake]:
    first = view.number("network")
    if first is not None and first > addressing.MAX_NETWORK:
        last = first + len(planes.PLANES) - 1
        what = f"the planes would be 10.{first} to 10.{last}"
        if first <= addressing.LINKS_NUMBER <= last:
            what += f", which overlaps {addressing.LINKS4}, kept for site links"
        yield _mistake("network", what, "network")
    ula = view.text("ula")
    if ula is None:
        return
    try:
        prefix = ipaddress.IPv6Network(ula)
    except ValueError:
        yield _mistake("ula", f"`{ula}` is no IPv6 network address", "ula")
        return
    if prefix.prefixlen != addressing.ULA_PREFIX or not prefix.subnet_of(addressing.ULA_SPACE):
        yield _mistake("ula", f"`{ula}` is no /48 inside {addressing.ULA_SPACE}", "ula")


def _planes(view: Raw) -> Iterator[Mistake]:
    names: dict[str, str] = {slot: slot for slot in planes.SLOTS}
    for slot, settings in view.planes():
        at = f"planes.{slot}"
        if slot not in planes.SLOTS:
            yield _mistake(at, f"there is no plane `{slot}`", "planes")
            continue
        if "port" in settings:
            yield Mistake(
                path=f"{at}.port",
                what=f"sets {slot}'s port to `{settings['port']}`",
                rule="the planes' UDP ports are fixed, one each, 51820 to 51823: they are all that "
                "cloud firewalls ever let in",
                fix=f"remove it: {slot} listens on {planes.by_slot(slot).port}",
            )
        if settings.get("use") is False and slot in planes.REQUIRED:
            yield _mistake(
                f"{at}.use", f"{slot} is left out", "planes.*.use", fix="remove `use: false`"
            )
        name = settings.get("name")
        if isinstance(name, str) and names.setdefault(name, slot) != slot:
            yield Mistake(
                path=f"{at}.name",
                what=f"`{name}` is already {names[name]}",
                rule="a plane's name is unique, and no other plane's own",
                fix="choose another name",
            )


def _people(view: Raw) -> Iterator[Mistake]:
    in_use, names = view.plane_names()
    keys: dict[tuple[str, str], str] = {}
    for path, operator in view.members("operators"):
        listed = [name for name in operator.list("planes") if isinstance(name, str)]
        on: list[str] = []
        for position, name in enumerate(listed):
            at = f"{path}.planes.{position}"
            slot = names.get(name)
            if slot is None:
                yield Mistake(
                    path=at,
                    what=f"unknown plane `{name}`",
                    rule=f"the planes are {', '.join(names)}",
                    fix="remove it, or correct its name",
                )
                continue
            if slot in on:
                yield _mistake(
                    at, f"`{name}` is there twice", "operators.*.planes", fix="remove one"
                )
            elif slot not in in_use:
                fix = f"take {name} off this list, or use the plane"
                yield _mistake(at, f"{name} is left out of the mesh", "operators.*.planes", fix=fix)
            on.append(slot)
        yield from _public_keys(path, operator, on, keys)
        ssh_key = operator.text("ssh_key")
        if ssh_key is not None and not publickeys.is_ssh(ssh_key):
            yield _mistake(f"{path}.ssh_key", "is no ed25519 public key", "operators.*.ssh_key")


def _public_keys(
    path: str, operator: Raw, on: list[str], seen: dict[tuple[str, str], str]
) -> Iterator[Mistake]:
    rule = "operators.*.public_keys"
    for slot, key in operator.mapping("public_keys").items():
        at = f"{path}.public_keys.{slot}"
        if slot not in on:
            fix = f"remove it, or list the plane; keys go by {', '.join(planes.SLOTS)}"
            yield _mistake(at, f"a key for `{slot}`, where this operator is not", rule, fix=fix)
        if not isinstance(key, str):
            continue
        if not publickeys.is_wireguard(key):
            yield _mistake(at, "is no WireGuard public key", rule)
        elif seen.setdefault((slot, key), at) != at:
            what = f"is also the key at {seen[slot, key]}: WireGuard would see one peer"
            yield _mistake(at, what, rule, fix="make a key for each device")


def _endpoints(view: Raw) -> Iterator[Mistake]:
    nodes = list(view.reach())
    deaf = [name for _, name, _, ipv6 in nodes if not ipv6]
    for path, name, family, ipv6 in nodes:
        others = sorted(other for other in deaf if other != name)
        if family != "ipv6":
            continue
        if not ipv6:
            what = f"{name} is dialled by IPv6, but has `ipv6: false`"
        elif others:
            what = f"{name} is dialled by IPv6, which {', '.join(others)} cannot reach"
        else:
            continue
        yield Mistake(
            path=path,
            what=what,
            rule="every peer must reach a node's endpoint: machines always have IPv4, and IPv6 "
            "unless `ipv6: false`, or `machine:` names none",
            fix="write endpoint: ipv4, or give those machines IPv6",
        )
