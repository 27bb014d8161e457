"""The verb `policy`: where it reads, what it prints, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from backplane.policy import RULES, of_preview
from scripts import _policy, cli
from scripts._problem import Problem
from tests.core.resources import ANYWHERE, FIREWALL, FOUR, SERVER, inbound, urn

KEY = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="
ROOT = "pulumi:pulumi:Stack"


def state(*rules: object, **server: Any) -> dict[str, Any]:  # noqa: ANN401 - any input
    """A state of one firewall and one server."""
    inputs = {"firewallIds": [7], **server}
    return {
        "deployment": {
            "resources": [
                {
                    "urn": urn(ROOT, "backplane-lab"),
                    "type": ROOT,
                    "outputs": {"plan": {"protect": False, "nodes": {}}},
                },
                {
                    "urn": urn(FIREWALL, "fsn-firewall"),
                    "type": FIREWALL,
                    "id": "7",
                    "inputs": {"rules": [*FOUR, *rules]},
                },
                {"urn": urn(SERVER, "fsn-a-server"), "type": SERVER, "inputs": inputs},
            ]
        }
    }


def preview(document: dict[str, Any]) -> dict[str, Any]:
    """The same as a preview that makes it all."""
    resources = document["deployment"]["resources"]
    return {
        "config": {"backplane:mesh": json.dumps({"protect": False})},
        "steps": [{"op": "create", "urn": one["urn"], "newState": one} for one in resources],
    }


def ask(*words: str) -> tuple[int, str, str]:
    """Run the verb: exit code, what it printed, what it complained."""
    arguments = ["policy", *words]
    done = CliRunner().invoke(cli.build(arguments), arguments)
    return done.exit_code, done.stdout, done.stderr


def written(tmp_path: Path, document: object) -> str:
    """A file with a document."""
    path = tmp_path / "document.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return str(path)


@pytest.mark.parametrize("kind", ["state", "preview"])
def test_an_open_port_ends_with_one_and_says_all(kind: str, tmp_path: Path) -> None:
    """Where, what, rule and fix of TCP 22; without it the same document ends with 0."""
    for rules, expected in (((), 0), ((inbound("tcp", "22"),), 1)):
        document = state(*rules) if kind == "state" else preview(state(*rules))
        code, out, _ = ask(f"--{kind}", written(tmp_path, document))
        assert code == expected
    assert f"x fsn-firewall: TCP is open to the internet: tcp 22 from {', '.join(ANYWHERE)}" in out
    assert f"    where {urn(FIREWALL, 'fsn-firewall')}" in out
    assert "    rule  no-public-tcp" in out
    assert "    fix   take the rule away" in out
    assert "not ok: 3 resources of stack lab, 10 rules, 2 violations" in out


def test_json_tells_the_same(tmp_path: Path) -> None:
    """Every rule with its counts, every finding with where, what, rule and fix."""
    path = written(tmp_path, state(inbound("tcp", "22"), userData="04da6b54-80e4-46f7-96ec-"
                                   "b56ff0331ba9"))  # fmt: skip
    code, out, _ = ask("--state", path, "--json")
    told = json.loads(out)
    assert code == 1
    assert told["ok"] is False
    assert (told["stack"], told["resources"], told["whole"]) == ("lab", 3, True)
    assert [rule["id"] for rule in told["rules"]] == [rule.id for rule in RULES]
    counts = {rule["id"]: (rule["violations"], rule["unknown"]) for rule in told["rules"]}
    assert {rule: count for rule, count in counts.items() if any(count)} == {
        "inbound-ports": (1, 0),
        "no-public-tcp": (1, 0),
        "secret-inputs": (0, 1),
    }
    for one in told["findings"]:
        assert set(one) == {"kind", "where", "what", "rule", "fix"}
        assert set(one["where"]) == {"urn", "name"}


def test_what_is_unknown_is_named_and_is_no_violation(tmp_path: Path) -> None:
    """Named by rule, some resources of it, and counted at the end; the exit code is 0."""
    told = _policy.verdict(_policy._world(
        json.dumps(preview(state(userData="04da6b54-80e4-46f7-96ec-b56ff0331ba9"))),
        where="x", read=of_preview,
    ))  # fmt: skip
    lines = _policy.lines(told)
    assert "? secret-inputs: fsn-a-server: userData is not known yet" in lines
    assert lines[-1].startswith("ok: 3 resources")
    assert lines[-1].endswith("0 violations, 1 values that only `pulumi up` will tell")
    told["findings"] *= 6
    assert any(line.endswith("; and 2 more") for line in _policy.lines(told))
    document = preview(state(userData="04da6b54-80e4-46f7-96ec-b56ff0331ba9"))
    assert ask("--preview", written(tmp_path, document))[0] == 0


def test_no_value_of_a_property_is_printed(tmp_path: Path) -> None:
    """A key in plain is found by its place, in words and in JSON, and shown in neither."""
    path = written(tmp_path, state(userData=f"PrivateKey = {KEY}", labels={"psk": KEY}))
    for more in ((), ("--json",)):
        code, out, err = ask("--state", path, *more)
        assert code == 1
        assert "labels.psk" in out
        assert "userData is not marked secret" in out
        assert KEY not in out + err


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ("no json at all", "neither a preview nor a state"),
        ("[]", "no exported state"),
        ('{"deployment": {"resources": [{}]}}', "neither a preview nor a state"),
        ('{"steps": []}', "no exported state"),
    ],
)
def test_what_is_no_state_ends_with_two(document: str, why: str, tmp_path: Path) -> None:
    """Nothing on stdout, labelled lines on stderr, and never a pass."""
    code, out, err = ask("--state", written(tmp_path, document))
    assert (code, out) == (2, "")
    for label in ("where ", "what ", "why ", "fix "):
        assert f"  {label}" in err
    assert why in err


def test_a_file_that_is_not_there_and_two_sources_end_with_two(tmp_path: Path) -> None:
    """Wrong usage is 2 as everywhere."""
    assert ask("--preview", str(tmp_path / "none"))[0] == 2
    path = written(tmp_path, state())
    assert ask("--state", path, "--stack", "lab")[0] == 2
    assert ask("--state", path, "--preview", path)[0] == 2
    assert ask("--state", path)[0] == 0


def test_without_a_file_the_stack_is_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    """By name or the selected one, never with its secrets shown; without pulumi it ends with 2."""
    asked: list[tuple[str, ...]] = []

    def pulumi(*words: str, where: str, what: str) -> str:
        del what
        asked.append((*words, where))
        return json.dumps(state(inbound("tcp", "22")))

    monkeypatch.setattr(_policy, "pulumi", pulumi)
    monkeypatch.setattr(_policy, "selected", lambda stack: stack or "chosen")
    assert ask("--stack", "lab")[0] == 1
    assert ask()[0] == 1
    assert asked == [
        ("stack", "export", "--stack", name, f"stack {name}") for name in ("lab", "chosen")
    ]

    def none(*words: str, where: str, what: str) -> str:
        del words
        raise Problem(where=where, what=what, why="there is no `pulumi` on PATH", fix="get it")

    monkeypatch.setattr(_policy, "pulumi", none)
    code, out, err = ask("--stack", "lab")
    assert (code, out) == (2, "")
    assert "there is no `pulumi`" in err
