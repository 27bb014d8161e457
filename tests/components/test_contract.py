"""What the program exports keeps the contract of its plain outputs, field by field."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from backplane import contract
from backplane.contract import ContractError
from tests.components.clouds import SHAPES
from tests.components.recorder import Recorder, run
from tests.core import contracts, example, exported, golden

SCHEMA: dict[str, Any] = json.loads(
    (golden.DIRECTORY.parents[1] / "docs" / "outputs.schema.json").read_text(encoding="utf-8")
)
FIELDS = sorted({*contracts.names(contracts.inlined(SCHEMA))})
GENERATION = "0123456789abcdef"


def _plain(recorded: Recorder) -> dict[str, Any]:
    """The plain outputs as JSON gives them back."""
    secret = recorded.secret_outputs
    plain = {name: value for name, value in recorded.outputs.items() if name not in secret}
    document: dict[str, Any] = json.loads(json.dumps(plain))
    return document


def test_the_plain_outputs_are_the_contracts(lab: Recorder, kept: Recorder) -> None:
    """Exactly its fields are exported in plain sight, and the models take them as they are."""
    for recorded in (lab, kept):
        document = _plain(recorded)
        assert {*document} == {*SCHEMA["properties"]}
        assert json.loads(contract.text(contract.parse(document))) == document


def test_the_example_of_the_exports_is_what_the_program_exports() -> None:
    """`tests/golden/export/outputs.json`, but for generations, which follow every bundle."""
    document = _plain(run(exported.raw()))
    for node in document["nodes"].values():
        node["generation"] = GENERATION
    golden.compare(exported.DOCUMENT, contract.as_json(document))


@pytest.mark.parametrize("cloud", sorted(SHAPES))
def test_the_plain_outputs_are_the_contracts_on_every_cloud(cloud: str) -> None:
    """Ids and addresses of each are taken; a site's firewall is there if its cloud has one."""
    shape = SHAPES[cloud]
    told = contract.parse(_plain(run(shape.mesh())))
    assert {site.cloud for site in told.plan.sites.values()} == {cloud}
    assert {*told.firewall_ids} == ({*told.plan.sites} if shape.walls else set())


@pytest.fixture(scope="module")
def linked() -> Recorder:
    """A routed mesh, whose gateways have links, with a segment."""
    lan = {"id": 1, "nodes": ["fsn-c", "hel-c"]}
    return run({**example.routed(), "segments": {"lan": lan}})


def test_links_and_owners_are_told_from_both_ends(linked: Recorder) -> None:
    """Each link stands at both gateways, and each ordered pair of sites has a gateway."""
    plan = contract.parse(_plain(linked)).plan
    ends = {(name, one.peer): one for name, node in plan.nodes.items() for one in node.links}
    assert len(ends) == 20
    for (name, peer), one in ends.items():
        back = ends[peer, name]
        assert (one.addresses, one.peer_addresses) == (back.peer_addresses, back.addresses)
        assert one.site == plan.nodes[peer].site
    assert plan.owners == {
        "fsn": {"hel": "fsn-b", "nbg": "fsn-a"},
        "hel": {"fsn": "hel-b", "nbg": "hel-b"},
        "nbg": {"fsn": "nbg-a", "hel": "nbg-a"},
    }
    slots = {name: node.slot for name, node in plan.nodes.items() if node.slot is not None}
    assert slots == {"fsn-a": 0, "fsn-b": 1, "hel-a": 0, "hel-b": 1, "nbg-a": 0}


def test_a_mesh_has_neither(lab: Recorder) -> None:
    """No link, no slot, no owner."""
    plan = contract.parse(_plain(lab)).plan
    assert plan.owners == {}
    assert all(node.slot is None and node.links == [] for node in plan.nodes.values())


@pytest.mark.parametrize("field", FIELDS)
def test_no_field_may_go_move_or_change_its_type(
    lab: Recorder, linked: Recorder, field: str
) -> None:
    """Outputs without it, with it under another name or with another kind of value are refused."""
    told = (_plain(lab), _plain(linked))
    document = next(one for one in told if field in contracts.places(SCHEMA, one))
    place = contracts.places(SCHEMA, document)[field]
    contract.parse(document)
    for change in ("gone", "renamed", "retyped"):
        changed = copy.deepcopy(document)
        owner, name = contracts.at(changed, place[:-1]), place[-1]
        value = owner.pop(name)
        if change == "renamed":
            owner[f"{name}_new"] = value
        if change == "retyped":
            owner[name] = 7 if isinstance(value, str) or value is None else "seven"
        with pytest.raises(ContractError):
            contract.parse(changed)


def test_new_fields_are_taken_everywhere(lab: Recorder) -> None:
    """A field that this version does not know is no mistake in any object, and is passed on."""
    document = _plain(lab)
    models = {place[:-1] for place in contracts.places(SCHEMA, document).values() if place[:-1]}
    for place in models:
        contracts.at(document, place)["colour"] = "red"
    assert len(models) >= 10
    assert json.loads(contract.text(contract.parse(document))) == document


def test_each_node_has_the_id_of_its_machine(lab: Recorder, kept: Recorder) -> None:
    """`server_ids` has every node, retired and offline ones too, each another machine's."""
    for recorded in (lab, kept):
        ids = {
            urn.rpartition("::")[2].removesuffix("-server"): made.id
            for urn, made in recorded.resources.items()
            if urn.endswith("-server")
        }
        assert recorded.outputs["server_ids"] == ids
        assert len({*ids.values()}) == 4
