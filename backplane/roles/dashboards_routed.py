"""The dashboard of a routed mesh: links between gateways, and who carries what."""

from __future__ import annotations

from backplane.roles.panels import NONE_IS_WELL, Dashboard, Panel, Steps

_UP: Steps = (("red", None), ("green", 1))


def sites() -> Dashboard:
    """Links that are down, links over time, owners, and traffic of links."""
    panels = [
        Panel(
            title="Links that are down",
            about="BGP or BFD does not work; each link counted at both ends.",
            queries={"links": 'sum(backplane_link_up{job="wireguard"} == bool 0)'},
            kind="stat",
            width=8,
            steps=NONE_IS_WELL,
        ),
        Panel(
            title="Gateways that stand alone",
            about="They do not hear the other gateway of their site.",
            queries={
                "gateways": 'sum((backplane_sibling_alive{job="wireguard"} == bool 0) or vector(0))'
            },
            kind="stat",
            width=8,
            steps=NONE_IS_WELL,
        ),
        Panel(
            title="Gateways that are drained",
            about="Somebody has taken them out of use: `backplane undrain` ends it.",
            queries={"gateways": 'sum(backplane_gateway_drained{job="wireguard"} or vector(0))'},
            kind="stat",
            width=8,
            steps=NONE_IS_WELL,
        ),
        Panel(
            title="Links",
            about="1 while BGP and BFD work, as the gateway at that end says.",
            queries={"{{instance}} to {{peer}}": 'backplane_link_up{job="wireguard"}'},
            steps=_UP,
        ),
        Panel(
            title="Nodes by the gateway that they follow",
            about="How many nodes send what is for another site through each gateway; a step is a "
            "gateway that took over.",
            queries={
                "{{owner}} to {{site}}": "count by (owner, site) "
                '(backplane_route_owner{job="wireguard"})'
            },
        ),
        Panel(
            title="Sent on links",
            about="What gateways carry to other gateways.",
            queries={
                "{{instance}} to {{friendly_name}}": "sum by (instance, friendly_name) "
                '(rate(wireguard_sent_bytes_total{job="wireguard",plane="link"}[$__rate_interval]))'
            },
            unit="Bps",
            width=24,
        ),
    ]
    return Dashboard(name="sites", title="Between sites", panels=panels)
