"""The contract between the lab's cloud API and the vendor's Python client.

The same list of cases as `tests/api/go/contract_test.go`; `test_go.py` compares the two lists and
runs the other. Each case is a function `case_NAME`, whose docstring is its claim.
"""

import hcloud
import pytest
from hcloud.images import Image
from hcloud.server_types import ServerType
from hcloud.servers import ServerCreatePublicNetwork

from tests.api.suite import Suite, on, refused, there, udp
from tests.api_server import ApiServer


def case_catalogue(s: Suite) -> None:
    """Locations, types and images are found by name; what is not there is not."""
    location = there(s.c.locations.get_by_name("hel1"))
    assert location.network_zone == "eu-central"
    kind = there(s.c.server_types.get_by_name("cx23"))
    assert (kind.cores, kind.architecture) == (2, "x86")
    for name in ("debian-12", "debian-13"):
        image = s.c.images.get_by_name_and_architecture(name, "x86")
        assert image is not None
        assert image.type == "system"
        assert s.c.images.get_by_name_and_architecture(name, "arm") is None
    assert s.c.locations.get_by_name("nowhere1") is None


def case_ssh_keys(s: Suite) -> None:
    """A key is found by fingerprint, is unique by it, can be changed and removed."""
    key = s.key("py-key")
    same = there(s.c.ssh_keys.get_by_fingerprint(key.fingerprint or ""))
    assert same.id == key.id
    again = key.public_key or ""
    refused("uniqueness_error", lambda: s.c.ssh_keys.create(name="py-key-2", public_key=again))
    changed = key.update(name="py-key-new", labels={"a": "b"})
    assert (changed.name, changed.labels) == ("py-key-new", {"a": "b"})
    key.delete()
    refused("not_found", lambda: s.c.ssh_keys.get_by_id(key.id or 0))


def case_firewall_rules(s: Suite) -> None:
    """Rules come back as posted, are replaced whole, may be none; malformed ones are refused."""
    wall = s.firewall("py-wall", udp("51820-51823"))
    rules = wall.rules or []
    assert [rule.port for rule in rules] == ["51820-51823"]
    assert rules[0].source_ips == ["0.0.0.0/0", "::/0"]
    for wanted in (["1", "2-3"], []):
        s.wait(*wall.set_rules([udp(port) for port in wanted]))
        wall.reload()
        assert [rule.port for rule in wall.rules or []] == wanted
    refused("invalid_input", lambda: wall.set_rules([udp(None)]))
    wall.delete()


def case_firewall_in_use(s: Suite) -> None:
    """A firewall in use is not deleted, nor applied twice; freed, it is."""
    wall, server = s.firewall("py-used", udp("1")), s.server("py-used")
    s.wait(*wall.apply_to_resources(on(server)))
    wall.reload()
    applied = wall.applied_to or []
    assert [one.server.id for one in applied if one.server] == [server.id]
    net = s.read(server.id).public_net
    assert net is not None
    assert [one.status for one in net.firewalls or []] == ["applied"]
    refused("resource_in_use", wall.delete)
    refused("firewall_already_applied", lambda: wall.apply_to_resources(on(server)))
    s.wait(*wall.remove_from_resources(on(server)))
    wall.delete()
    s.drop(server)


def case_server_with_everything(s: Suite) -> None:
    """All that this program orders is there; the addresses outlive the server."""
    key, wall = s.key("py-all"), s.firewall("py-all", udp("51820-51823"))
    ipv4, ipv6 = s.ip("py-all-4", "ipv4"), s.ip("py-all-6", "ipv6")
    group = s.c.placement_groups.create(name="py-all", type="spread").placement_group
    server = s.server(
        "py-all",
        ssh_keys=[key],
        firewalls=[wall],
        placement_group=group,
        user_data="#cloud-config\n",
        labels={"role": "all"},
        public_net=ServerCreatePublicNetwork(ipv4=ipv4, ipv6=ipv6),
    )
    net = server.public_net
    assert net is not None
    assert net.ipv4 is not None
    assert net.ipv6 is not None
    assert server.location is not None
    assert server.image is not None
    assert (server.status, server.locked) == ("running", False)
    assert (net.ipv4.ip, net.ipv6.ip) == (ipv4.ip, ipv6.ip)
    assert server.placement_group is not None
    assert (server.placement_group.id, server.labels) == (group.id, {"role": "all"})
    assert (server.image.name, server.location.name) == ("debian-12", "fsn1")
    s.drop(server)
    refused("not_found", lambda: s.read(server.id))
    assert s.c.primary_ips.get_by_id(ipv4.id or 0).assignee_id is None


def case_fresh_addresses(s: Suite) -> None:
    """Without primary IPs a server gets fresh ones that go with it; a family can be left out."""
    server = s.server("py-fresh")
    net = server.public_net
    assert net is not None
    assert net.primary_ipv4 is not None
    assert net.ipv6 is not None
    held = s.c.primary_ips.get_by_id(net.primary_ipv4.id or 0)
    assert (held.auto_delete, held.assignee_id) == (True, server.id)
    s.drop(server)
    refused("not_found", lambda: s.c.primary_ips.get_by_id(held.id or 0))
    only = s.server("py-only-6", public_net=ServerCreatePublicNetwork(enable_ipv4=False))
    assert only.public_net is not None
    assert only.public_net.ipv4 is None
    s.drop(only)


def case_power(s: Suite) -> None:
    """Each power action leads to its status."""
    server = s.server("py-power", start_after_create=False)
    assert server.status == "off"
    for act, status in (
        (server.power_on, "running"),
        (server.reboot, "running"),
        (server.reset, "running"),
        (server.shutdown, "off"),
        (server.power_on, "running"),
        (server.power_off, "off"),
    ):
        s.wait(act())
        assert s.read(server.id).status == status
    s.drop(server)


def case_change_type(s: Suite) -> None:
    """The type changes only while the server is off; it runs afterwards."""
    server, kind = s.server("py-type"), ServerType(name="cx33")
    refused("server_not_stopped", lambda: server.change_type(kind, upgrade_disk=True))
    s.wait(server.power_off())
    s.wait(server.change_type(kind, upgrade_disk=True))
    now = s.read(server.id)
    assert now.server_type is not None
    assert (now.server_type.name, now.primary_disk_size, now.status) == ("cx33", 80, "running")
    s.drop(server)


def case_rebuild(s: Suite) -> None:
    """A rebuild takes another image and keeps the address."""
    server = s.server("py-rebuild")
    s.wait(server.rebuild(Image(name="debian-13")).action)
    now = s.read(server.id)
    assert now.image is not None
    assert (now.image.name, now.status) == ("debian-13", "running")
    assert now.public_net is not None
    assert server.public_net is not None
    assert now.public_net.ipv4 is not None
    assert server.public_net.ipv4 is not None
    assert now.public_net.ipv4.ip == server.public_net.ipv4.ip
    s.drop(server)


def case_snapshot(s: Suite) -> None:
    """A snapshot is an image that servers are made from, until it is deleted."""
    server = s.server("py-snapshot")
    made = server.create_image(description="golden", type="snapshot", labels={"k": "v"})
    s.wait(made.action)
    image = s.c.images.get_by_id(made.image.id or 0)
    assert image.created_from is not None
    assert (image.status, image.created_from.id) == ("available", server.id)
    assert (image.type, image.description) == ("snapshot", "golden")
    clone = s.server("py-clone", image=image)
    assert clone.image is not None
    assert clone.image.id == image.id
    s.drop(clone, server)
    image.delete()
    refused("not_found", lambda: s.c.images.get_by_id(image.id or 0))


def case_protection(s: Suite) -> None:
    """A protected server is neither deleted nor rebuilt."""
    server = s.server("py-protected")
    s.wait(server.change_protection(delete=True, rebuild=True))
    refused("protected", server.delete)
    refused("protected", lambda: server.rebuild(Image(name="debian-13")))
    s.wait(server.change_protection(delete=False, rebuild=False))
    s.drop(server)


def case_primary_ips(s: Suite) -> None:
    """An address changes hands only between servers that are off, and goes only when free."""
    server, one = s.server("py-ips"), s.ip("py-ips", "ipv4")
    key = server.id or 0
    refused("server_not_stopped", lambda: one.assign(key, "server"))
    s.wait(server.power_off())
    refused("server_has_ipv4", lambda: one.assign(key, "server"))
    assert server.public_net is not None
    assert server.public_net.primary_ipv4 is not None
    s.wait(s.c.primary_ips.unassign(server.public_net.primary_ipv4))
    s.wait(one.assign(key, "server"))
    net = s.read(key).public_net
    assert net is not None
    assert net.ipv4 is not None
    assert net.ipv4.ip == one.ip
    refused("must_be_unassigned", one.delete)
    s.drop(server)
    s.wait(one.change_protection(delete=True))
    refused("protected", one.delete)
    s.wait(one.change_protection(delete=False))
    one.delete()


def case_reverse_dns(s: Suite) -> None:
    """Names are set for the addresses one has, for no others, and reset."""
    server, one = s.server("py-ptr"), s.ip("py-ptr", "ipv6")
    ip = (one.ip or "").removesuffix("/64") + "7"
    s.wait(one.change_dns_ptr(ip, "seven.example.com"))
    one.reload()
    assert one.dns_ptr == [{"ip": ip, "dns_ptr": "seven.example.com"}]
    refused("invalid_input", lambda: one.change_dns_ptr("2001:db8:f::1", "x"))
    net = server.public_net
    assert net is not None
    assert net.ipv4 is not None
    for name, expected in (("four.example.com", "four.example.com"), (None, net.ipv4.dns_ptr)):
        s.wait(server.change_dns_ptr(net.ipv4.ip or "", name))
        now = s.read(server.id).public_net
        assert now is not None
        assert now.ipv4 is not None
        assert now.ipv4.dns_ptr == expected
    s.drop(server)


def case_placement_groups(s: Suite) -> None:
    """A spread group takes ten servers and no more; one joins only while it is off."""
    group = s.c.placement_groups.create(name="py-spread", type="spread").placement_group
    servers = [s.server(f"py-spread-{index}", placement_group=group) for index in range(10)]
    refused("placement_error", lambda: s.server("py-spread-10", placement_group=group))
    s.wait(servers[0].remove_from_placement_group())
    refused("server_not_stopped", lambda: servers[0].add_to_placement_group(group))
    s.wait(servers[0].power_off())
    s.wait(servers[0].add_to_placement_group(group))
    full = there(s.c.placement_groups.get_by_name("py-spread"))
    assert len(full.servers or []) == 10
    s.drop(*servers)
    group.delete()


def case_pages_and_selectors(s: Suite) -> None:
    """Lists come in pages, sorted, and narrowed by labels."""
    for index in range(60):
        labels = {"page": "py", "odd": str(index % 2)}
        s.c.firewalls.create(f"py-page-{index:02}", labels=labels)  # type: ignore[arg-type]
    found = s.c.firewalls.get_all(label_selector="page=py", sort=["name:desc"])
    assert (len(found), found[0].name) == (60, "py-page-59")
    assert len(s.c.firewalls.get_all(label_selector="page=py,odd!=1")) == 30
    page = s.c.firewalls.get_list(label_selector="page=py,odd!=1", page=2, per_page=7)
    assert page.meta.pagination is not None
    meta = page.meta.pagination
    assert len(page.firewalls) == 7
    assert (meta.next_page, meta.last_page, meta.total_entries) == (3, 5, 30)
    for wall in found:
        wall.delete()


def case_actions(s: Suite) -> None:
    """An action is found by id and among those of its kind."""
    server = s.server("py-actions")
    action = server.power_off()
    s.wait(action)
    found = s.c.actions.get_by_id(action.id or 0)
    assert (found.command, found.status, found.progress) == ("stop_server", "success", 100)
    about = s.c.servers.actions.get_list(sort=["id:desc"]).actions
    assert about[0].id == action.id
    s.drop(server)


def case_refusals(s: Suite) -> None:
    """Bad names, unknown types and images, taken names and wrong tokens are refused."""
    refused("not_found", lambda: s.read(999999))
    refused("invalid_input", lambda: s.server("not_a_hostname"))
    refused("invalid_input", lambda: s.server("py-bad", image=Image(name="debian-99")))
    server = s.server("py-twice")
    refused("uniqueness_error", lambda: s.server("py-twice"))
    refused("invalid_input", lambda: server.update(labels={"ö": "x"}))
    wrong = hcloud.Client("wrong", api_endpoint=s.c._client._endpoint)
    refused("unauthorized", lambda: wrong.servers.get_by_id(server.id or 0))
    s.drop(server)


CASES = {name.removeprefix("case_"): one for name, one in globals().items() if "case_" in name[:5]}


@pytest.mark.parametrize("name", CASES)
def test_case(api: ApiServer, name: str) -> None:
    """The case of this name holds through the vendor's Python client."""
    CASES[name](Suite(api.client()))
