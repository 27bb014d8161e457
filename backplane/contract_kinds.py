"""The kinds of value that the contract's parts have: what each may look like."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictInt, StrictStr

from backplane.role_rules import DATASET_PATTERN
from backplane.rule import NAME_PATTERN
from backplane.rules import DAY_PATTERN

_LABEL = NAME_PATTERN.strip("^$")


def _address(*kinds: type[IPv4Address | IPv6Address]) -> Callable[[str], str]:
    def check(text: str) -> str:
        address = ip_address(text)
        if not isinstance(address, kinds) or str(address) != text:
            names = " or ".join(kind.__name__ for kind in kinds)
            raise ValueError(f"not the canonical text of an {names}")
        return text

    return check


Slot = Literal["enrollment", "management", "monitoring", "storage"]
Ipv4 = Annotated[
    StrictStr,
    AfterValidator(_address(IPv4Address)),
    Field(json_schema_extra={"format": "ipv4", "pattern": r"^[0-9]+(\.[0-9]+){3}$"}),
]
Ipv6 = Annotated[
    StrictStr,
    AfterValidator(_address(IPv6Address)),
    Field(json_schema_extra={"format": "ipv6", "pattern": r"^[0-9a-f:]+$"}),
]
Public = Annotated[
    StrictStr,
    AfterValidator(_address(IPv4Address, IPv6Address)),
    Field(json_schema_extra={"pattern": r"^([0-9]+(\.[0-9]+){3}|[0-9a-f:]+)$"}),
]
Network4 = Annotated[StrictStr, Field(pattern=r"^[0-9]+(\.[0-9]+){3}/[0-9]+$")]
Network6 = Annotated[StrictStr, Field(pattern=r"^[0-9a-fA-F:]+/[0-9]+$")]
Key = Annotated[StrictStr, Field(pattern=r"^[0-9]{1,3}\.[0-9]{1,3}$")]
Wireguard = Annotated[StrictStr, Field(pattern=r"^[A-Za-z0-9+/]{43}=$")]
Port = Annotated[StrictInt, Field(ge=1, le=65535)]
Epoch = Annotated[StrictInt, Field(ge=1)]
Day = Annotated[StrictStr, Field(pattern=DAY_PATTERN)]
Lines = Annotated[StrictStr, Field(pattern=r"^(?:[^\n]*\n)*$")]
Identifier = Annotated[StrictStr, Field(pattern=r"^[A-Za-z0-9_.:/@+=-]{1,255}$")]
Domain = Annotated[StrictStr, Field(pattern=rf"^{_LABEL}(\.{_LABEL})*$", max_length=253)]
"""A host name of one label or more (RFC 1123), lower case, without a final dot."""
RoleName = Annotated[StrictStr, Field(pattern=r"^[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$")]
Interface = Annotated[StrictStr, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$")]
Text = Annotated[StrictStr, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ,._:/@+-]{0,254}$")]
"""A line of the cloud's own words, with nothing in it that quotes, ends or expands."""
Dataset = Annotated[StrictStr, Field(pattern=DATASET_PATTERN)]
Replica = Annotated[StrictStr, Field(pattern=DATASET_PATTERN.replace("{1,7}", "{1,8}"))]
