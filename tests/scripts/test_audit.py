"""`backplane audit`: vantages, exit codes, and who is told."""

from __future__ import annotations

import json
import re
import shlex
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from backplane.audit import heard, tell
from backplane.audit import order as orders
from scripts import _vantage, audit
from scripts._problem import Problem
from scripts._vantage import Vantage
from tests.core import exported
from tests.core.audits import ORDER, answered, dark
from tests.runner.fleet import FakeNode
from tests.scripts import fakes
from tests.scripts.knocks import HERE, OUTPUTS, Json, look, order

# Vantages


def test_ssh_asks_nothing_and_believes_no_strange_key() -> None:
    """The host is a word of its own behind `--`, and Python there gets the program on stdin."""
    place = _vantage.of("ssh:probe@host.example.org")
    assert place.command[0] == "ssh"
    options = [
        two for one, two in zip(place.command, place.command[1:], strict=False) if one == "-o"
    ]
    assert {"BatchMode=yes", "StrictHostKeyChecking=yes"} <= {*options}
    assert place.command[-3:] == ("--", "probe@host.example.org", "python3 -I -")


@pytest.mark.parametrize(
    "text",
    [
        "", "ssh:", "ssh:-oProxyCommand=id", "ssh:a b", "ssh:host;id", "ssh:u@-x", "somewhere",
        "lab:no-such-lab", "lab:../x", "labx",
    ],
)  # fmt: skip
def test_what_is_no_vantage_is_refused(text: str) -> None:
    """Options, commands, labs that are not up."""
    with pytest.raises(ValueError, match=r"vantage|lab"):
        _vantage.of(text)


_STRANGE = (
    "import sys; sys.stdin.read(); print('Host key verification failed.', file=sys.stderr); "
    "sys.exit(255)"
)


@pytest.mark.parametrize(
    ("program", "word"),
    [
        (_STRANGE, "Host key verification failed."),
        ("import sys; sys.exit(3)", "it ended with 3"),
        ("import time; time.sleep(60)", "not done after 1 s"),
    ],
)  # fmt: skip
def test_a_vantage_that_fails_is_told_in_words(program: str, word: str) -> None:
    """Its last words, its exit code, or that it took too long."""
    place = Vantage(name="ssh:x", command=(sys.executable, "-c", program))
    with pytest.raises(Problem) as caught:
        _vantage.look(place, order(), 1 if "sleep" in program else 30, lambda *_: None)
    assert word in caught.value.why
    gone = Vantage(name="ssh:x", command=("no-such-program",))
    with pytest.raises(Problem, match="nothing could be looked at"):
        _vantage.look(gone, order(), 5, lambda *_: None)


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_an_endless_vantage_is_cut_off(stream: str) -> None:
    """Neither memory nor time: what is too long is not read to its end, nor is it kept."""
    endless = f"import sys\nwhile True: sys.{stream}.write('x' * 65536)"
    place = Vantage(name="ssh:x", command=(sys.executable, "-c", endless))
    tracemalloc.start()
    try:
        with pytest.raises(Problem):
            _vantage.look(place, order(), 2, lambda *_: None)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 5 * heard.MOST


# The verb


def _run(monkeypatch: pytest.MonkeyPatch, told: Json, *words: str) -> Any:  # noqa: ANN401
    """Run the verb on the golden outputs, at a vantage that tells this."""
    monkeypatch.setattr(_vantage, "look", lambda *_: json.dumps(told))
    app = typer.Typer()
    app.command()(audit.main)
    return CliRunner().invoke(app, ["--outputs", str(OUTPUTS), *words], env={"NO_COLOR": "1"})


def test_dark_is_0_a_finding_and_blindness_are_1(monkeypatch: pytest.MonkeyPatch) -> None:
    """People read which it is; what is said to them is said why, and how to mend it."""
    done = _run(monkeypatch, dark())
    assert (done.exit_code, "dark: 0 findings" in done.output) == (0, True)
    done = _run(monkeypatch, {**dark(), "answers": [answered()]})
    assert done.exit_code == 1
    for word in ("not dark: 1 findings", "tcp 22 accepts connections", "why", "fix"):
        assert word in done.output
    done = _run(monkeypatch, {**dark(), "controls": []})
    assert done.exit_code == 1
    assert "cannot say: tcp over ipv4: no control answered before" in done.output


def test_programs_get_json(monkeypatch: pytest.MonkeyPatch) -> None:
    """On stdout alone; the estimate is on stderr."""
    done = _run(monkeypatch, {**dark(), "answers": [answered()]}, "--json")
    verdict = json.loads(done.stdout)
    assert (verdict["ok"], verdict["able"], len(verdict["findings"])) == (False, True, 1)
    assert "knocks on" in done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("--from", "ssh:-x"),
        ("--without", "sight"),
        ("--ports", "0"),
        ("--control", "host"),
        ("--control", "host:0"),
        ("--control", "a b:1"),
        ("--rate", "0"),
        ("--rate", "1000"),
        ("--tell", "fsn-a"),
    ],
)
def test_wrong_usage_is_2(monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]) -> None:
    """And nothing is knocked on."""
    monkeypatch.setattr(audit, "_look", lambda *_: pytest.fail("it looked"))
    assert _run(monkeypatch, dark(), *words).exit_code == 2


def test_a_liar_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a vantage tells about others ends in words, not in a report."""
    done = _run(monkeypatch, {**dark(), "answers": [answered(address="192.0.2.77")]})
    assert done.exit_code == 1
    assert isinstance(done.exception, Problem)
    assert "192.0.2.77" in done.exception.why


def test_files_are_written_whole_and_for_everybody(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Metrics replace what was there, and leave nothing beside; Markdown is added."""
    metrics, report = tmp_path / "audit.prom", tmp_path / "summary.md"
    metrics.write_text("old")
    report.write_text("# before\n")
    words = ("--metrics", str(metrics), "--markdown", str(report))
    assert _run(monkeypatch, {**dark(), "answers": [answered()]}, *words).exit_code == 1
    assert 'backplane_audit_findings{node="fsn-a",kind="tcp"} 1\n' in metrics.read_text()
    assert metrics.stat().st_mode & 0o777 == 0o644
    assert {path.name for path in tmp_path.iterdir()} == {"audit.prom", "summary.md"}
    assert report.read_text().startswith("# before\n## Seen from outside (local)\n")


def test_who_cannot_be_told_keeps_nobody_from_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """The verdict is printed first; that the node was not told is a failure all the same."""

    def gone(*_: object) -> None:
        raise Problem(where="fsn-a", what="it is away", why="", fix="")

    monkeypatch.setattr(audit, "_tell_node", gone)
    monkeypatch.setattr(audit, "plain", lambda _stack: exported.document())
    monkeypatch.setattr(_vantage, "look", lambda *_: json.dumps(dark()))
    app = typer.Typer()
    app.command()(audit.main)
    done = CliRunner().invoke(app, ["--tell", "fsn-a", "--json"])
    assert (done.exit_code, json.loads(done.stdout)["ok"]) == (1, True)
    assert str(done.exception) == "it is away"


def test_a_node_is_told_over_ssh() -> None:
    """By one call, with counts and nothing else."""
    got: list[Json] = []

    def take(_self: FakeNode, request: Json) -> Json:
        got.append(request)
        return {}

    request = {"at": 1, "able": True, "findings": {"n000": {"tcp": 1}}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FakeNode, "do_audited", take, raising=False)
        fakes.among(1, lambda _: None, lambda keys: audit.hand(keys, "n000", request))
    assert got == [request]


def test_an_order_is_what_the_program_takes() -> None:
    """The core's order runs, and its answer is read by the core again."""
    outputs = exported.outputs()
    whole = orders.of(outputs, without=["ipv6", "names"], ports="1", controls=[(HERE, 1)])
    told = look({**whole.document, "addresses": [], "resolver": HERE, "patience": 0.2})
    assert heard.read(json.dumps(told), whole).sent == 0
    assert tell.METRICS
    assert ORDER.document["version"] == told["version"]


def test_the_examples_of_the_runbook_can_be_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Every line with `backplane audit` is one that the verb takes, and does what it says."""
    told: list[str] = []
    page = (Path(__file__).parents[2] / "docs/runbooks/audit.md").read_text()
    fenced = "\n".join(re.findall(r"```sh\n(.*?)```", page, re.DOTALL))
    lines = [shlex.split(line, comments=True) for line in fenced.splitlines() if line]
    document = exported.document()
    monkeypatch.setattr(audit, "plain", lambda _stack: document)
    monkeypatch.setattr(audit, "_tell_node", lambda _stack, node, _request: told.append(node))
    of = _vantage.of
    lab = Vantage(name="lab", command=("false",))
    monkeypatch.setattr(_vantage, "of", lambda text: lab if text == "lab" else of(text))
    app = typer.Typer()
    app.command()(audit.main)
    for words in lines:
        given = words[words.index("audit") + 1 :]
        given = [str(tmp_path / Path(one).name) if one.endswith(".prom") else one for one in given]
        less = given[given.index("--without") + 1].split(",") if "--without" in given else []
        order = orders.of(exported.outputs(), without=less)
        monkeypatch.setattr(_vantage, "look", lambda *_, order=order: json.dumps(dark(order)))
        done = CliRunner().invoke(app, given, env={"NO_COLOR": "1"})
        assert done.exit_code == 0, (words, done.output)
    assert len(lines) >= 7
    assert told == ["hel-b" if "hel-b" in document["nodes"] else ""]
    assert (tmp_path / "backplane_audit.prom").exists()
