"""The lab's cloud API as a process of its own, on paper, for tests of every level."""

import os
import secrets
import socket
import string
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import hcloud
import requests

from lab.api.app import TOKEN_LENGTH

_ALPHABET = string.ascii_letters + string.digits
_START = 20.0


def fresh_token() -> str:
    """A token of the right length."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(TOKEN_LENGTH))


def free_port() -> int:
    """A port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(slots=True, kw_only=True)
class ApiServer:
    """A running server.

    Attributes:
        directory: Holds its state, its journal, its token and its log.
        token: The project's token.
        endpoint: Base address with `/v1`.
    """

    directory: Path
    token: str = field(default_factory=fresh_token, repr=False)
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def endpoint(self) -> str:
        """What clients are given."""
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def state(self) -> Path:
        """The state file."""
        return self.directory / "state.json"

    def start(self) -> None:
        """Start it and wait until it answers."""
        token_file = self.directory / "token"
        token_file.write_text(self.token)
        log = (self.directory / "api.log").open("ab")
        self.process = subprocess.Popen(
            [
                sys.executable, "-m", "lab.api", "--lab", "paper", "--paper",
                "--state", str(self.state), "--listen", f"127.0.0.1:{self.port}",
                "--token-file", str(token_file),
            ],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=os.environ.copy(),
            cwd=Path(__file__).parents[1],
        )  # fmt: skip
        log.close()
        end = time.monotonic() + _START
        while time.monotonic() < end:
            try:
                self.raw("GET", "/locations")
            except requests.ConnectionError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.05)
            else:
                return
        raise AssertionError((self.directory / "api.log").read_text())

    def stop(self, *, kill: bool = False) -> None:
        """End it, politely or as a crash would."""
        if self.process is not None:
            if kill:
                self.process.kill()
            else:
                self.process.terminate()
            self.process.wait(20)
            self.process = None

    def raw(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        token: str | None = None,
        data: str | None = None,
    ) -> requests.Response:
        """One request without a vendor's client."""
        return requests.request(
            method,
            self.endpoint + path,
            json=body,
            data=data,
            headers={"Authorization": f"Bearer {self.token if token is None else token}"},
            timeout=20,
        )

    def client(self) -> hcloud.Client:
        """The vendor's Python client."""
        return hcloud.Client(self.token, api_endpoint=self.endpoint, poll_interval=0.02)

    def environment(self) -> dict[str, str]:
        """What the vendor's tools read."""
        return {"HCLOUD_TOKEN": self.token, "HCLOUD_ENDPOINT": self.endpoint}


@contextmanager
def serving(directory: Path) -> Iterator[ApiServer]:
    """A server that ends with the block."""
    directory.mkdir(parents=True, exist_ok=True)
    server = ApiServer(directory=directory)
    server.start()
    try:
        yield server
    finally:
        server.stop()
