"""What the program heard, read as a stranger's words: checked, bounded, and of one form."""

from __future__ import annotations

import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr
from pydantic import ValidationError as Invalid

from backplane.audit.order import Order
from backplane.contract_kinds import Public

MOST = 8 << 20
"""Characters of an answer at most: 200 nodes of which each answers in every way stay below."""

Line = Annotated[StrictStr, Field(pattern=r"^[ -~]{0,200}$")]
"""Text that a terminal shows and obeys none of."""

Count = Annotated[StrictInt, Field(ge=0, le=1 << 32)]
Kind = Literal["tcp", "udp", "echo"]
What = Literal["open", "refused", "answer", "unreachable"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Answer(_Part):
    """Answers of one kind from one address.

    Attributes:
        address: who was tried.
        kind: how.
        what: `open`: a connection was accepted; `refused`: by RST; `answer`: to a datagram or an
            echo request; `unreachable`: by ICMP.
        by: who sent the ICMP error; None where that is not told.
        ports: some of the ports, in the order of the answers; none of an echo.
        count: of how many ports.
        detail: of the first.
    """

    address: Public
    kind: Kind
    what: What
    by: Public | None
    ports: Annotated[list[Annotated[StrictInt, Field(ge=0, le=65535)]], Field(max_length=64)]
    count: Count
    detail: Line


class Failure(_Part):
    """What the vantage itself could not send."""

    address: Public
    kind: Kind
    why: Line
    count: Count


class Reply(_Part):
    """What the public DNS said: its response code, None where it was silent, and the records."""

    name: Line
    type: Literal["PTR", "A", "AAAA"]
    code: Annotated[StrictInt, Field(ge=0, le=15)] | None
    records: Annotated[list[Line], Field(max_length=32)]


class Control(_Part):
    """Whether what must answer did, before or after the rest, in one way over one family."""

    when: Literal["before", "after"]
    host: Line
    kind: Kind
    family: Literal["ipv4", "ipv6"]
    answered: StrictBool
    detail: Line


class Source(_Part):
    """The address that packets to a target leave from, and by which interface."""

    address: Public
    interface: Line
    tunnel: StrictBool


class Heard(_Part):
    """All of it.

    Attributes:
        version: of this form.
        python: of the vantage.
        sent: how many knocks and questions were made.
        seconds: how long it took.
        answers: what answered.
        failures: what could not be sent.
        replies: of the public DNS.
        controls: of before and after.
        sources: by target.
    """

    version: Literal[1]
    python: Line
    sent: Count
    seconds: Annotated[StrictFloat, Field(ge=0, le=86_400, allow_inf_nan=False)]
    answers: Annotated[list[Answer], Field(max_length=20_000)]
    failures: Annotated[list[Failure], Field(max_length=20_000)]
    replies: Annotated[list[Reply], Field(max_length=5_000)]
    controls: Annotated[list[Control], Field(max_length=200)]
    sources: Annotated[dict[Public, Source], Field(max_length=2_000)]


class HeardError(Exception):
    """What the vantage sent is no answer to the order."""


def read(text: str, order: Order) -> Heard:
    """Read what the program printed.

    Raises:
        HeardError: It is too long, of another form, or about somebody who was not asked.
    """
    if len(text) > MOST:
        raise HeardError(f"its answer has {len(text)} characters, {MOST} at most are read")
    try:
        heard = Heard.model_validate(json.loads(text))
    except Invalid as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise HeardError(f"its answer has another form: {where}: {first['msg']}") from None
    except (ValueError, RecursionError):
        raise HeardError("its answer is no JSON") from None
    told = {one.address for one in heard.answers} | {one.address for one in heard.failures}
    told |= {*heard.sources}
    if strange := sorted(told - {*order.targets}):
        raise HeardError(f"it tells of {', '.join(strange[:3])}, which it was not asked about")
    asked = {*order.questions}
    if any((one.name, one.type) not in asked for one in heard.replies):
        raise HeardError("it tells of a name that it was not asked about")
    return heard
