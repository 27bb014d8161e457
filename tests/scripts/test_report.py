"""`backplane report`: two files are enough, and it says so when they are not what they must be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from scripts import cli
from tests.core import example, named

Json = dict[str, Any]


def _file(folder: Path, name: str, raw: Json | None) -> Path:
    path = folder / name
    path.write_text(yaml.safe_dump({"config": {"backplane:mesh": raw} if raw else {}}))
    return path


def _run(*words: object) -> Result:
    arguments = ["report", *map(str, words)]
    return CliRunner().invoke(cli.build(arguments), arguments)


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file before, on a machine without an engine, a state, a passphrase or a token."""
    for name in ("PULUMI_CONFIG_PASSPHRASE", "PULUMI_BACKEND_URL", "HCLOUD_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", "/nonexistent")
    return _file(tmp_path, "Pulumi.prod.yaml", example.raw())


def test_two_files_are_all_it_needs(base: Path, tmp_path: Path) -> None:
    """The stack is called as the file is; the report goes where it is told to."""
    raw = example.raw()
    raw["sites"]["hel"]["nodes"]["hel-c"] = {"id": 3}
    head, output = tmp_path / "head", tmp_path / "report.md"
    head.mkdir()
    proposed = _file(head, "Pulumi.prod.yaml", raw)
    done = _run("--base", base, "--head", proposed, "--output", output)
    assert (done.exit_code, done.output) == (0, "")
    text = output.read_text()
    assert text.startswith("<!-- backplane report: prod -->\n## Backplane: prod\n")
    assert "| **Added** | 1 node: hel-c |" in text
    told = json.loads(_run("--base", base, "--head", proposed, "--json").output)
    assert [node["name"] for node in told["change"]["nodes"]] == ["hel-c"]


def test_a_base_that_is_not_there_is_a_first_deployment(base: Path, tmp_path: Path) -> None:
    """No file, or a file without a mesh."""
    for before in (tmp_path / "none.yaml", _file(tmp_path, "Pulumi.x.yaml", None)):
        done = _run("--base", before, "--head", base)
        assert done.exit_code == 0
        assert "against nothing: there was no mesh before" in done.output
        assert "4 nodes: fsn-a, fsn-b, hel-a, hel-b" in done.output


def test_mistakes_are_the_report_and_the_exit_code(base: Path, tmp_path: Path) -> None:
    """A reviewer reads what `pulumi up` would say; the check is red."""
    wrong = example.raw()
    wrong["sites"]["fsn"]["nodes"]["fsn-a"]["roles"] = ["webserver"]
    head = _file(tmp_path, "Pulumi.head.yaml", wrong)
    done = _run("--base", base, "--head", head)
    assert done.exit_code == 1
    assert "is not valid" in done.output
    assert "unknown role `webserver`" in done.output
    told = json.loads(_run("--base", base, "--head", head, "--json").output)
    assert "unknown role" in told["mistakes"]


def test_the_engines_preview_is_told_of_as_well(base: Path, tmp_path: Path) -> None:
    """What `pulumi preview --json` wrote; what is none of that is a problem."""
    document = {"steps": [], "changeSummary": {"create": 2, "same": 40}}
    path = tmp_path / "preview.json"
    path.write_text(json.dumps(document))
    words = ("--base", base, "--head", base, "--preview", path)
    assert "Resources: 2 to create." in _run(*words).output
    for text in ("{}", "no json", "[]"):
        path.write_text(text)
        done = _run(*words)
        assert done.exit_code == 1
        assert "it is no preview" in done.output


@pytest.mark.parametrize(
    "text",
    ["a: [", "[" * 5000, "x" * (5 << 20), "\x00", "a: 2026-99-99", "a: 1\na: 2", "9" * 6000, "{}"],
)
def test_a_file_that_cannot_be_read_is_the_report(base: Path, tmp_path: Path, text: str) -> None:
    """Whatever somebody proposes, there is a comment that says what is wrong with it."""
    head, output = tmp_path / "Pulumi.head.yaml", tmp_path / "out.md"
    head.write_text(text)
    done = _run("--base", base, "--head", head, "--output", output)
    assert (done.exit_code, done.output) == (1, "")
    assert "**What is proposed is not valid.**" in output.read_text()
    assert "Pulumi.head.yaml" in output.read_text()


def test_a_key_beside_the_declaration_is_told_by_its_name(base: Path, tmp_path: Path) -> None:
    """Where the cloud's API is, who decrypts the state: not a word of the values."""
    document = yaml.safe_load(base.read_text())
    document["config"]["hcloud:endpoint"] = "https://evil.example/v1"
    document["secretsprovider"] = "awskms://theirs"
    head = tmp_path / "Pulumi.head.yaml"
    head.write_text(yaml.safe_dump(document))
    text = _run("--base", base, "--head", head, "--stack", "prod").output
    assert "**`config.hcloud:endpoint` of the stack's file**" in text
    assert "**`secretsprovider` of the stack's file**" in text
    assert "evil" not in text
    assert "theirs" not in text


def test_a_base_with_mistakes_is_said_to_be_one(base: Path, tmp_path: Path) -> None:
    """Nothing can be compared with it; the head is well."""
    broken = _file(tmp_path, "Pulumi.base.yaml", {**named.raw(), "timer": 1})
    done = _run("--base", broken, "--head", base)
    assert done.exit_code == 1
    assert "the file before: its declaration has mistakes" in done.output


def test_the_month_before_and_after_is_told(base: Path, tmp_path: Path) -> None:
    """What has no price is named, until a file of one's own has it."""
    raw = example.raw()
    raw["sites"]["hel"]["nodes"]["hel-c"] = {"id": 3}
    head = _file(tmp_path, "head.yaml", raw)
    files = ("--base", base, "--head", head, "--stack", "prod")
    row = next(line for line in _run(*files).output.splitlines() if "Costs a month" in line)
    assert "at least 2.00 EUR → at least 2.50 EUR" in row
    assert "3 x cx23 in hel1" in row
    prices = tmp_path / "prices.yaml"
    prices.write_text("hetzner: {cx23: 4.50, ipv4: 0.50}")
    told = json.loads(_run(*files, "--prices", prices, "--json").output)["cost"]
    assert told.startswith("20.00 EUR → 25.00 EUR; ")
    assert "no price is known" not in told


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[1]", "it is no mapping of clouds"),
        ("azure: {x: 1}", "`azure` is none of aws, hetzner"),
        ("aws: 7", "`aws` is no mapping of things to prices"),
        ("aws: {t3.small: cheap}", "`aws.t3.small` is no price"),
        ("aws: {t3.small: true}", "`aws.t3.small` is no price"),
        ("aws: {t3.small: -1}", "`aws.t3.small` is no price"),
        ("aws: {t3.small: .inf}", "`aws.t3.small` is no price"),
        ("aws: {", "expected"),
    ],
)
def test_prices_that_are_none_are_refused(base: Path, tmp_path: Path, text: str, why: str) -> None:
    """No price becomes a zero: what is wrong with the file is said, and the code is 1."""
    prices = tmp_path / "prices.yaml"
    prices.write_text(text)
    done = _run("--base", base, "--head", base, "--stack", "prod", "--prices", prices)
    assert done.exit_code == 1
    assert "the prices cannot be read" in done.output
    assert why in done.output
