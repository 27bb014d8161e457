"""A region of AWS: its provider, and what its nodes need of it, looked up before all else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version

import pulumi

from backplane.clouds import AWS_OWNER, aws_image, default_type
from backplane.plan import PlanNode
from components.clouds.aws_api import CREDENTIALS, Ec2, SilentError


class Region(pulumi.ProviderResource):
    """The provider of one region, with the ids of the images that its nodes are born from.

    Credentials are not among its inputs: it finds them as all of AWS's tools do, and they never
    come into the state.
    """

    images: Mapping[str, str]
    """Ids by the pattern of their names."""

    def __init__(
        self, name: str, *, region: str, nodes: Sequence[PlanNode], opts: pulumi.ResourceOptions
    ) -> None:
        # Asked by the vendor's client: a look-up through the provider that fails ends the program
        # with the SDK's own words, whatever the program says of it.
        self.images = looked_up(region, nodes)
        release = pulumi.ResourceOptions(version=version("pulumi-aws"))
        super().__init__(
            "aws", name, {"region": region}, pulumi.ResourceOptions.merge(opts, release)
        )

    def image(self, node: PlanNode) -> str:
        """The id of the image that a node would be born from today."""
        return self.images[aws_image(node.image, node.type)]


def looked_up(region: str, nodes: Sequence[PlanNode]) -> dict[str, str]:
    """The ids of the nodes' images; the types are seen to be there, and so are credentials.

    Raises:
        pulumi.RunError: With everything that the region has not, or with why it does not answer.
    """
    ec2 = Ec2(region)
    kinds = {node.type: node.name for node in nodes} or {default_type("aws"): region}
    patterns = {aws_image(node.image, node.type): node.name for node in nodes}
    try:
        there = ec2.types(kinds)
        images = {pattern: ec2.newest(pattern) for pattern in sorted(patterns)}
    except SilentError as error:
        raise pulumi.RunError(
            f"AWS cannot be asked in {region}: {error}\n"
            "  why: types and images are looked up before anything is made, and nothing was\n"
            f"  fix: {CREDENTIALS}"
        ) from error
    wrong = [
        f"{node}: AWS has no server type {kind} in {region}\n"
        "  why: which types there are differs from region to region; nothing was made\n"
        "  fix: declare another `type`, or another `location`"
        for kind, node in sorted(kinds.items())
        if kind not in there
    ]
    wrong += [
        f"{node}: AWS has no image {pattern} of Debian's (owner {AWS_OWNER}) in {region}\n"
        "  why: a machine boots the newest of Debian's own images by this name; nothing was made\n"
        f"  fix: see with `aws ec2 describe-images --owners {AWS_OWNER}` what is there, and "
        "declare another `image` or `location`"
        for pattern, node in sorted(patterns.items())
        if images[pattern] is None
    ]
    if wrong:
        raise pulumi.RunError("\n\n".join(wrong))
    return {pattern: identifier for pattern, identifier in images.items() if identifier}


def region_of(opts: pulumi.ResourceOptions) -> Region:
    """The region that a resource is made in.

    Raises:
        TypeError: The options carry none.
    """
    provider = opts.provider
    if not isinstance(provider, Region):
        raise TypeError(f"a machine on AWS needs its region's provider, not {provider!r}")
    return provider
