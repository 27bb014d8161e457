"""What each field of a declaration may hold: the rule people read, and the usual fix.

Keys are paths with ``*`` for names of the user's own. The models take their descriptions from here,
and so do the errors and the editor's schema.
"""

from collections.abc import Mapping

from backplane import login_rules, machine_rules, role_rules, segment_rules
from backplane.rule import NAME, Rule

DAY_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
"""A calendar date (ISO 8601): year, month, day."""

_SWITCH = "write true or false, without quotes"
_FAMILY = Rule("peers dial a node by `ipv4` (default) or `ipv6`", "write ipv4 or ipv6")
_IMAGE = Rule(
    "images are limited to the tested ones: debian-12, debian-13; of a machine that is there "
    "already it is what it runs, and may be ubuntu-24.04 too",
    "choose one of them; for a snapshot name what it was made from and set `snapshot: <id>`",
)
_TYPE = Rule(
    "a server type is the cloud's own name for it, such as cx23 (the default at Hetzner) or "
    "t3.small (at AWS)",
    "use a type's name",
)
_EPOCH = Rule("an epoch is a whole number from 1 up", "raise it by one to draw new keys")
_DAY = Rule(
    'a date is year, month and day in quotes, such as "2026-03-01", and stands in the calendar; '
    "`backplane rotate` writes it",
    "write such a date in quotes, or leave it out while there was no rotation",
)
_PORTS = Rule(
    "a list of service ports from 1 to 65535 that roles may open inside this plane",
    "list whole numbers; it never opens a port to the internet",
)
RULES: Mapping[str, Rule] = {
    "": Rule("the declaration is one mapping", "write `backplane:mesh:` with at least `sites:`"),
    "network": Rule(
        "the first number of the addresses: four numbers from it on name the planes (10.200 to "
        "10.203 by default); 0 to 250, so that they stay below 10.254, kept for site links",
        "choose a number from 0 to 250 whose four networks you use nowhere else",
    ),
    "ula": Rule(
        "an IPv6 /48 inside fd00::/8 (RFC 4193), written as a network address",
        "leave it out to derive one from project and stack, or write one like fd12:3456:789a::/48",
    ),
    "topology": Rule(
        "the topology is `mesh` (default), where every node is a peer of every node, or `routed`, "
        "where the nodes of a site are, and its gateways have links to those of other sites",
        "write mesh or routed",
    ),
    "protect": Rule("true keeps servers, addresses and seeds from deletion", _SWITCH),
    "timer": Rule(
        "seconds until an unconfirmed change undoes itself: a whole number from 30 to 3600",
        "choose 30 to 3600; 120 suits most",
    ),
    "planes": Rule(
        "there are four planes: enrollment, management, monitoring, storage; never a fifth",
        "write settings under one of these four; rename one with `name:`",
    ),
    "planes.*": Rule("a plane's settings are a mapping", "indent its settings below it"),
    "planes.*.name": NAME,
    "planes.*.use": Rule(
        "false leaves a plane out; enrollment and management are the ways in and always there",
        _SWITCH,
    ),
    "planes.*.keys": _EPOCH,
    "planes.*.psk": _EPOCH,
    "planes.*.rotated": Rule(
        "when the plane's keys and PSKs were last rotated: a mapping with `keys` and `psk`",
        "leave it to `backplane rotate`",
    ),
    "planes.*.rotated.keys": _DAY,
    "planes.*.rotated.psk": _DAY,
    "planes.*.tcp": _PORTS,
    "planes.*.udp": _PORTS,
    "planes.*.mtu": Rule(
        "the plane's MTU: 1280 (least for IPv6) to 1420 (1500 less WireGuard's 80 bytes)",
        "leave it out for 1420; 1370 where a private network carries it",
    ),
    "sites": Rule("a mapping of site names to sites", "write at least one site"),
    "sites.*": Rule("a site is a mapping with `id` and `location`", "indent its fields below it"),
    "sites.*.id": Rule(
        "a site id is a whole number from 0 to 254, unique, never reused (255 is for people)",
        "give the site a free number from 0 to 254",
    ),
    "sites.*.cloud": Rule(
        "the cloud is `hetzner`, `aws`, or `existing` for machines that are there already",
        "write one of the three, or leave it out for hetzner",
    ),
    "sites.*.location": Rule(
        "a location is the cloud's own name for it, such as fsn1, or eu-central-1 (an AWS region)",
        "use a location's name",
    ),
    "sites.*.type": _TYPE,
    "sites.*.image": _IMAGE,
    "sites.*.endpoint": _FAMILY,
    "sites.*.ipv6": Rule("false: the site's machines have no public IPv6", _SWITCH),
    "sites.*.vpc": Rule(
        "at AWS, the id of a VPC that stands there already, with `subnet`; without both the site "
        "gets one of its own",
        "write both ids, vpc-… and subnet-…, or neither",
    ),
    "sites.*.subnet": Rule(
        "at AWS, the id of a subnet of `vpc` whose routes lead to an internet gateway over IPv4 "
        "and, where nodes have it, IPv6",
        "write both ids, vpc-… and subnet-…, or neither",
    ),
    "sites.*.private_network": Rule(
        "true: the site's nodes call each other over the cloud's private network, where the cloud "
        "has one; everybody else calls them at their public addresses",
        _SWITCH,
    ),
    "sites.*.link_mtu": Rule(
        "the MTU that links of the site's gateways have at most in a routed mesh: 1280 (least for "
        "IPv6) to 1420 (1500 less WireGuard's 80 bytes); of a link's two sites the lower one holds",
        "leave it out for 1420; else what the site's line to the outside carries, less 80",
    ),
    "sites.*.entry": Rule(
        "one or two nodes of the site by which people reach all of it: a device then has these as "
        "its peers there, the first one for the whole site",
        "list one or two of the site's own nodes, each once, none of them retiring",
    ),
    "sites.*.nodes": Rule("a mapping of node names to nodes", "indent each node below its name"),
    "sites.*.nodes.*": Rule("a node is a mapping with at least `id`", "write {id: <number>}"),
    "sites.*.nodes.*.id": Rule(
        "a node id is a whole number from 1 to 254, unique in its site: addresses follow from it",
        "give the node a free number from 1 to 254",
    ),
    "sites.*.nodes.*.was": Rule(
        "the name this node had before: its machine is kept and renamed; no node or person may "
        "have that name now, and no two nodes had it",
        "remove `was:` once `pulumi up` has renamed the node, or correct it",
    ),
    "sites.*.nodes.*.type": _TYPE,
    "sites.*.nodes.*.image": _IMAGE,
    "sites.*.nodes.*.snapshot": Rule(
        "a snapshot is the number the cloud gave it", "write its id, as a whole number"
    ),
    "sites.*.nodes.*.roles": Rule("a list of role names, each once", "list known roles"),
    "sites.*.nodes.*.slot": Rule(
        "which of its site's gateways a node is: 0 (default) or 1; a site has at most one of each",
        "write slot: 0 or slot: 1, with the role gateway",
    ),
    "sites.*.nodes.*.epochs": Rule(
        "the node's own key epochs by plane: whole numbers from 1 up, 1 where none is written",
        "write {monitoring: 2} to draw this node a new key on that plane, one plane at a time",
    ),
    "sites.*.nodes.*.console": Rule(
        "the epoch of the node's own console password: a whole number from 1 up",
        "leave it to `backplane rotate console --node`",
    ),
    "sites.*.nodes.*.incarnation": Rule(
        "the incarnation is a whole number from 1 up; raising it rebuilds the machine",
        "raise it by one to rebuild",
    ),
    "sites.*.nodes.*.offline": Rule("true leaves a dead node out of changes for now", _SWITCH),
    "sites.*.nodes.*.retire": Rule("true drops its peers and lifts its protection", _SWITCH),
    "sites.*.nodes.*.endpoint": _FAMILY,
    "sites.*.nodes.*.ipv6": Rule("false: this machine has no public IPv6", _SWITCH),
    "sites.*.nodes.*.bridges": Rule(
        "a list of container bridges (interface names, such as docker0) that may reach the outside",
        "list interface names of at most 15 characters, none of them a plane's or a segment's",
    ),
    "sites.*.nodes.*.uplink": Rule(
        "what this machine's line to the outside carries, in Mbit/s, in `traffic.uplink`'s place: "
        "a whole number of 1 to 100000",
        "write what the cloud says of the server type, or leave it out",
    ),
    **machine_rules.RULES,
    **role_rules.RULES,
    **segment_rules.RULES,
    "console": Rule(
        "the sealed password of root on each node's console: a mapping with `use` and `epoch`",
        "leave it out: every node has one, which nothing but its console takes",
    ),
    "console.use": Rule(
        "false gives root's password back as it was before; then only the cloud's rescue system "
        "leads into a node whose ways in are both dead",
        _SWITCH,
    ),
    "console.epoch": _EPOCH,
    "console.rotated": _DAY,
    "operators": Rule("a mapping of people's names to operators", "indent each below its name"),
    "operators.*": Rule(
        "an operator is a mapping with `id` and `planes`",
        "write {id: <number>, planes: [management]}",
    ),
    "operators.*.id": Rule(
        "a person's id is a whole number from 1 to 254, unique among operators and runners",
        "give the person a free number from 1 to 254",
    ),
    "operators.*.planes": Rule(
        "an operator is on at least one plane in use, each named once", "list planes by name"
    ),
    "operators.*.public_keys": Rule(
        "WireGuard public keys by plane: 32 bytes in base64, 44 characters, as `wg pubkey` prints",
        "paste the output of `wg pubkey`, or leave it out and the stack makes the keys",
    ),
    "operators.*.ssh_key": Rule(
        "an OpenSSH public key, `ssh-ed25519 AAAA…`, without options or comment",
        "paste the first two words of the .pub file, or leave it out and the stack makes one",
    ),
    "operators.*.expires": Rule(
        "the last day (UTC) on which nodes let this person in, in quotes: YYYY-MM-DD",
        'write it as "2027-03-31", or leave it out for no end',
    ),
    **login_rules.RULES,
    "runners": Rule("a mapping of names to runners, at least one", "leave it out for one runner"),
    "runners.*": Rule("a runner is a mapping with `id`", "write {id: <number>}"),
    "runners.*.id": Rule(
        "a person's id is a whole number from 1 to 254, unique among operators and runners",
        "give the runner a free number from 1 to 254",
    ),
}

_NAMED = (
    "planes",
    "sites",
    "nodes",
    "services",
    "receivers",
    "proxies",
    "pools",
    "replicate",
    "segments",
    "operators",
    "runners",
)


def pattern(path: tuple[str, ...]) -> str:
    """The path with each name of the user's own as ``*``: the key into `RULES`."""
    words: list[str] = []
    for word in path:
        named = bool(words) and words[-1] in _NAMED and words[-2:] != ["*", "planes"]
        words.append("*" if named else word)
    return ".".join(words)


def rule_at(path: tuple[str, ...]) -> Rule:
    """The rule of the deepest known field on a path: a list's items follow the list's."""
    words = path
    while words and pattern(words) not in RULES:
        words = words[:-1]
    return RULES[pattern(words)]
