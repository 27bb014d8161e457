"""A site: what its nodes stand on, the cloud's firewall first of all."""

from __future__ import annotations

from dataclasses import dataclass

import pulumi

from backplane.plan import PlanSite
from components.access import Access
from components.clouds import CLOUDS
from components.clouds.base import Ground


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteArgs:
    """What a site is made of.

    Attributes:
        stack: Name of the stack.
        site: The planned site.
        access: The push key, and the way into each realm.
    """

    stack: str
    site: PlanSite
    access: Access


class Site(pulumi.ComponentResource):
    """A place where nothing comes in but the four planes' UDP ports."""

    ground: Ground
    """What its machines stand on."""

    realm: str
    """What it shares a push key and a provider with, as `Cloud.realm` says."""

    firewall_id: pulumi.Output[str] | None
    """Id of the site's firewall at the cloud; None where the cloud has none of ours."""

    def __init__(
        self, name: str, args: SiteArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("backplane:index:Site", name, None, opts)
        cloud = CLOUDS[args.site.cloud]
        self.realm = cloud.realm(args.site)
        self.ground = cloud.site(
            name,
            stack=args.stack,
            site=args.site,
            opts=pulumi.ResourceOptions(parent=self, provider=args.access.providers[self.realm]),
        )
        self.firewall_id = self.ground.firewall
        self.register_outputs({"firewall_id": self.firewall_id})
