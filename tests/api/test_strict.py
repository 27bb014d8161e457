"""What no vendor's client would send is refused, in Hetzner's shape; state outlives the server."""

import json
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.api.store import journal_path, read_journal
from tests.api_server import ApiServer, serving

SERVER = {"name": "s", "server_type": "cx23", "image": "debian-12"}
RULE = {
    "direction": "in", "protocol": "udp", "port": "51820-51823",
    "source_ips": ["0.0.0.0/0", "::/0"],
}  # fmt: skip


def error_of(api: ApiServer, method: str, path: str, **body: object) -> tuple[int, str, str]:
    """Status, code and message of a refusal, whose shape is checked."""
    answer = api.raw(method, path, body=body or None)
    found = answer.json()
    assert set(found) == {"error"}, found
    assert set(found["error"]) == {"code", "message", "details"}
    return answer.status_code, found["error"]["code"], found["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/volumes", 404, "not_found"),
        ("GET", "/servers/1/metrics", 404, "not_found"),
        ("POST", "/servers/1/actions/enable_backup", 404, "not_found"),
        ("GET", "/servers/name", 404, "not_found"),
        ("PATCH", "/servers/1", 405, "method_not_allowed"),
        ("HEAD", "/servers", 405, ""),
        ("DELETE", "/locations/1", 405, "method_not_allowed"),
        ("GET", "/servers?colour=red", 422, "invalid_input"),
        ("GET", "/servers?name=a&name=b", 422, "invalid_input"),
        ("GET", "/servers?page=0", 422, "invalid_input"),
        ("GET", "/servers?per_page=51", 422, "invalid_input"),
        ("GET", "/servers?sort=colour", 422, "invalid_input"),
        ("GET", "/servers?status=happy", 422, "invalid_input"),
        ("GET", "/servers?label_selector=a%3D%3D%3D", 422, "invalid_input"),
        ("GET", "/primary_ips?sort=name", 422, "invalid_input"),
        ("GET", "/actions", 410, "deprecated_api_endpoint"),
        ("GET", "/actions?id=x", 422, "invalid_input"),
        ("DELETE", "/images/1", 403, "forbidden"),
    ],
)
def test_unknown_paths_methods_and_queries(
    api: ApiServer, method: str, path: str, status: int, code: str
) -> None:
    """A path, method or query parameter that is not spoken is refused, never ignored."""
    answer = api.raw(method, path)
    assert answer.status_code == status
    if code:
        assert answer.json()["error"]["code"] == code


def test_known_ones_pass(api: ApiServer) -> None:
    """The same paths with what is spoken are answered: the refusals above are about the rest."""
    for path in ("/servers?name=a&page=1&per_page=50&sort=name:desc&status=off", "/actions?id=1"):
        assert api.raw("GET", path).status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/servers", {**SERVER, "colour": "red"}, "colour"),
        ("/servers", {**SERVER, "volumes": [1]}, "volumes"),
        ("/servers", {**SERVER, "networks": [1]}, "networks"),
        ("/servers", {**SERVER, "start_after_create": "yes"}, "start_after_create"),
        ("/servers", {**SERVER, "user_data": "x" * (32 * 1024 + 1)}, "user_data"),
        ("/servers", {**SERVER, "name": "-a"}, "name"),
        ("/servers", {**SERVER, "public_net": {"enable_ipv4": False, "ipv4": 1}}, "ipv4"),
        (
            "/servers",
            {**SERVER, "public_net": {"enable_ipv4": False, "enable_ipv6": False}},
            "public_net",
        ),
        ("/servers", {"name": "a"}, "image"),
        ("/ssh_keys", {"name": "k", "public_key": "no key"}, "public_key"),
        ("/placement_groups", {"name": "g", "type": "cluster"}, "type"),
        ("/primary_ips", {"name": "p", "type": "ipv4", "assignee_type": "server"}, "location"),
        ("/firewalls", {"name": "f", "rules": [{**RULE, "port": None}]}, "port"),
        ("/firewalls", {"name": "f", "rules": [{**RULE, "port": "9-1"}]}, "port"),
        ("/firewalls", {"name": "f", "rules": [{**RULE, "source_ips": []}]}, "source_ips"),
        ("/firewalls", {"name": "f", "rules": [{**RULE, "source_ips": ["10.0.0.1/8"]}]}, "source"),
        ("/firewalls", {"name": "f", "rules": [{**RULE, "direction": "out"}]}, "destination_ips"),
        ("/firewalls", {"name": "f", "rules": [{**RULE, "protocol": "icmp"}]}, "port"),
        ("/firewalls", {"name": "f", "rules": [RULE] * 51}, "rules"),
        ("/firewalls", {"name": "f", "rules": [{**RULE, "colour": "red"}]}, "colour"),
    ],
)
def test_unknown_and_malformed_fields(
    api: ApiServer, path: str, body: dict[str, object], field: str
) -> None:
    """A field that is unknown or malformed is named in the refusal, and nothing is made."""
    status, code, message = error_of(api, "POST", path, **body)
    assert (status, code) == (422, "invalid_input")
    assert field in message
    assert api.raw("GET", path).json()["meta"]["pagination"]["total_entries"] == 0


def test_body_where_none_belongs(api: ApiServer) -> None:
    """An action without parameters takes an empty body and no other; broken JSON is told."""
    assert error_of(api, "POST", "/servers/1/actions/poweron", colour="red")[1] == "invalid_input"
    assert error_of(api, "POST", "/servers/1/actions/poweron")[1] == "not_found"
    broken = api.raw("POST", "/servers", data="{")
    assert (broken.status_code, broken.json()["error"]["code"]) == (400, "json_error")


@pytest.mark.parametrize("token", ["", "wrong", "x" * 64])
def test_wrong_token(api: ApiServer, token: str) -> None:
    """Without the project's token everything known is refused."""
    answer = api.raw("GET", "/servers", token=token)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized")


@pytest.mark.parametrize("kill", [False, True])
def test_state_outlives_the_server(tmp_path: Path, *, kill: bool) -> None:
    """After an end or a crash every answer is what it was, and ids are not used again."""
    with serving(tmp_path) as api:
        api.raw("POST", "/firewalls", body={"name": "f", "rules": [RULE]})
        made = api.raw("POST", "/servers", body={**SERVER, "user_data": "secret"}).json()
        client = api.client()
        client.actions.get_by_id(made["action"]["id"]).wait_until_finished()
        paths = ("/servers", "/firewalls", "/primary_ips", "/servers/actions")
        before = [api.raw("GET", path).json() for path in paths]
        api.stop(kill=kill)
        assert stat.S_IMODE(api.state.stat().st_mode) == 0o600
        api.start()
        assert [api.raw("GET", path).json() for path in paths] == before
        key = {"name": "g", "type": "spread"}
        fresh = api.raw("POST", "/placement_groups", body=key).json()["placement_group"]["id"]
        assert fresh > max(one["id"] for one in before[3]["actions"])


def test_journal_tells_every_rule_set(tmp_path: Path) -> None:
    """Every posted set of rules and every set in force stays readable, without the server."""
    with serving(tmp_path) as api:
        client = api.client()
        wall = client.firewalls.create("f").firewall
        open_one = client.servers.get_by_name("s")
        assert open_one is None
        made = api.raw("POST", "/servers", body={**SERVER, "firewalls": [{"firewall": wall.id}]})
        client.actions.get_by_id(made.json()["action"]["id"]).wait_until_finished()
        for port in ("22", "51820-51823"):
            body = {"rules": [{**RULE, "port": port}]}
            done = api.raw("POST", f"/firewalls/{wall.id}/actions/set_rules", body=body).json()
            for action in done["actions"]:
                client.actions.get_by_id(action["id"]).wait_until_finished()
        server = client.servers.get_by_name("s")
        assert server is not None
        server.delete().wait_until_finished()
    entries = list(read_journal(api.state))
    ports = {
        event: [[rule["port"] for rule in one["rules"]] for one in entries if one["event"] == event]
        for event in ("posted", "in_force")
    }
    assert ports == {
        "posted": [[], ["22"], ["51820-51823"]],
        "in_force": [[], ["22"], ["51820-51823"]],
    }
    assert entries[-1]["event"] == "gone"
    assert [one["time"] for one in entries] == sorted(one["time"] for one in entries)
    assert stat.S_IMODE(journal_path(api.state).stat().st_mode) == 0o600
    assert list(read_journal(tmp_path / "none")) == []


# The fields of Hetzner's API description by kind: required ones, trimmed to what clients read.
SHAPES = {
    "servers": "id name status created public_net private_net server_type datacenter location image"
    " iso rescue_enabled locked backup_window outgoing_traffic ingoing_traffic included_traffic"
    " protection labels volumes load_balancers primary_disk_size placement_group",
    "firewalls": "id name labels created rules applied_to",
    "primary_ips": "id name labels created blocked ip type protection dns_ptr assignee_type"
    " assignee_id auto_delete datacenter location",
    "networks": "id name labels created ip_range subnets routes servers load_balancers protection"
    " expose_routes_to_vswitch",
    "placement_groups": "id name labels type servers created",
    "ssh_keys": "id name fingerprint public_key labels created",
    "images": "id type status name description image_size disk_size created created_from bound_to"
    " os_flavor os_version rapid_deploy protection deprecated deleted labels architecture",
    "locations": "id name description country city latitude longitude network_zone",
    "server_types": "id name description category cores memory disk storage_type cpu_type"
    " architecture deprecated deprecation prices locations",
}
_NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,20}[a-z0-9]", fullmatch=True)
_LABELS = st.dictionaries(_NAMES, _NAMES, max_size=3)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(name=_NAMES, labels=_LABELS, port=st.integers(1, 65535), start=st.booleans())
def test_answers_have_hetzners_shape(
    api: ApiServer, name: str, labels: dict[str, str], port: int, *, start: bool
) -> None:
    """Whatever is made, every list holds exactly the documented fields, and gives input back."""
    wall = api.raw(
        "POST",
        "/firewalls",
        body={"name": name, "labels": labels, "rules": [{**RULE, "port": str(port)}]},
    ).json()["firewall"]
    made = api.raw(
        "POST",
        "/servers",
        body={
            **SERVER,
            "name": name,
            "labels": labels,
            "start_after_create": start,
            "firewalls": [{"firewall": wall["id"]}],
        },
    ).json()
    api.client().actions.get_by_id(made["action"]["id"]).wait_until_finished()
    try:
        for kind, fields in SHAPES.items():
            answer = api.raw("GET", f"/{kind}").json()
            assert set(answer) == {kind, "meta"}
            for one in answer[kind]:
                assert set(one) == set(fields.split()), kind
        server = api.raw("GET", f"/servers/{made['server']['id']}").json()["server"]
        assert (server["name"], server["labels"]) == (name, labels)
        assert server["status"] == ("running" if start else "off")
        assert json.loads(json.dumps(wall["rules"][0])) == {
            **RULE, "port": str(port), "destination_ips": [], "description": None,
        }  # fmt: skip
    finally:
        gone = api.raw("DELETE", f"/servers/{made['server']['id']}").json()["action"]
        api.client().actions.get_by_id(gone["id"]).wait_until_finished()
        assert api.raw("DELETE", f"/firewalls/{wall['id']}").status_code == 204
