"""Kernel settings of a node, as sysctl.d(5) and sysctl(8) read them."""

from backplane.clouds import CLOUDS
from backplane.plan import PlanNode

_ALWAYS = {
    # Daemons bind to a plane's address even before it is there: a reboot race is no lock-out.
    "net.ipv4.ip_nonlocal_bind": 1,
    "net.ipv6.ip_nonlocal_bind": 1,
    # Routes are what they are, whatever somebody on the wire redirects.
    "net.ipv4.conf.all.accept_redirects": 0,
    "net.ipv4.conf.all.accept_source_route": 0,
    "net.ipv4.conf.all.send_redirects": 0,
    "net.ipv4.conf.default.accept_redirects": 0,
    "net.ipv4.conf.default.accept_source_route": 0,
    "net.ipv4.conf.default.send_redirects": 0,
    "net.ipv6.conf.all.accept_redirects": 0,
    "net.ipv6.conf.default.accept_redirects": 0,
}

# Addresses and routes come from the cloud's metadata, never from whoever shares the wire.
_METADATA_SAYS_ALL = {
    "net.ipv6.conf.all.accept_ra": 0,
    "net.ipv6.conf.all.autoconf": 0,
    "net.ipv6.conf.default.accept_ra": 0,
    "net.ipv6.conf.default.autoconf": 0,
}

_NO_ROUTER = {
    "net.ipv4.ip_forward": 0,
    "net.ipv6.conf.all.forwarding": 0,
}


_HANDS_ON = {
    "net.ipv4.ip_forward": 1,
    "net.ipv6.conf.all.forwarding": 1,
}

_ROUTER = {
    **_HANDS_ON,
    # What another gateway hands over comes in by a link that no route of its source leads to: any
    # route to it will do (RFC 3704, loose).
    "net.ipv4.conf.all.rp_filter": 2,
}


def config(node: PlanNode, *, routes: bool = False, hands_on: bool = False) -> str:
    """The settings of a node. Where containers are bridged, forwarding is left to their engine.

    Args:
        node: whose.
        routes: whether it is a gateway that hands packets on.
        hands_on: whether it is an entry that does so on each plane.
    """
    without = {} if node.bridges else _NO_ROUTER
    router = _ROUTER if routes else _HANDS_ON if hands_on else without
    settings = {**_ALWAYS, **router}
    if not CLOUDS[node.cloud].advertised:
        settings |= _METADATA_SAYS_ALL
    return "".join(f"{key} = {value}\n" for key, value in sorted(settings.items()))
