"""What each field of a declaration may hold: the rule people read, and the usual fix.

Keys are paths with ``*`` for names of the user's own. The models take their descriptions from here,
and so do the errors and the editor's schema.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """What may stand at a path, and what to do when something else does."""

    rule: str
    fix: str


NAME_PATTERN = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
"""A host name label (RFC 1123 section 2.1), lower case."""

DAY_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
"""A calendar date (ISO 8601): year, month, day."""

SIZE_PATTERN = r"^[1-9][0-9]{0,3}[GT]B$"
RETENTION_PATTERN = r"^([1-9][0-9]{0,3}d|[1-9][0-9]{0,2}w|[1-9][0-9]?y)$"
"""A duration as Prometheus reads it, of days, weeks or years; it counts to 292 years."""

URL_PATTERN = r"^https?://(\[[0-9a-f:]+\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?([/?][!-~]*)?$"
"""A URL (RFC 3986) of http or https, without user information."""

UPSTREAM_PATTERN = r"^[0-9a-fA-F:.]{3,45}(#[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?)?$"
"""An IP address, and behind a # the name in the certificate of who answers there over TLS."""
PROXY_PATTERN = (
    r"^http://([0-9]{1,3}(?:\.[0-9]{1,3}){3}|\[[0-9a-f:]+\])(?::([0-9]{1,5}))?"
    r"(?:/[A-Za-z0-9_.~/-]*)?$"
)
"""A URL (RFC 3986) of http with an address (first group) and perhaps a port (second) and a path."""

NAME = Rule(
    "a name is 1 to 63 characters out of a-z, 0-9 and -, and neither starts nor ends with - "
    "(a host name label, RFC 1123)",
    "choose such a name",
)

_SWITCH = "write true or false, without quotes"
_FAMILY = Rule("peers dial a node by `ipv4` (default) or `ipv6`", "write ipv4 or ipv6")
_IMAGE = Rule(
    "images are limited to the tested ones: debian-12, debian-13",
    "choose one of the two; for a snapshot name what it was made from and set `snapshot: <id>`",
)
_TYPE = Rule("a server type is the cloud's own name for it, such as cx23", "use a type's name")
_EPOCH = Rule("an epoch is a whole number from 1 up", "raise it by one to draw new keys")
_DAY = Rule(
    'a date is year, month and day in quotes, such as "2026-03-01", and stands in the calendar; '
    "`backplane rotate` writes it",
    "write such a date in quotes, or leave it out while there was no rotation",
)
_WEBHOOK = Rule(
    "an http or https URL that alerts are posted to, without a user or password: it stands in the "
    "stack file, and on nodes with the role alertmanager every daemon can read it",
    "write a URL such as https://hooks.example.org/backplane",
)
_PORTS = Rule(
    "a list of service ports from 1 to 65535 that roles may open inside this plane",
    "list whole numbers; it never opens a port to the internet",
)
_SERVICE_PORTS = Rule(
    "ports from 1 to 65535 that the service listens on inside its plane; at least one, TCP or UDP, "
    "and none of WireGuard's own, UDP 51820 to 51823",
    "list whole numbers; no port is ever opened to the internet",
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
        "the topology is `mesh`: every node is a peer of every node", "write mesh or leave it out"
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
    "sites.*.cloud": Rule("the cloud is `hetzner`", "write hetzner or leave it out"),
    "sites.*.location": Rule(
        "a location is the cloud's own name for it, such as fsn1", "use a location's name"
    ),
    "sites.*.type": _TYPE,
    "sites.*.image": _IMAGE,
    "sites.*.endpoint": _FAMILY,
    "sites.*.ipv6": Rule("false: the site's machines have no public IPv6", _SWITCH),
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
    "sites.*.nodes.*.epochs": Rule(
        "the node's own key epochs by plane: whole numbers from 1 up, 1 where none is written",
        "write {monitoring: 2} to draw this node a new key on that plane, one plane at a time",
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
        "list interface names of at most 15 characters, none of them a plane's",
    ),
    "services": Rule(
        "a mapping of names to services of your own, none of them a role's name",
        "indent each service below its name; a node runs it that lists it under `roles:`",
    ),
    "services.*": Rule(
        "a service is a mapping with `plane`, and with `tcp` or `udp`",
        "write {plane: management, tcp: [<port>]}",
    ),
    "services.*.plane": Rule(
        "a service is on one plane, which is in use", "name a plane: by its slot or by its `name:`"
    ),
    "services.*.tcp": _SERVICE_PORTS,
    "services.*.udp": _SERVICE_PORTS,
    "monitoring": Rule(
        "what the roles prometheus and alertmanager need to know: a mapping with `retention`, "
        "`size`, `receivers` and `watchdog`, none of which must be there",
        "indent its settings below it",
    ),
    "monitoring.retention": Rule(
        "how long Prometheus keeps what it measured: days, weeks or years, such as 30d (default), "
        "12w or 1y",
        "write such a duration, of one number and one letter",
    ),
    "monitoring.size": Rule(
        "how much of the disk Prometheus may fill before it drops the oldest samples, such as 8GB "
        "(default) or 1TB",
        "write a whole number with GB or TB behind it",
    ),
    "monitoring.receivers": Rule(
        "a mapping of names to receivers, each of which gets every alert",
        "indent each receiver below its name",
    ),
    "monitoring.receivers.*": Rule(
        "a receiver is a mapping with `webhook`", "write {webhook: <URL>}"
    ),
    "monitoring.receivers.*.webhook": _WEBHOOK,
    "monitoring.watchdog": Rule(
        "an http or https URL outside the mesh, without a user or password, that is posted to "
        "every 5 minutes and raises an alarm of its own when that stops",
        "write the URL of such a service's check, or leave it out",
    ),
    "dns": Rule(
        "what the role dns needs to know: a mapping with `forward`, `resolve` and `guests`, none "
        "of which must be there",
        "indent its settings below it",
    ),
    "dns.forward": Rule(
        "a list of resolvers that DNS nodes ask for names outside the mesh, by IP address; with "
        "the name of its certificate behind a # it is asked over TLS: all of them, or none",
        'write ["1.1.1.1", "8.8.8.8"] (default), or with TLS '
        '["1.1.1.1#cloudflare-dns.com", "8.8.8.8#dns.google"]',
    ),
    "dns.resolve": Rule(
        "what nodes ask the DNS nodes for: `planes`, the mesh's own names (default), or "
        "`everything`, so that no other name resolves while every DNS node is down",
        "write planes or everything",
    ),
    "dns.guests": Rule(
        "a list of names, each once, that machines outside the stack may register in management's "
        "zone, each with a key of its own; none is the name of a node or a service",
        "list such names",
    ),
    "postgres": Rule(
        "what the role postgres needs to know: a mapping with `plane`, which need not be there",
        "indent its setting below it",
    ),
    "postgres.plane": Rule(
        "PostgreSQL is on one plane of the mesh: management (default) or storage",
        "name one of the two: by its slot or by its `name:`",
    ),
    "nginx": Rule(
        "what the role nginx needs to know: a mapping with `proxies`, which need not be there",
        "indent it below",
    ),
    "nginx.proxies": Rule(
        "a mapping of names to what is handed on to: a name is the first word of a path, as in "
        "http://fsn-a.mgmt:8080/NAME/",
        "indent each proxy below its name",
    ),
    "nginx.proxies.*": Rule(
        "a proxy is a mapping with `to`", 'write {to: "http://127.0.0.1:3000"}'
    ),
    "nginx.proxies.*.to": Rule(
        "an http URL of an IPv4 or IPv6 address, with port and path where need be; nginx would "
        "look a name up once, when it starts, so it is given none",
        "write a URL such as http://127.0.0.1:3000; `pulumi stack output nodes` has the nodes' "
        "addresses",
    ),
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
    "runners": Rule("a mapping of names to runners, at least one", "leave it out for one runner"),
    "runners.*": Rule("a runner is a mapping with `id`", "write {id: <number>}"),
    "runners.*.id": Rule(
        "a person's id is a whole number from 1 to 254, unique among operators and runners",
        "give the runner a free number from 1 to 254",
    ),
}

_NAMED = ("planes", "sites", "nodes", "services", "receivers", "proxies", "operators", "runners")


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
