"""Short ways to make things in the cloud with the vendor's Python client, for the contract."""

import base64
from collections.abc import Callable
from typing import TypeVar

import hcloud
import pytest
from hcloud import APIException
from hcloud.actions import BoundAction
from hcloud.firewalls import BoundFirewall, FirewallResource, FirewallRule
from hcloud.images import Image
from hcloud.locations import Location
from hcloud.primary_ips import BoundPrimaryIP
from hcloud.server_types import ServerType
from hcloud.servers import BoundServer, Server
from hcloud.ssh_keys import BoundSSHKey

Found = TypeVar("Found")


def refused(code: str, attempt: Callable[[], object]) -> None:
    """The attempt is refused with this code."""
    with pytest.raises(APIException) as caught:
        attempt()
    assert caught.value.code == code


class Suite:
    """A client and the shortest ways to make things with it."""

    def __init__(self, client: hcloud.Client) -> None:
        self.c = client

    def wait(self, *actions: BoundAction | None) -> None:
        """Until all are done."""
        for action in actions:
            if action is not None:
                action.wait_until_finished()

    def server(self, name: str, image: Image | None = None, **more: object) -> BoundServer:
        """A server, made and read again."""
        made = self.c.servers.create(
            name=name,
            server_type=ServerType(name="cx23"),
            image=image or Image(name="debian-12"),
            location=Location(name="fsn1"),
            **more,  # type: ignore[arg-type]  # the client's own names and types
        )
        self.wait(made.action, *(made.next_actions or []))
        return self.read(made.server.id)

    def read(self, key: int | None) -> BoundServer:
        """A server as it is now."""
        assert key is not None
        return self.c.servers.get_by_id(key)

    def drop(self, *servers: BoundServer) -> None:
        """Delete and wait."""
        for server in servers:
            self.wait(server.delete())

    def key(self, name: str) -> BoundSSHKey:
        """An SSH key of its own."""
        blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + name.encode().rjust(32, b"0")
        line = f"ssh-ed25519 {base64.b64encode(blob).decode()} lab"
        return self.c.ssh_keys.create(name=name, public_key=line, labels={"case": "py"})

    def ip(self, name: str, kind: str) -> BoundPrimaryIP:
        """A primary IP that is nobody's."""
        made = self.c.primary_ips.create(type=kind, name=name, location=Location(name="fsn1"))
        return made.primary_ip

    def firewall(self, name: str, *rules: FirewallRule) -> BoundFirewall:
        """A firewall that is applied to nothing."""
        made = self.c.firewalls.create(name=name, rules=list(rules))
        self.wait(*(made.actions or []))
        return made.firewall


def there(found: Found | None) -> Found:
    """What a look-up found; it must have found something."""
    assert found is not None
    return found


def udp(port: str | None) -> FirewallRule:
    """Inbound UDP from everywhere."""
    return FirewallRule(direction="in", protocol="udp", port=port, source_ips=["0.0.0.0/0", "::/0"])


def on(server: BoundServer) -> list[FirewallResource]:
    """A server as a firewall's target."""
    assert server.id is not None
    return [FirewallResource(type="server", server=Server(id=server.id))]
