"""The examples in the documentation are true: commands exist, declarations are accepted."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from backplane.declaration import parse
from backplane.mistakes import DeclarationError
from backplane.policy import RULES
from backplane.render.export import FORMATS
from scripts import cli
from tests.core import contracts, exported, golden

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md"))
    if path.name != "LICENSE.md"
)
_FENCE = re.compile(r"^ *```(\w+)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\]\((?!https?://)([^)#]+)")
_BACKPLANE = re.compile(r"(?:^|[\s;&(\"'`])(?:\.venv/bin/)?backplane ([a-z]+(?: [a-z]+)?)")


def blocks(language: str) -> list[tuple[str, str]]:
    """Every fenced block of a language in every page, as (page, text without its indent)."""
    found = []
    for page in PAGES:
        for kind, text in _FENCE.findall(page.read_text()):
            if kind == language:
                indent = len(text) - len(text.lstrip(" "))
                lines = [line[indent:] for line in text.splitlines()]
                found.append((str(page.relative_to(ROOT)), "\n".join(lines) + "\n"))
    return found


def verbs_in(text: str) -> set[tuple[str, ...]]:
    """Every `backplane VERB [SUBCOMMAND]` that a text names."""
    return {tuple(words.split()) for words in _BACKPLANE.findall(text)}


def _help(words: tuple[str, ...]) -> int:
    arguments = [*words, "--help"]
    return CliRunner().invoke(cli.build(arguments), arguments).exit_code


def test_there_are_examples() -> None:
    """The pages have shell, YAML and JSON blocks, so the tests below look at something."""
    assert len(blocks("sh")) >= 5
    assert len(blocks("yaml")) >= 3
    assert len(blocks("json")) >= 2


@pytest.mark.parametrize(("page", "text"), blocks("sh"))
def test_shell_examples_are_shell(page: str, text: str) -> None:
    """Bash reads each block, each line is a command, and each `make` target exists."""
    assert subprocess.run(["bash", "-n"], input=text, text=True, check=False).returncode == 0, page
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for line in text.splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["make"]:
            assert set(words[1:]) <= targets, f"{page}: {line}"


def test_every_verb_in_the_pages_exists() -> None:
    """Each `backplane ...` in a shell block or in backticks answers `--help`; a wrong one fails."""
    texts = [text for _, text in blocks("sh")]
    texts += [span for page in PAGES for span in _SPAN.findall(page.read_text())]
    named = {words for text in texts for words in verbs_in(text)}
    assert {("verify",), ("tunnel", "up"), ("lab", "up")} <= named
    for words in sorted(named):
        assert words[0] in cli.verbs(), words
        group = len(words) == 2 and words[0] in {"lab", "tunnel"}
        assert _help(words if group else words[:1]) == 0, words
    assert _help(("tunnel", "sideways")) == 2


def test_declarations_in_the_pages_are_accepted() -> None:
    """Each YAML example with a mesh is one that the program takes; a broken one it refuses."""
    meshes = []
    for page, text in blocks("yaml"):
        document = yaml.safe_load(text)
        if isinstance(document, dict) and "backplane:mesh" in document.get("config", {}):
            meshes.append((page, document["config"]["backplane:mesh"]))
    assert meshes
    whole = {"sites": {"fsn": {"id": 1, "location": "fsn1", "nodes": {"fsn-a": {"id": 1}}}}}
    for _, mesh in meshes:
        parse({**whole, **mesh})
    with pytest.raises(DeclarationError):
        parse({**whole, "fifth": True})


@pytest.mark.parametrize(("page", "text"), blocks("json"))
def test_json_examples_are_json(page: str, text: str) -> None:
    """Each JSON block can be read."""
    assert json.loads(text), page


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Each link to a file of this repository finds it."""
    for target in _LINK.findall(page.read_text()):
        assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_outputs_page_names_every_output() -> None:
    """`docs/outputs.md` lists exactly the outputs that the program exports."""
    exported = set(
        re.findall(r'pulumi\.export\(\s*"(\w+)"', (ROOT / "components/outputs.py").read_text())
    )
    page = (ROOT / "docs/outputs.md").read_text().partition("\n## ")[0]
    listed = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    assert listed == exported
    assert len(exported) >= 5


def test_the_policy_page_names_every_rule() -> None:
    """`docs/policy.md` lists exactly the rules that there are, in their order."""
    page = (ROOT / "docs/policy.md").read_text()
    listed = re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE)
    assert listed == [rule.id for rule in RULES]


def test_the_outputs_page_names_every_format_and_field() -> None:
    """`docs/outputs.md` has a line for each format, and every field of the contract somewhere."""
    page = (ROOT / "docs/outputs.md").read_text()
    formats = page.partition("## Formats")[2].partition("\n## ")[0]
    assert {*re.findall(r"^\| `(\w+)` \|", formats, re.MULTILINE)} == {*FORMATS}
    schema = json.loads((ROOT / "docs/outputs.schema.json").read_text())
    fields = {str(place[-1]) for place in contracts.fields(schema)}
    assert fields - {*re.findall(r"\w+", page)} == set()
    assert {"server_ids", "epochs"} <= fields


def test_the_examples_of_exports_can_be_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every `backplane export` line of the pages does its work on the outputs of an example."""
    monkeypatch.chdir(tmp_path)
    lines = [line for _, text in blocks("sh") for line in text.splitlines()]
    run = 0
    for words in (shlex.split(line, comments=True) for line in lines):
        if words[:2] == ["mkdir", "-p"]:
            Path(words[2]).mkdir(parents=True)
        if words[:2] == ["backplane", "export"]:
            source = str(golden.DIRECTORY / exported.DOCUMENT)
            if "--stack" in words:
                where = words.index("--stack")
                words[where : where + 2] = ["--from", source]
            done = CliRunner().invoke(cli.build(words[1:]), words[1:])
            assert done.exit_code == 0, (words, done.output)
            run += 1
    assert run >= 4
    assert {"inventory.yml", "outputs.json", "targets.json"} <= {*map(str, Path().iterdir())}
    assert CliRunner().invoke(cli.build(["export", "hosts"]), ["export", "x"]).exit_code == 2


def test_python_examples_are_python() -> None:
    """Each Python block compiles; a broken one does not."""
    found = blocks("python")
    assert found
    for page, text in found:
        compile(text, page, "exec")
    with pytest.raises(SyntaxError):
        compile("import pulumi as", "", "exec")
