"""The rules about services and about what roles need to know; a part of `backplane.rules`."""

from collections.abc import Mapping

from backplane.rule import Rule

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

DEVICE_PATTERN = r"^/dev/[A-Za-z0-9_.:/-]{1,200}$"
DATASET_PATTERN = r"^[a-z0-9][a-z0-9-]{0,62}(/[A-Za-z0-9][A-Za-z0-9_.-]{0,62}){1,7}$"
"""A ZFS dataset below its pool's own (zfs(8)), of characters that no shell minds."""

EVERY_PATTERN = r"^([1-9][0-9]?m|[1-9][0-9]?h|[1-7]d)$"
"""A time of minutes, hours or days, as systemd reads it too."""

FINGERPRINT_PATTERN = r"^[0-9A-F]{40}$"
"""The fingerprint of an OpenPGP certificate of version 4 (RFC 9580, section 5.5.4.2)."""

_COUNT = "a whole number of snapshots from 0 to 10000"
_WEBHOOK = Rule(
    "an http or https URL that alerts are posted to, without a user or password: it stands in the "
    "stack file, and on nodes with the role alertmanager every daemon can read it",
    "write a URL such as https://hooks.example.org/backplane",
)
_SERVICE_PORTS = Rule(
    "ports from 1 to 65535 that the service listens on inside its plane; at least one, TCP or UDP, "
    "and none of WireGuard's own, UDP 51820 to 51823",
    "list whole numbers; no port is ever opened to the internet",
)

RULES: Mapping[str, Rule] = {
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
    "monitoring.receivers.*.secret": Rule(
        "the name of a secret of the stack that the receiver is shown as bearer token (RFC 6750): "
        "its key in the config is secret-NAME",
        "write a name, and `pulumi config set --secret secret-NAME`",
    ),
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
    "grafana": Rule(
        "what the role grafana needs to know: a mapping with `secret`, and with `key` if its "
        "packages are signed with another one",
        "write {secret: <name>}, and `pulumi config set --secret secret-NAME` with the password",
    ),
    "grafana.secret": Rule(
        "the name of a secret of the stack that is the password of Grafana's user admin: its key "
        "in the config is secret-NAME",
        "write a name, and `pulumi config set --secret secret-NAME`",
    ),
    "grafana.key": Rule(
        "the fingerprint of the key that Grafana's package archive is signed with: 40 hex digits "
        "in capitals; the one that is known to this program by default",
        "leave it out, unless Grafana Labs says that its key has changed",
    ),
    "traffic": Rule(
        "which plane goes first out of a node: a mapping with `classes` and `uplink`, none of "
        "which must be there",
        "indent its settings below it",
    ),
    "traffic.classes": Rule(
        "whether management goes before monitoring before storage on the way out of each node: "
        "true (default) or false",
        "write true or false",
    ),
    "traffic.uplink": Rule(
        "what a node's line to the outside carries, in Mbit/s: a whole number of 1 to 100000; what "
        "waits then waits on the node, where there are classes",
        "write what the cloud says of the server type, or leave it out",
    ),
    "sites.*.nodes.*.pools": Rule(
        "a mapping of names to ZFS pools, which the node takes as they are or makes where there is "
        "nothing yet",
        "indent each pool below its name",
    ),
    "sites.*.nodes.*.pools.*": Rule(
        "a pool is on a `device` or in a `file`, one of the two",
        "write {device: /dev/disk/by-id/NAME} or {file: 20}",
    ),
    "sites.*.nodes.*.pools.*.device": Rule(
        "a block device that is the pool's alone, by a path that no reboot changes; one that "
        "holds anything else is refused",
        "write a path of /dev/disk/by-id, such as that of a cloud volume",
    ),
    "sites.*.nodes.*.pools.*.file": Rule(
        "how many gigabytes a file gets on the root file system that holds the pool, slower "
        "than a device: a whole number of 1 to 100000",
        "write a whole number, without a unit",
    ),
    "replicate": Rule(
        "a mapping of names to datasets of which another node keeps a copy",
        "indent each below its name",
    ),
    "replicate.*": Rule(
        "a replication is a mapping with `source`, `dataset`, `target` and `into`",
        "write {source: fsn-a, dataset: tank/data, target: hel-b, into: vault/copies}",
    ),
    "replicate.*.source": Rule(
        "the node whose dataset it is, which has a pool", "name a node that has a pool"
    ),
    "replicate.*.dataset": Rule(
        "a dataset of the source below a pool's own, such as tank/data, of one replication",
        "write pool and dataset, with a / between them",
    ),
    "replicate.*.target": Rule(
        "another node that has a pool and keeps the copy", "name another node that has a pool"
    ),
    "replicate.*.into": Rule(
        "a dataset of the target below a pool's own, such as vault/copies; the copy is below it, "
        "under the replication's name",
        "write pool and dataset, with a / between them",
    ),
    "replicate.*.every": Rule(
        "the time from one run to the next: 1 to 99 minutes (30m) or hours (4h), 1 to 7 days (1d); "
        "at least twice that from one snapshot of the source to the next",
        "write 4h (default) or another such time",
    ),
    "replicate.*.compress": Rule(
        "how the stream is made smaller on its way: `none` (default), `lz4` or `zstd-fast`",
        "write one of the three",
    ),
    "replicate.*.keep": Rule(
        "how many snapshots stay at the source: a mapping with `frequently`, `hourly`, `daily` and "
        "`monthly`, none of which must be there",
        "indent its numbers below it",
    ),
    "replicate.*.kept": Rule(
        "how many snapshots stay at the target: as `keep`", "indent its numbers below it"
    ),
    "replicate.*.keep.frequently": Rule(f"of every quarter of an hour, {_COUNT}", "write a number"),
    "replicate.*.keep.hourly": Rule(f"of every hour, {_COUNT}", "write a number"),
    "replicate.*.keep.daily": Rule(f"of every day, {_COUNT}", "write a number"),
    "replicate.*.keep.monthly": Rule(f"of every month, {_COUNT}", "write a number"),
    "replicate.*.kept.frequently": Rule(f"of every quarter of an hour, {_COUNT}", "write a number"),
    "replicate.*.kept.hourly": Rule(f"of every hour, {_COUNT}", "write a number"),
    "replicate.*.kept.daily": Rule(f"of every day, {_COUNT}", "write a number"),
    "replicate.*.kept.monthly": Rule(f"of every month, {_COUNT}", "write a number"),
}
"""As `backplane.rules.RULES`, for these sections."""
