"""What a user writes: the models behind the one config object ``backplane:mesh``, all strict."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, StrictInt, StrictStr, ValidationError, WrapValidator

from backplane import checks, login_rules, machine_rules, planes, rules, translate
from backplane.addressing import MAX_NETWORK
from backplane.mistakes import DeclarationError, Mistake
from backplane.model import Mbit, Model, Name, Port, whole
from backplane.settings import (
    SETTINGS,
    Console,
    Dns,
    Grafana,
    Monitoring,
    Nginx,
    Pool,
    Postgres,
    Replication,
    Segment,
    Service,
    Traffic,
)

__all__ = [
    "Declaration",
    "DeclarationError",
    "Login",
    "Machine",
    "Mistake",
    "Node",
    "Operator",
    "PlaneSettings",
    "Rotated",
    "Runner",
    "Site",
    "json_schema",
    "parse",
]

Word = Annotated[StrictStr, Field(pattern=r"^[a-z0-9][a-z0-9-]*$")]
Kind = Annotated[StrictStr, Field(pattern=r"^[a-z0-9][a-z0-9.-]*$")]
Epoch = Annotated[StrictInt, Field(ge=1)]
Day = Annotated[StrictStr, Field(pattern=rules.DAY_PATTERN)]
MemberId = Annotated[StrictInt, Field(ge=1, le=254)]
Sudo = Annotated[
    Literal["all", "none"] | Annotated[list[StrictStr], Field(min_length=1)], WrapValidator(whole)
]
Slot = Literal["enrollment", "management", "monitoring", "storage"]
Family = Literal["ipv4", "ipv6"]
Image = Literal["debian-12", "debian-13", "ubuntu-24.04"]


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


class Machine(Model):
    """A machine that is there already: how it is reached before it is taken over."""

    ipv4: StrictStr
    ipv6: StrictStr | None = None
    port: Port = 22
    user: Annotated[StrictStr, Field(pattern=machine_rules.USER_PATTERN)] = "root"
    host_key: StrictStr


class Node(Model):
    """A machine of a site."""

    id: MemberId
    was: Name | None = None
    type: Kind | None = None
    image: Image | None = None
    snapshot: Annotated[StrictInt, Field(ge=1)] | None = None
    roles: list[StrictStr] = []
    epochs: dict[Slot, Epoch] = {}
    console: Epoch = 1
    incarnation: Annotated[StrictInt, Field(ge=1)] = 1
    offline: StrictBool = False
    retire: StrictBool = False
    endpoint: Family | None = None
    ipv6: StrictBool | None = None
    bridges: list[Annotated[StrictStr, Field(pattern=r"^[A-Za-z0-9_.-]{1,15}$")]] = []
    uplink: Mbit | None = None
    pools: dict[Name, Pool] = {}
    machine: Machine | None = None
    slot: Annotated[StrictInt, Field(ge=0, le=1)] = 0


class Site(Model):
    """A place with its nodes, and what they share unless a node says otherwise."""

    id: Annotated[StrictInt, Field(ge=0, le=254)]
    cloud: Literal["hetzner", "aws", "existing"] = "hetzner"
    location: Word | None = None
    type: Kind | None = None
    image: Image = "debian-12"
    endpoint: Family = "ipv4"
    ipv6: StrictBool = True
    vpc: Annotated[StrictStr, Field(pattern=r"^vpc-[0-9a-f]+$")] | None = None
    subnet: Annotated[StrictStr, Field(pattern=r"^subnet-[0-9a-f]+$")] | None = None
    private_network: StrictBool = False
    link_mtu: Annotated[StrictInt, Field(ge=1280, le=1420)] = 1420
    entry: Annotated[list[Name], Field(max_length=2)] = []
    nodes: dict[Name, Node] = {}


class Login(Model):
    """A person's own account on every node."""

    user: Annotated[StrictStr, Field(pattern=login_rules.USER_PATTERN)]
    sudo: Sudo = "none"


class Operator(Model):
    """A person's device, on the planes it names."""

    id: MemberId
    planes: Annotated[list[StrictStr], Field(min_length=1)]
    public_keys: dict[StrictStr, StrictStr] = {}
    ssh_key: StrictStr | None = None
    expires: Day | None = None
    login: Login | None = None


class Runner(Model):
    """A machine that runs ``pulumi up``: on enrollment and management, with keys of the stack's."""

    id: MemberId


class Declaration(Model):
    """The whole mesh as declared."""

    network: Annotated[StrictInt, Field(ge=0, le=MAX_NETWORK)] = 200
    ula: StrictStr | None = None
    topology: Literal["mesh", "routed"] = "mesh"
    protect: StrictBool = True
    timer: Annotated[StrictInt, Field(ge=30, le=3600)] = 120
    planes: dict[Slot, PlaneSettings] = {}
    sites: dict[Name, Site]
    services: dict[Name, Service] = {}
    monitoring: Monitoring = Monitoring()
    dns: Dns = Dns()
    postgres: Postgres = Postgres()
    nginx: Nginx = Nginx()
    grafana: Grafana | None = None
    traffic: Traffic = Traffic()
    console: Console = Console()
    replicate: dict[Name, Replication] = {}
    segments: dict[Name, Segment] = {}
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


_RULED: Sequence[tuple[type[Model], str]] = (
    *SETTINGS,
    (Rotated, "planes.*.rotated."),
    (PlaneSettings, "planes.*."),
    (Machine, "sites.*.nodes.*.machine."),
    (Node, "sites.*.nodes.*."),
    (Site, "sites.*."),
    (Login, "operators.*.login."),
    (Operator, "operators.*."),
    (Runner, "runners.*."),
    (Declaration, ""),
)
for _model, _prefix in _RULED:
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
