"""What the workflows' scripts do, with programs in the places of those that they call."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.core import example
from tests.gate import tree

SCRIPTS = tree.ROOT / ".github" / "scripts"

_RECORDS = """\
#!/bin/bash
{{ printf '%s' "${{0##*/}}"; printf ' %q' "$@"; echo; }} >>{log}
{more}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """A folder to run a script in, with programs that write down what they are asked.

    Attributes:
        folder: where it runs.
        log: what was asked, a line each.
    """

    folder: Path
    log: Path

    def program(self, name: str, more: str = "") -> None:
        """Put a program in the place of a real one."""
        path = self.folder / "bin" / name
        path.write_text(_RECORDS.format(log=self.log, more=more))
        path.chmod(0o755)

    def run(self, script: str, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a script of the workflows."""
        environment = {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "BACKPLANE": "backplane",
            "GITHUB_REPOSITORY": "us/mesh",
            **more,
        }
        return subprocess.run(
            [str(SCRIPTS / script), *words],
            cwd=self.folder, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def asked(self) -> list[str]:
        """What programs were asked so far."""
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """An empty one."""
    (tmp_path / "bin").mkdir()
    return Bench(folder=tmp_path, log=tmp_path / "log")


def _stacks(folder: Path, **stacks: object) -> None:
    folder.mkdir()
    for name, mesh in stacks.items():
        text = yaml.safe_dump({"config": {"backplane:mesh": mesh}})
        (folder / f"Pulumi.{name}.yaml").write_text(text)


def test_report_tells_of_each_stack_that_differs(bench: Bench) -> None:
    """With the real `backplane`: changed, new, gone, not valid; a link is not followed."""
    grown = example.raw()
    grown["sites"]["hel"]["nodes"]["hel-c"] = {"id": 3}
    base, head = bench.folder / "base", bench.folder / "head"
    _stacks(base, same=example.raw(), prod=example.raw(), old=example.raw(), linked=example.raw())
    _stacks(head, same=example.raw(), prod=grown, new=example.raw(), wrong={"sites": 1})
    (head / "Pulumi.linked.yaml").symlink_to("/etc/passwd")
    (head / "Pulumi.x;id.yaml").write_text("config: {}")
    here = str(Path(sys.executable).with_name("backplane"))
    done = bench.run("report.sh", "base", "head", "out", BACKPLANE=here)
    assert done.returncode == 1, done.stderr
    told = {path.stem: path.read_text() for path in (bench.folder / "out").iterdir()}
    assert set(told) == {"prod", "new", "old", "wrong", "linked"}
    assert "| **Added** | 1 node: hel-c |" in told["prod"]
    assert "there was no mesh before" in told["new"]
    assert "The stack's file goes." in told["old"]
    assert "The stack's file is a link" in told["linked"]
    assert "is not valid" in told["wrong"]
    (head / "Pulumi.wrong.yaml").unlink()
    (head / "Pulumi.linked.yaml").unlink()
    assert bench.run("report.sh", "base", "head", "out", BACKPLANE=here).returncode == 0
    assert done.stdout.startswith("::stop-commands::")
    (bench.folder / "link").symlink_to("head")
    assert bench.run("report.sh", "base", "link", "out", BACKPLANE=here).returncode == 1


def _comments(bench: Bench, *rows: str) -> None:
    """The comments of ours that are there: id, kind and stack of each."""
    told = "".join(row.replace(" ", "\\t") + "\\n" for row in rows)
    bench.program("gh", f"case $* in *--paginate*) printf '{told}' ;; esac")


def test_a_comment_is_edited_where_there_is_one(bench: Bench) -> None:
    """And made where there is none, and taken away where nothing is to be said any more."""
    _comments(bench, "7 report prod", "9 report old", "8 preview prod")
    reports = bench.folder / "reports"
    reports.mkdir()
    for stack in ("prod", "staging"):
        (reports / f"{stack}.md").write_text(f"<!-- backplane report: {stack} -->\n## It\n")
    done = bench.run("comment.sh", "report", "reports", NUMBER="12")
    assert done.returncode == 0, done.stderr
    words = [re.sub(r"body=@\S+", "body", line) for line in bench.asked()[1:]]
    assert words == [
        "gh api --silent --method PATCH repos/us/mesh/issues/comments/7 --field body",
        "gh api --silent --method POST repos/us/mesh/issues/12/comments --field body",
        "gh api --silent --method DELETE repos/us/mesh/issues/comments/9",
    ]
    assert bench.run("comment.sh", "report", "reports", NUMBER="12; id").returncode == 2


def test_a_preview_of_one_stack_leaves_the_others_comments(bench: Bench) -> None:
    """Its own goes when there is nothing to say; its kind is another than the report's."""
    _comments(bench, "7 preview prod", "9 preview old")
    assert bench.run("comment.sh", "preview", "reports", "prod", NUMBER="1").returncode == 0
    assert bench.asked()[1:] == ["gh api --silent --method DELETE repos/us/mesh/issues/comments/7"]


@pytest.mark.parametrize(("engine", "policy"), [(0, 0), (0, 1), (255, 0)])
def test_a_preview_is_reported_though_it_fails(bench: Bench, engine: int, policy: int) -> None:
    """Report and policy read what the engine said; either failure is the job's."""
    bench.program("pulumi", f"echo '{{}}'; exit {engine}")
    bench.program("backplane", f"[ $2 != policy ] || {{ echo it finds; exit {policy}; }}")
    done = bench.run("preview.sh", "prod", "out")
    assert bool(done.returncode) is bool(engine or policy)
    words = [re.sub(r"/\S+", "FILE", line) for line in bench.asked()]
    assert words == [
        "pulumi preview --stack prod --json --non-interactive",
        "backplane report --stack prod --preview FILE --output outFILE",
        "backplane --no-color policy --preview FILE",
    ]
    text = (bench.folder / "out" / "prod.md").read_text()
    assert "### Policy\n\n````text\nit finds\n````" in text


@pytest.mark.parametrize("fails", ["", "policy", "up", "verify"])
def test_up_is_judged_before_and_verified_after(bench: Bench, fails: str) -> None:
    """As root, since it makes a tunnel; what fails ends it there."""
    bench.program("pulumi", "echo '{}'")
    bench.program("sudo", 'shift 2; exec "$@"')
    bench.program("backplane", f"[ $1 != '{fails}' ] || exit 1")
    done = bench.run("up.sh", "prod")
    assert bool(done.returncode) is bool(fails)
    words = [line for line in bench.asked() if line.startswith("backplane")]
    words = [re.sub(r" /\S+", " FILE", line) for line in words]
    all_of_it = [
        "backplane policy --preview FILE",
        "backplane up --stack prod --yes --skip-preview --non-interactive",
        "backplane verify --stack prod",
        "backplane policy --stack prod",
    ]
    until = {"policy": 1, "up": 2, "verify": 3}.get(fails, 4)
    assert words == all_of_it[:until]


@pytest.mark.parametrize("served", [True, False])
def test_official_plugins_or_none(bench: Bench, *, served: bool) -> None:
    """Set-up is told to refuse stand-ins, whatever was wished; where it does no test is run."""
    bench.program("sudo", 'shift 2; exec "$@"')
    bench.program(
        "make", f"echo $BACKPLANE_PLUGINS >>{bench.folder}/wished; exit {int(not served)}"
    )
    done = bench.run("official.sh", "tests/engine", BACKPLANE_PLUGINS="stand-in")
    assert bool(done.returncode) is not served
    asked = [line for line in bench.asked() if line.startswith("make")]
    assert asked == ["make setup", "make test ARGS=tests/engine"][: 1 + served]
    assert set((bench.folder / "wished").read_text().split()) == {"official"}


@pytest.mark.parametrize("finds", [0, 1])
def test_drift_stands_in_the_summary(bench: Bench, finds: int) -> None:
    """Whatever was found; the job is red if something was."""
    bench.program("sudo", 'shift 2; exec "$@"')
    bench.program("backplane", f"echo it says; exit {finds}")
    summary = bench.folder / "summary"
    done = bench.run("drift.sh", "prod", GITHUB_STEP_SUMMARY=str(summary))
    assert done.returncode == finds
    assert summary.read_text() == "## Drift of prod\n\n```text\nit says\n```\n"


@pytest.mark.parametrize("fails", [0, 1])
def test_a_backup_is_for_its_recipients(bench: Bench, fails: int) -> None:
    """No passphrase reaches it, though one is there; a failure is the job's, and told as none."""
    told = f"{bench.folder}/told"
    written = f"echo ${{PULUMI_CONFIG_PASSPHRASE-none}} >{told}; echo it says; echo x >out/prod.age"
    bench.program("backplane", f"exit 1; {written}" if fails else written)
    summary = bench.folder / "summary"
    more = {"GITHUB_STEP_SUMMARY": str(summary), "PULUMI_CONFIG_PASSPHRASE": "x"}
    done = bench.run("backup.sh", "prod", "out", **more)
    assert done.returncode == fails
    sealed = "--recipients-file stacks/prod.recipients --out out/prod.age"
    assert bench.asked() == [f"backplane --no-color backup --stack prod {sealed}"]
    assert summary.exists() is not bool(fails)
    if not fails:
        assert Path(told).read_text() == "none\n"
        assert summary.read_text().startswith("## Backup of prod\n\n```text\nit says\n")


@pytest.mark.parametrize("finds", [0, 1])
def test_an_audit_stands_in_the_summary(bench: Bench, finds: int) -> None:
    """The verb writes it there; vantage and options are the environment's; it ends as that did."""
    bench.program("backplane", f"exit {finds}")
    summary = bench.folder / "summary"
    done = bench.run("audit.sh", "prod", GITHUB_STEP_SUMMARY=str(summary))
    assert done.returncode == finds, done.stderr
    usual = "backplane --no-color audit --stack prod --from"
    assert bench.asked() == [f"{usual} local --markdown {summary}"]
    more = {"AUDIT_FROM": "ssh:probe@host", "AUDIT_OPTIONS": "--without ipv6,echo --rate 50"}
    bench.run("audit.sh", "prod", **more)
    words = "--markdown /dev/null --without ipv6\\,echo --rate 50"
    assert bench.asked()[1:] == [f"{usual} ssh:probe@host {words}"]


def test_an_audits_key_goes_to_an_agent_that_ends_with_it(bench: Bench) -> None:
    """By stdin and into no file; the verb does not have it, and the host's key is known before."""
    home = bench.folder / "home"
    bench.program("ssh-agent", '[ "$1" = -k ] || echo export SSH_AUTH_SOCK=there')
    bench.program("ssh-add", f"cat >{bench.folder}/added")
    bench.program("backplane", f'echo "$AUDIT_SSH_KEY:$SSH_AUTH_SOCK" >{bench.folder}/seen')
    key, line = "-----BEGIN-----\nsecret", "host ssh-ed25519 AAAA"
    more = {"AUDIT_SSH_KEY": key, "AUDIT_KNOWN_HOSTS": line, "HOME": str(home)}
    done = bench.run("audit.sh", "prod", **more)
    assert done.returncode == 0, done.stderr
    assert (bench.folder / "added").read_text() == f"{key}\n"
    assert (bench.folder / "seen").read_text() == ":there\n"
    assert (home / ".ssh/known_hosts").read_text() == f"{line}\n"
    words = bench.asked()
    assert words[:2] == ["ssh-agent -s", "ssh-add -q -"]
    assert words[-1] == "ssh-agent -k"
    assert "secret" not in done.stdout + done.stderr + "".join(words)


def test_a_failure_is_said_where_it_is_looked_for(bench: Bench) -> None:
    """As GitHub shows it."""
    done = bench.run("fail.sh", "why")
    assert (done.returncode, done.stdout) == (1, "::error::why\n")


def test_install_takes_the_lock_and_what_is_named(bench: Bench) -> None:
    """Hashes are required; packages of Debian only where they are named."""
    text = (SCRIPTS / "install.sh").read_text()
    assert "--require-hashes -r requirements-dev.txt" in text
    bench.program("sudo")
    bench.program("python3", "mkdir -p .venv/bin; ln -sf /bin/true .venv/bin/pip")
    folder = bench.folder / ".github" / "scripts"
    folder.mkdir(parents=True)
    shutil.copy(SCRIPTS / "install.sh", folder)
    for words in ((), ("wireguard-tools",)):
        done = subprocess.run(
            [str(folder / "install.sh"), *words],
            env={"PATH": f"{bench.folder / 'bin'}:/usr/bin:/bin"}, check=False,
        )  # fmt: skip
        assert done.returncode == 0
    asked = [line for line in bench.asked() if line.startswith("sudo")]
    assert asked == [
        "sudo apt-get -qq update",
        "sudo apt-get -qq install --no-install-recommends wireguard-tools",
    ]
