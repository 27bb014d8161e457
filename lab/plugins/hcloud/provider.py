"""The package `hcloud`: its types and its settings."""

from lab.plugins.common import UNKNOWN, Field, Provider
from lab.plugins.common.resource import Plain
from lab.plugins.hcloud.address import PrimaryIp
from lab.plugins.hcloud.attachment import FirewallAttachment
from lab.plugins.hcloud.client import Api, settings
from lab.plugins.hcloud.firewall import Firewall
from lab.plugins.hcloud.keys import PlacementGroup, SshKey
from lab.plugins.hcloud.network import Network, NetworkSubnet, ServerNetwork
from lab.plugins.hcloud.rdns import Rdns
from lab.plugins.hcloud.server import Server
from lab.plugins.release import release

_TYPES = (
    Firewall,
    FirewallAttachment,
    Network,
    NetworkSubnet,
    PlacementGroup,
    PrimaryIp,
    Rdns,
    Server,
    ServerNetwork,
    SshKey,
)


class HcloudProvider(Provider):
    """The provider with one connection to one project."""

    def __init__(self) -> None:
        self.api = Api()
        super().__init__(
            name="hcloud",
            version=release("pulumi_hcloud"),
            resources=[one(self.api) for one in _TYPES],
            config={
                "token": Field(secret=True),
                "endpoint": Field(),
                "endpointHetzner": Field(),
                "pollInterval": Field(),
                "pollFunction": Field(choices=("constant", "exponential")),
            },
        )

    async def configure(self, config: Plain) -> None:
        """Take token and endpoint; while they are not known yet, only previews work."""
        if any(value is UNKNOWN for value in config.values()):
            return
        self.api.configure(settings({key: str(value) for key, value in config.items()}))

    async def close(self) -> None:
        """Let the threads go."""
        self.api.close()
