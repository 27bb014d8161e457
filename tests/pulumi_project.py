"""A throw-away Pulumi project on a file backend, driven through the real engine."""

import json
import os
import subprocess
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.setup import toolchain

# Longer than any test's program needs, so that only a hang is cut.
_LIMIT = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What one engine command left: exit code, standard output and standard error."""

    code: int
    stdout: str
    stderr: str

    @property
    def text(self) -> str:
        """All it printed."""
        return self.stdout + self.stderr


@dataclass(slots=True, kw_only=True)
class PulumiProject:
    """A project directory with one stack `test`.

    Attributes:
        directory: holds `Pulumi.yaml` and the program.
        env: the environment of every engine command; tests may add to it.
    """

    directory: Path
    env: dict[str, str] = field(repr=False)

    @classmethod
    def make(cls, directory: Path) -> "PulumiProject":
        """A new project with an empty program and a new stack, its state under `directory`.

        No variable of the caller that could lead a program to a real cloud, agent or backend is
        passed on.
        """
        project = directory / "project"
        state = directory / "state"
        project.mkdir()
        state.mkdir()
        drop = ("PULUMI_", "HCLOUD_", "AWS_", "SSH_AUTH_SOCK", "BACKPLANE_LAB")
        base = {k: v for k, v in os.environ.items() if not k.startswith(drop)}
        env = toolchain.environment(base)
        env["PULUMI_BACKEND_URL"] = f"file://{state}"
        env["PULUMI_CONFIG_PASSPHRASE"] = "throw-away"
        (project / "Pulumi.yaml").write_text("name: throwaway\nruntime: python\n")
        made = cls(directory=project, env=env)
        made.program("")
        made.run("stack", "init", "test")
        return made

    def program(self, source: str) -> None:
        """Set the program; common indentation is taken off."""
        (self.directory / "__main__.py").write_text(textwrap.dedent(source))

    def config(self, values: Mapping[str, str], *, secret: bool = False) -> None:
        """Set stack configuration, such as `{"hcloud:endpoint": "http://…"}`."""
        for key, value in values.items():
            kind = "--secret" if secret else "--plaintext"
            self.run("config", "set", kind, "--", key, value)

    def run(self, *arguments: str, check: bool = True, limit: float = _LIMIT) -> Done:
        """Run `pulumi` with these arguments, without a terminal or questions.

        Args:
            arguments: as on a command line.
            check: fail the test with all output when the exit code is not 0.
            limit: seconds after which it is killed and the test fails.
        """
        done = subprocess.run(
            ["pulumi", "--non-interactive", "--color", "never", *arguments],
            cwd=self.directory, env=self.env, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False, timeout=limit,
        )  # fmt: skip
        if check and done.returncode != 0:
            raise AssertionError(f"pulumi {' '.join(arguments)}:\n{done.stdout}{done.stderr}")
        return Done(code=done.returncode, stdout=done.stdout, stderr=done.stderr)

    def up(self, *arguments: str, check: bool = True) -> Done:
        """`pulumi up` without its own preview."""
        return self.run("up", "--yes", "--skip-preview", "--stack", "test", *arguments, check=check)

    def destroy(self, *arguments: str, check: bool = True) -> Done:
        """`pulumi destroy` of everything."""
        return self.run(
            "destroy", "--yes", "--skip-preview", "--stack", "test", *arguments, check=check
        )

    def refresh(self, *arguments: str, check: bool = True) -> Done:
        """`pulumi refresh`: state follows the world."""
        return self.run(
            "refresh", "--yes", "--skip-preview", "--stack", "test", *arguments, check=check
        )

    def preview(self, *arguments: str) -> dict[str, Any]:
        """`pulumi preview --json`, parsed: `steps`, `changeSummary`, `diagnostics`."""
        answer: dict[str, Any] = json.loads(
            self.run("preview", "--json", "--stack", "test", *arguments).stdout
        )
        return answer

    def steps(self, *arguments: str) -> dict[str, str]:
        """What a preview would do, as {resource name: op}, leaving out the stack and `same`."""
        found = self.preview(*arguments)["steps"]
        return {
            step["urn"].rsplit("::", 1)[-1]: step["op"]
            for step in found
            if step["op"] != "same" and "pulumi:pulumi:Stack" not in step["urn"]
        }

    def detail(self, name: str, *arguments: str) -> dict[str, str]:
        """The detailed diff of one resource in a preview, as {path: kind}."""
        for step in self.preview(*arguments)["steps"]:
            if step["urn"].rsplit("::", 1)[-1] == name and step.get("detailedDiff"):
                return {path: one["kind"] for path, one in step["detailedDiff"].items()}
        return {}

    def outputs(self) -> dict[str, Any]:
        """The stack's outputs with secrets in clear."""
        answer: dict[str, Any] = json.loads(
            self.run("stack", "output", "--json", "--show-secrets", "--stack", "test").stdout
        )
        return answer

    def resources(self, *, show_secrets: bool = False) -> dict[str, dict[str, Any]]:
        """The stack's resources by name, as exported: `type`, `id`, `inputs`, `outputs`."""
        flags = ["--show-secrets"] if show_secrets else []
        exported = json.loads(self.run("stack", "export", "--stack", "test", *flags).stdout)
        found = exported["deployment"].get("resources", [])
        return {one["urn"].rsplit("::", 1)[-1]: one for one in found}

    def state_text(self) -> str:
        """The state file as it lies on disk, to search for secrets in clear."""
        state = self.directory.parent / "state" / ".pulumi" / "stacks"
        return "".join(path.read_text() for path in sorted(state.rglob("*.json")))
