"""What a lab remembers of how it was switched on, and what its users need to know."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.layout import Lab, LabError
from lab.setup import toolchain

PORT = 8089
PASSPHRASE = "backplane-lab"  # noqa: S105 - public on purpose: it guards nothing but labs
STACK = "lab"


@dataclass(frozen=True, slots=True)
class Settings:
    """The files under a lab's state that say how it was switched on."""

    lab: Lab

    @property
    def token_file(self) -> Path:
        """The API's token, for root's eyes only."""
        return self.lab.state / "token"

    @property
    def books(self) -> Path:
        """The API's books."""
        return self.lab.state / "cloud.json"

    @property
    def backend(self) -> Path:
        """The directory of the Pulumi state."""
        return self.lab.state / "pulumi"

    @property
    def paper(self) -> bool:
        """Whether the lab boots nothing."""
        return (self.lab.state / "paper").exists()

    @property
    def port(self) -> int:
        """The API's port on 127.0.0.1 of the runner.

        Raises:
            LabError: The lab is not up.
        """
        try:
            return int((self.lab.state / "port").read_text())
        except OSError as error:
            message = f"lab {self.lab.name}: is not up; run `backplane lab up {self.lab.name}`"
            raise LabError(message) from error

    @property
    def endpoint(self) -> str:
        """The API's address, as the cloud's clients take it."""
        return f"http://127.0.0.1:{self.port}/v1"

    def create(self, *, paper: bool) -> None:
        """Make what is missing: the directories, a token, a port.

        Raises:
            LabError: The lab is up in the other mode.
        """
        state = self.lab.state
        if self.token_file.exists() and self.paper != paper:
            message = (
                f"lab {self.lab.name}: is there {'on paper' if self.paper else 'for real'}; run "
                f"`backplane lab down {self.lab.name}` before switching"
            )
            raise LabError(message)
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.backend.mkdir(mode=0o700, exist_ok=True)
        self.lab.run.mkdir(mode=0o700, parents=True, exist_ok=True)
        if paper:
            (state / "paper").touch()
        if not (state / "port").exists():
            (state / "port").write_text(str(_free(PORT) if paper or self.lab.hosted else PORT))
        if not self.token_file.exists():
            handle = os.open(self.token_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w") as file:
                file.write(secrets.token_hex(32))

    def cloud(self) -> dict[str, str]:
        """Return the variables by which the cloud's clients find the API."""
        return {
            "HCLOUD_ENDPOINT": self.endpoint,
            "HCLOUD_TOKEN": self.token_file.read_text().strip(),
        }

    def environment(self) -> dict[str, str]:
        """Return the variables with which plain `pulumi` works on the lab's stack."""
        base: Mapping[str, str]
        try:
            made = toolchain.environment()
            base = {key: value for key, value in made.items() if os.environ.get(key) != value}
        except toolchain.ToolchainError:
            base = {"PULUMI_SKIP_UPDATE_CHECK": "true"}
        return {
            **base,
            **self.cloud(),
            "PULUMI_BACKEND_URL": f"file://{self.backend}",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
        }


def _free(wanted: int) -> int:
    """Return a port on which nobody listens: the wanted one if possible."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    message = "no free port on 127.0.0.1; end what uses them"
    raise LabError(message)
