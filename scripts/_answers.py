"""What nodes answer, read as a stranger's words: of one form, and fit for a terminal.

Fields that no verb here reads are left out.
"""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, Field, StrictBool, StrictFloat, StrictInt, StrictStr
from pydantic import ValidationError as Invalid

from runner.problem import RunnerError, printable

Json = dict[str, Any]

Text = Annotated[StrictStr, Field(max_length=4096), AfterValidator(printable)]
Number = Annotated[StrictFloat, Field(ge=-1e12, le=1e12, allow_inf_nan=False)]
Count = Annotated[StrictInt, Field(ge=0, le=1 << 32)]
Moment = Annotated[StrictFloat, Field(ge=0, le=1 << 33, allow_inf_nan=False)]
"""Seconds since 1970, of a time that a calendar has."""


class IllFormed(RunnerError):  # noqa: N818 - what a person is told of the node
    """A node answered in another form than its tool has."""


class _Lease(BaseModel):
    id: Text
    expires: Number


class _Undone(BaseModel):
    at: Moment
    generation: Text | None
    reason: Text


class Status(BaseModel):
    """The answer of `status`, see `node/questions.py`; all of it may be missing."""

    node: Text | None = None
    confirmed: Text | None = None
    active: Text | None = None
    staged: Text | None = None
    timer: Number | None = None
    lease: _Lease | None = None
    rolled_back: _Undone | None = None
    wall: Number | None = None


class _Peer(BaseModel):
    name: Text | None
    handshake_age: Number | None


class _Interface(BaseModel):
    peers: list[_Peer] = []


class Interfaces(BaseModel):
    """The answer of `inspect` as far as the WireGuard interfaces go, see `node/facts.py`."""

    interfaces: dict[Text, _Interface]


class _Listener(BaseModel):
    protocol: Text
    address: Text
    port: Count
    process: Text | None


class Inspect(Interfaces):
    """The answer of `inspect`, see `node/facts.py`."""

    listeners: list[_Listener]
    failed: list[Text]


class Pings(BaseModel):
    """The answer of `probe` for echoes."""

    pings: dict[Text, Number | None]


class Doors(BaseModel):
    """The answer of `probe` for TCP: address, port, result."""

    tcp: list[tuple[Text, Count, Text]]


class _Link(BaseModel):
    interface: Text
    peer: Text
    bgp: Text
    bfd: Text
    up: StrictBool
    seconds: Number
    v4: Count
    v6: Count


class _Site(BaseModel):
    name: Text
    owner: Text | None
    slot: Count
    term: Count
    why: Text
    since: Number
    path: StrictBool = False
    backed: StrictBool = False


class _Sibling(BaseModel):
    name: Text
    alive: StrictBool


class Routing(BaseModel):
    """The answer of `routing`, see `node/drain.py`."""

    routed: StrictBool
    running: StrictBool = False
    troubles: list[Text] = []
    links: list[_Link] = []
    drained: StrictBool = False
    overlap: StrictBool = False
    sibling: _Sibling | None = None
    sites: dict[Text, _Site] = {}


Form = TypeVar("Form", bound=BaseModel)


def read(form: type[Form], answer: Json) -> Form:
    """An answer in its form.

    Raises:
        IllFormed: It has another.
    """
    try:
        return form.model_validate(answer)
    except Invalid as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))[:200]
        raise IllFormed(
            printable(f"its {form.__name__.lower()} has another form: {where}: {first['msg']}."),
            "the node tool is another or damaged: `pulumi up` pushes it again.",
        ) from None


def plain(form: type[BaseModel], answer: Json) -> Json:
    """An answer in its form, with what the node said of it and no more.

    Raises:
        IllFormed: It has another.
    """
    return read(form, answer).model_dump(exclude_unset=True)
