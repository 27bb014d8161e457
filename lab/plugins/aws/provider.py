"""The package `aws`: its types and its settings."""

from lab.plugins.aws.address import Eip, NetworkInterface
from lab.plugins.aws.client import Api
from lab.plugins.aws.group import SecurityGroup
from lab.plugins.aws.instance import Instance
from lab.plugins.aws.keys import KeyPair
from lab.plugins.aws.network import InternetGateway, Subnet, Vpc
from lab.plugins.aws.routes import RouteTable, RouteTableAssociation
from lab.plugins.common import Field, Provider
from lab.plugins.common.resource import Plain
from lab.plugins.release import release

_TYPES = (
    Eip,
    Instance,
    InternetGateway,
    KeyPair,
    NetworkInterface,
    RouteTable,
    RouteTableAssociation,
    SecurityGroup,
    Subnet,
    Vpc,
)


class AwsProvider(Provider):
    """The provider of one region."""

    def __init__(self) -> None:
        self.api = Api()
        super().__init__(
            name="aws",
            version=release("pulumi_aws"),
            resources=[one(self.api) for one in _TYPES],
            config={"region": Field()},
        )

    async def configure(self, config: Plain) -> None:
        """Take the region; credentials and endpoint come from where all of AWS's tools look."""
        region = config.get("region")
        self.api.configure(region if isinstance(region, str) else None)

    async def close(self) -> None:
        """Let the threads go."""
        self.api.close()
