"""What a user writes: the models behind the one config object ``backplane:mesh``, all strict."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StrictStr, ValidationError

from backplane import checks, planes, rules, translate
from backplane.addressing import MAX_NETWORK
from backplane.mistakes import DeclarationError, Mistake
from backplane.rules import NAME_PATTERN, RULES

__all__ = [
    "Declaration",
    "DeclarationError",
    "Dns",
    "Mistake",
    "Monitoring",
    "Nginx",
    "Node",
    "Operator",
    "PlaneSettings",
    "Postgres",
    "Proxy",
    "Receiver",
    "Rotated",
    "Runner",
    "Service",
    "Site",
    "json_schema",
    "parse",
]

Name = Annotated[StrictStr, Field(pattern=NAME_PATTERN)]
Word = Annotated[StrictStr, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
Port = Annotated[StrictInt, Field(ge=1, le=65535)]
Epoch = Annotated[StrictInt, Field(ge=1)]
Day = Annotated[StrictStr, Field(pattern=rules.DAY_PATTERN)]
Retention = Annotated[StrictStr, Field(pattern=rules.RETENTION_PATTERN)]
Size = Annotated[StrictStr, Field(pattern=rules.SIZE_PATTERN)]
Upstream = Annotated[StrictStr, Field(pattern=rules.UPSTREAM_PATTERN)]
Url = Annotated[StrictStr, Field(pattern=rules.URL_PATTERN)]
MemberId = Annotated[StrictInt, Field(ge=1, le=254)]
Slot = Literal["enrollment", "management", "monitoring", "storage"]
Family = Literal["ipv4", "ipv6"]
Image = Literal["debian-12", "debian-13"]


class Model(BaseModel):
    """Unknown keys are refused, nothing is coerced, nothing changes after parsing."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @classmethod
    def described(cls, prefix: str) -> None:
        """Give each field its rule as description, for the editor's schema."""
        for name, info in cls.model_fields.items():
            info.description = RULES[f"{prefix}{name}"].rule
        cls.model_rebuild(force=True)


class Rotated(Model):
    """When a plane's keys and PSKs were last rotated."""

    keys: Day | None = None
    psk: Day | None = None


class PlaneSettings(Model):
    """What a stack may set about a plane; its port is fixed."""

    name: Name | None = None
    use: StrictBool = True
    keys: Epoch = 1
    psk: Epoch = 1
    rotated: Rotated = Rotated()
    tcp: list[Port] | None = None
    udp: list[Port] | None = None
    mtu: Annotated[StrictInt, Field(ge=1280, le=1420)] = 1420


class Node(Model):
    """A machine of a site."""

    id: MemberId
    was: Name | None = None
    type: Word | None = None
    image: Image | None = None
    snapshot: Annotated[StrictInt, Field(ge=1)] | None = None
    roles: list[StrictStr] = []
    epochs: dict[Slot, Epoch] = {}
    incarnation: Annotated[StrictInt, Field(ge=1)] = 1
    offline: StrictBool = False
    retire: StrictBool = False
    endpoint: Family | None = None
    ipv6: StrictBool | None = None
    bridges: list[Annotated[StrictStr, Field(pattern=r"^[A-Za-z0-9_.-]{1,15}$")]] = []


class Site(Model):
    """A place with its nodes, and what they share unless a node says otherwise."""

    id: Annotated[StrictInt, Field(ge=0, le=254)]
    cloud: Literal["hetzner"] = "hetzner"
    location: Word
    type: Word = "cx23"
    image: Image = "debian-12"
    endpoint: Family = "ipv4"
    ipv6: StrictBool = True
    nodes: dict[Name, Node] = {}


class Service(Model):
    """A service of the user's own: the nodes that name it among their roles open its ports."""

    plane: StrictStr
    tcp: list[Port] = []
    udp: list[Port] = []


class Receiver(Model):
    """Somebody who gets every alert."""

    webhook: Url


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

    to: Annotated[StrictStr, Field(pattern=rules.PROXY_PATTERN)]


class Nginx(Model):
    """What nginx shows beside its own page."""

    proxies: dict[Name, Proxy] = {}


class Operator(Model):
    """A person's device, on the planes it names."""

    id: MemberId
    planes: Annotated[list[StrictStr], Field(min_length=1)]
    public_keys: dict[StrictStr, StrictStr] = {}
    ssh_key: StrictStr | None = None


class Runner(Model):
    """A machine that runs ``pulumi up``: on enrollment and management, with keys of the stack's."""

    id: MemberId


class Declaration(Model):
    """The whole mesh as declared."""

    network: Annotated[StrictInt, Field(ge=0, le=MAX_NETWORK)] = 200
    ula: StrictStr | None = None
    topology: Literal["mesh"] = "mesh"
    protect: StrictBool = True
    timer: Annotated[StrictInt, Field(ge=30, le=3600)] = 120
    planes: dict[Slot, PlaneSettings] = {}
    sites: dict[Name, Site]
    services: dict[Name, Service] = {}
    monitoring: Monitoring = Monitoring()
    dns: Dns = Dns()
    postgres: Postgres = Postgres()
    nginx: Nginx = Nginx()
    operators: dict[Name, Operator] = {}
    runners: Annotated[dict[Name, Runner], Field(min_length=1)] = {"runner": Runner(id=254)}

    def settings(self, slot: str) -> PlaneSettings:
        """A plane's settings; the defaults where the stack sets none."""
        return next((own for at, own in self.planes.items() if at == slot), PlaneSettings())

    def slot_named(self, name: str) -> str:
        """The slot of a plane by its slot or by the name the stack gives it.

        Raises:
            KeyError: no plane is called so.
        """
        for slot in planes.SLOTS:
            if name in {slot, self.settings(slot).name}:
                return slot
        raise KeyError(name)


for _model, _prefix in (
    (Rotated, "planes.*.rotated."),
    (PlaneSettings, "planes.*."),
    (Node, "sites.*.nodes.*."),
    (Site, "sites.*."),
    (Service, "services.*."),
    (Receiver, "monitoring.receivers.*."),
    (Monitoring, "monitoring."),
    (Dns, "dns."),
    (Postgres, "postgres."),
    (Proxy, "nginx.proxies.*."),
    (Nginx, "nginx."),
    (Operator, "operators.*."),
    (Runner, "runners.*."),
    (Declaration, ""),
):
    _model.described(_prefix)


def parse(raw: object) -> Declaration:
    """Check a declaration as it came out of the YAML.

    Args:
        raw: the value of ``backplane:mesh``: mappings, lists, text, whole numbers, booleans, None.

    Raises:
        DeclarationError: with every mistake found, by the models and by the checks across fields.
    """
    mistakes: list[Mistake] = checks.mistakes(raw)
    try:
        declaration = Declaration.model_validate(raw)
    except ValidationError as error:
        told = {mistake.path for mistake in mistakes}
        found = (translate.mistake(details) for details in error.errors(include_url=False))
        mistakes += [mistake for mistake in found if mistake.path not in told]
        raise DeclarationError(mistakes) from None
    if mistakes:
        raise DeclarationError(mistakes)
    return declaration


def json_schema() -> dict[str, Any]:
    """The JSON schema of a whole stack file, for editors: ours is ``config."backplane:mesh"``."""
    schema = Declaration.model_json_schema(ref_template="#/$defs/{model}")
    definitions = schema.pop("$defs")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A Backplane stack file",
        "type": "object",
        "properties": {
            "config": {
                "type": "object",
                "properties": {"backplane:mesh": {"$ref": "#/$defs/Declaration"}},
                "required": ["backplane:mesh"],
            }
        },
        "required": ["config"],
        "$defs": dict(sorted({**definitions, "Declaration": schema}.items())),
    }
