"""The alert rules of a routed mesh: links between gateways, and gateways that stand alone."""

from __future__ import annotations

from collections.abc import Iterator

from backplane.roles.alert import Alert

OF_A_NODE = ("GatewayAlone", "LinkDown")
"""What a gateway that is down brings with it, each with the same label `node`."""


def alerts(names: str) -> Iterator[Alert]:
    """Every rule.

    Args:
        names: a pattern of the nodes that are neither offline nor retired.
    """
    of = f'job="wireguard",instance=~"{names}"'
    yield Alert(
        name="LinkDown",
        expr=f'backplane_link_up{{{of},peer=~"{names}"}} == 0',
        lasting="1m",
        severity="warning",
        labels={"node": "{{ $labels.peer }}"},
        summary="The link of {{ $labels.instance }} to {{ $labels.peer }} is down",
        description="BGP or BFD of {{ $labels.link }} does not work. Other links carry its traffic "
        "while there are some. Likely UDP between the two gateways is cut, one of them is down, or "
        "FRR does not run there. Run `backplane status`, then `backplane doctor`; on the gateways "
        "look at `systemctl status backplane-bgpd backplane-bfdd`.",
    )
    yield Alert(
        name="GatewayAlone",
        expr=f'backplane_sibling_alive{{{of},sibling=~"{names}"}} == 0',
        lasting="1m",
        severity="warning",
        labels={"node": "{{ $labels.sibling }}"},
        summary="{{ $labels.instance }} does not hear the other gateway of its site",
        description="{{ $labels.instance }} alone carries what goes between its site and the "
        "others, and nobody takes over from it. Likely {{ $labels.sibling }} is down, or its "
        "`backplane-routes.service` does not run. Run `backplane status`.",
    )
    yield Alert(
        name="GatewayDrained",
        expr=f"backplane_gateway_drained{{{of}}} == 1",
        lasting="1d",
        severity="info",
        labels={"node": "{{ $labels.instance }}"},
        summary="{{ $labels.instance }} is drained, for more than a day now",
        description="Its sibling alone carries what goes between their site and the others. When "
        "its maintenance is over run `backplane undrain {{ $labels.instance }}`.",
    )
