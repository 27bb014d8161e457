"""A real sshd on loopback for what speaks SSH; the whole program on a cloud on paper."""

import getpass
import socket
import subprocess
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh
import pytest
import yaml

from tests.api_server import ApiServer, serving
from tests.engine.paper import ROOT
from tests.pulumi_project import PulumiProject


@dataclass(frozen=True, slots=True, kw_only=True)
class Sshd:
    """A running sshd and what a client needs to log in.

    Attributes:
        port: where it listens on 127.0.0.1.
        user: whom it lets in.
        private_key: the client's key, OpenSSH PEM text.
        host_key: its own public key, one line.
        log: what it wrote.
    """

    port: int
    user: str
    private_key: str
    host_key: str
    log: Path

    def connection(self, **extra: object) -> str:
        """The `connection` of a remote command as Python source, host key pinned."""
        fields = {
            "host": "127.0.0.1",
            "port": self.port,
            "user": self.user,
            "private_key": self.private_key,
            "host_key": self.host_key,
            **extra,
        }
        named = ", ".join(f"{k}={v!r}" for k, v in fields.items() if v is not None)
        return f"remote.ConnectionArgs({named})"


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def new_key() -> tuple[str, str]:
    """A fresh ed25519 key: private PEM text and public line."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    return key.export_private_key().decode(), key.export_public_key().decode().strip()


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    """An sshd of this test's own; it admits one key and the variables that begin with TEST_."""
    home = tmp_path / "sshd"
    home.mkdir(mode=0o700)
    host_private, host_public = new_key()
    private, public = new_key()
    (home / "host").write_text(host_private)
    (home / "host").chmod(0o600)
    (home / "authorized").write_text(public + "\n")
    (home / "authorized").chmod(0o600)
    port, log = free_port(), home / "log"
    (home / "config").write_text(
        textwrap.dedent(f"""\
            ListenAddress 127.0.0.1:{port}
            HostKey {home}/host
            PidFile none
            AuthorizedKeysFile {home}/authorized
            PermitRootLogin prohibit-password
            PasswordAuthentication no
            KbdInteractiveAuthentication no
            UsePAM no
            StrictModes no
            AcceptEnv TEST_*
            MaxStartups 100
            Subsystem sftp internal-sftp
            """)
    )
    Path("/run/sshd").mkdir(exist_ok=True)
    process = subprocess.Popen(["/usr/sbin/sshd", "-D", "-f", home / "config", "-E", log])
    try:
        until = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < until, log.read_text()
                time.sleep(0.05)
        yield Sshd(
            port=port, user=getpass.getuser(), private_key=private, host_key=host_public, log=log
        )
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[ApiServer]:
    """A cloud of its own."""
    with serving(tmp_path / "api") as server:
        yield server


@pytest.fixture
def mesh() -> dict[str, Any]:
    """The lab's declaration."""
    text = (ROOT / "stacks" / "Pulumi.lab.yaml").read_text()
    declared: dict[str, Any] = yaml.safe_load(text)["config"]["backplane:mesh"]
    return declared


@pytest.fixture
def project(engine: PulumiProject, api: ApiServer) -> PulumiProject:
    """This repository's program as a project of the test's own."""
    engine.env.update(api.environment())
    engine.program(
        f"""
        import runpy, sys
        sys.path.insert(0, {str(ROOT)!r})
        runpy.run_path({str(ROOT / "__main__.py")!r}, run_name="__main__")
        """
    )
    return engine
