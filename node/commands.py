"""Running other programs: no shell, always a time limit, never a secret in the arguments."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from node.errors import Refused

# systemd starts some tools with no PATH; messages are parsed, so they are in one language.
_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C",
    "WG_HIDE_KEYS": "never",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a program ended.

    Attributes:
        code: Its exit code.
        out: What it wrote to stdout. May hold secrets (``wg show dump``).
        err: What it wrote to stderr. May quote its input; masked before anyone reads it.
    """

    code: int
    out: str
    err: str


class Commands:
    """Runs programs of this machine."""

    def run(self, argv: Sequence[str], *, stdin: str = "", timeout: float = 30) -> Result:
        """Run ``argv`` to its end, whatever its exit code.

        Args:
            argv: Program and arguments, without secrets.
            stdin: Given to it on stdin.
            timeout: Seconds after which it is killed.

        Raises:
            Refused: It is not installed, or did not end in time.
        """
        try:
            done = subprocess.run(
                argv,
                input=stdin,
                capture_output=True,
                text=True,
                timeout=timeout,
                check=False,
                env=_ENVIRONMENT,
                cwd="/",
            )
        except FileNotFoundError as error:
            raise Refused(
                f"{argv[0]} is not installed on this machine",
                f"install the package that holds {argv[0]}, then try again",
            ) from error
        except subprocess.TimeoutExpired as error:
            raise Refused(
                f"{' '.join(argv[:3])} did not end within {timeout:g} s",
                "look at the machine's journal; then try again",
            ) from error
        return Result(code=done.returncode, out=done.stdout, err=done.stderr)

    def must(
        self, argv: Sequence[str], *, why: str, fix: str, stdin: str = "", timeout: float = 30
    ) -> str:
        """Run ``argv`` and return its stdout.

        Raises:
            Refused: It failed; ``why`` says what that means here and its last lines say more.
        """
        result = self.run(argv, stdin=stdin, timeout=timeout)
        if result.code != 0:
            tail = " / ".join((result.err.strip() or result.out.strip()).splitlines()[-6:])
            raise Refused(f"{why}: {tail or f'exit code {result.code}'}", fix)
        return result.out
