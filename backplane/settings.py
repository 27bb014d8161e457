"""What a declaration says of services and of what roles need to know."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt, StrictStr

from backplane import planes, role_rules, segments
from backplane.copies import KEPT
from backplane.model import Mbit, Model, Name, Port
from backplane.rules import DAY_PATTERN

Retention = Annotated[StrictStr, Field(pattern=role_rules.RETENTION_PATTERN)]
Size = Annotated[StrictStr, Field(pattern=role_rules.SIZE_PATTERN)]
Upstream = Annotated[StrictStr, Field(pattern=role_rules.UPSTREAM_PATTERN)]
Count = Annotated[StrictInt, Field(ge=0, le=10_000)]
Dataset = Annotated[StrictStr, Field(pattern=role_rules.DATASET_PATTERN)]
Every = Annotated[StrictStr, Field(pattern=role_rules.EVERY_PATTERN)]
Url = Annotated[StrictStr, Field(pattern=role_rules.URL_PATTERN)]


class Service(Model):
    """A service of the user's own: the nodes that name it among their roles open its ports."""

    plane: StrictStr
    tcp: list[Port] = []
    udp: list[Port] = []


class Receiver(Model):
    """Somebody who gets every alert."""

    webhook: Url
    secret: Name | None = None


class Monitoring(Model):
    """What Prometheus keeps, and who hears of alerts."""

    retention: Retention = "30d"
    size: Size = "8GB"
    receivers: dict[Name, Receiver] = {}
    watchdog: Url | None = None


class Dns(Model):
    """What the DNS nodes ask others for, who asks them, and who may register a name."""

    forward: Annotated[list[Upstream], Field(min_length=1)] = ["1.1.1.1", "8.8.8.8"]
    resolve: Literal["planes", "everything"] = "planes"
    guests: list[Name] = []


class Postgres(Model):
    """Where PostgreSQL listens."""

    plane: StrictStr = planes.MANAGEMENT.slot


class Proxy(Model):
    """What nginx hands on to."""

    to: Annotated[StrictStr, Field(pattern=role_rules.PROXY_PATTERN)]


class Nginx(Model):
    """What nginx shows beside its own page."""

    proxies: dict[Name, Proxy] = {}


class Grafana(Model):
    """Who may look at dashboards, and what Grafana's packages are signed with."""

    secret: Name
    key: Annotated[StrictStr, Field(pattern=role_rules.FINGERPRINT_PATTERN)] | None = None


class Traffic(Model):
    """Which traffic goes first out of a node, and what its line carries."""

    classes: StrictBool = True
    uplink: Mbit | None = None


class Pool(Model):
    """A ZFS pool: on a device, or in a file of so many gigabytes."""

    device: Annotated[StrictStr, Field(pattern=role_rules.DEVICE_PATTERN)] | None = None
    file: Annotated[StrictInt, Field(ge=1, le=100_000)] | None = None


class Keep(Model):
    """How many snapshots of each kind stay."""

    frequently: Count = KEPT["frequently"]
    hourly: Count = KEPT["hourly"]
    daily: Count = KEPT["daily"]
    monthly: Count = KEPT["monthly"]


class Replication(Model):
    """A dataset of which another node keeps a copy."""

    source: Name
    dataset: Dataset
    target: Name
    into: Dataset
    every: Every = "4h"
    compress: Literal["none", "lz4", "zstd-fast"] = "none"
    keep: Keep = Keep()
    kept: Keep = Keep()


class Console(Model):
    """The sealed password of each node's console."""

    use: StrictBool = True
    epoch: Annotated[StrictInt, Field(ge=1)] = 1
    rotated: Annotated[StrictStr, Field(pattern=DAY_PATTERN)] | None = None


class Segment(Model):
    """A layer-2 network between nodes."""

    id: Annotated[StrictInt, Field(ge=1, le=segments.MAX_ID)]
    plane: StrictStr = planes.STORAGE.slot
    nodes: Annotated[list[Name], Field(min_length=2)]


SETTINGS: Sequence[tuple[type[Model], str]] = (
    (Service, "services.*."),
    (Receiver, "monitoring.receivers.*."),
    (Monitoring, "monitoring."),
    (Dns, "dns."),
    (Postgres, "postgres."),
    (Proxy, "nginx.proxies.*."),
    (Nginx, "nginx."),
    (Grafana, "grafana."),
    (Traffic, "traffic."),
    (Console, "console."),
    (Pool, "sites.*.nodes.*.pools.*."),
    (Keep, "replicate.*.keep."),
    (Replication, "replicate.*."),
    (Segment, "segments.*."),
)
"""Each of them, with where its fields' rules are."""
