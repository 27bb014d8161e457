"""A site: the cloud firewall in front of its nodes."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from backplane.plan import PlanSite
from components.clouds import CLOUDS


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteArgs:
    """What a site is made of.

    Attributes:
        stack: Name of the stack.
        site: The planned site.
    """

    stack: str
    site: PlanSite


class Site(pulumi.ComponentResource):
    """A place with a firewall that lets in the four planes' UDP ports and nothing else."""

    firewall_id: pulumi.Output[str]
    """Id of the site's firewall."""

    def __init__(
        self, name: str, args: SiteArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("backplane:index:Site", name, None, opts)
        firewall = CLOUDS[args.site.cloud].firewall(
            f"{name}-firewall",
            stack=args.stack,
            site=args.site,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.firewall_id = firewall.id
        self.register_outputs({"firewall_id": self.firewall_id})
