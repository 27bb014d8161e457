"""What each difference means to those who notice it: the guide's table of symptoms, and more."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

TUNNEL, PATH, SERVICE, FIREWALL = "tunnel", "path", "service", "firewall"
RUNGS = (TUNNEL, PATH, SERVICE, FIREWALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """One thing that is broken.

    Attributes:
        rung: the first one that is.
        where: who notices: a node, or one on its way to another.
        plane: the plane's slot; empty where it is not about one.
        symptom: what is seen.
        cause: the most likely one.
        evidence: what was found, one line each.
        fix: the next step.
    """

    rung: str
    where: str
    plane: str
    symptom: str
    cause: str
    evidence: tuple[str, ...]
    fix: str

    def document(self) -> dict[str, Any]:
        """The diagnosis for JSON."""
        return {**asdict(self), "evidence": list(self.evidence)}


class Cause(NamedTuple):
    """What a difference means.

    Attributes:
        rung: the rung that it breaks.
        area: of `backplane drift`.
        holds: words that tell its findings from others of that area; `{}` is the interface.
        says: the cause, in words.
        fix: what to do, where it is not what the finding says.
    """

    rung: str
    area: str
    holds: tuple[str, ...]
    says: str
    fix: str = ""


_CLOUD = "open UDP 51820 to 51823 in the cloud again: `pulumi up --refresh`"
_NOT_ENABLED = "the interface's unit is not enabled, so that it did not come back with a reboot"
_OWN_KEY = "the interface has another private key, so that its peers expect somebody else"
_PEER_KEY = "the peer block has a wrong public key, or is missing"
_ALLOWED = "AllowedIPs are too narrow, or another peer has the address"
_REPLICATION = "the replication does not run as it was declared, bound to the storage plane"
_LINK = "UDP between the two gateways is cut, or FRR does not run on one of them"
_ASTRAY = "it does not hear its site's gateways, and sends to one that carries nothing there"
_DEAF = "its daemon of routes does not run, so that it follows no other gateway"

CAUSES = (
    Cause(TUNNEL, "cloud", ("server",), "its server is not there", "`pulumi up` makes it"),
    Cause(TUNNEL, "cloud", ("firewall",), "the cloud's firewall lets no WireGuard in", _CLOUD),
    Cause(TUNNEL, "units", ("wg-quick@{}.service enabled",), _NOT_ENABLED),
    Cause(TUNNEL, "units", ("wg-quick@{}",), "the interface's unit does not run"),
    Cause(TUNNEL, "wireguard", ("{}: interface",), "the interface is not up"),
    Cause(TUNNEL, "wireguard", ("{}: own key",), _OWN_KEY),
    Cause(TUNNEL, "wireguard", ("{}: listen port",), "the interface listens on another UDP port"),
    Cause(TUNNEL, "wireguard", ("{}: peer", "not there"), _PEER_KEY),
    Cause(TUNNEL, "wireguard", ("{}: peer", "PSK"), "the two ends have different preshared keys"),
    Cause(TUNNEL, "wireguard", ("{}: peer", "endpoint"), "the peer has a wrong endpoint"),
    Cause(TUNNEL, "firewall", ("",), "the host's firewall does not let WireGuard's UDP port in"),
    Cause(PATH, "wireguard", ("{}: peer", "allowed IPs"), _ALLOWED),
    Cause(PATH, "wireguard", ("{}: address",), "the interface has not its address"),
    Cause(PATH, "routes", ("{}: route",), "the route into the plane is missing"),
    Cause(PATH, "routes", ("",), "a route of somebody's leads past the plane"),
    Cause(PATH, "routing", ("link ",), _LINK),
    Cause(PATH, "routing", ("the way to ",), "no gateway of the site carries its traffic there"),
    Cause(PATH, "routing", ("the gateway to ",), _ASTRAY),
    Cause(PATH, "routing", ("backplane-routes",), _DEAF),
    Cause(PATH, "routing", ("the other gateway",), "its sibling is down, or cut from it"),
    Cause(PATH, "routing", ("drained",), "somebody has drained it, and nobody has undrained it"),
    Cause(PATH, "wireguard", ("{}: MTU",), "the interface has another MTU"),
    Cause(PATH, "firewall", ("",), "the host's firewall drops inside the plane"),
    Cause(SERVICE, "listeners", ("sshd on",), "sshd is not bound to the plane's addresses alone"),
    Cause(SERVICE, "sshd", ("",), "sshd would read other settings than its own"),
    Cause(SERVICE, "units", ("backplane-replicate",), _REPLICATION),
    Cause(SERVICE, "segments", ("",), "a segment's interface, bridge or flood list is another"),
    Cause(SERVICE, "units", ("",), "a unit is not as it was declared"),
    Cause(SERVICE, "listeners", ("",), "a service is not bound to its plane's address"),
    Cause(FIREWALL, "firewall", ("",), "the host's firewall does not let the port in"),
)
"""Of two that fit the first is told: it explains the other."""

_TABLES = "on both ends look at `nft list ruleset` for tables that are not Backplane's"
_BETWEEN = "look at the cloud's firewall and at the network between the two"

UNKNOWN = {
    TUNNEL: (
        "UDP between the two is blocked outside both",
        _BETWEEN,
    ),
    PATH: (
        "something drops inside the tunnel, or the other end has lost its address",
        _TABLES,
    ),
    SERVICE: (
        "nothing listens there",
        "on the node look at `systemctl --failed` and `journalctl -b`",
    ),
    FIREWALL: (
        "the port is not let in, or out",
        _TABLES,
    ),
}
"""By rung, what is likely where no difference explains it, and the next step."""
