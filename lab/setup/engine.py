"""Gets the Pulumi engine: from PATH, from the official installer, else built from source."""

import subprocess
import urllib.request

from lab.setup import attempts, paths, toolchain
from lab.setup.steps import Say, SetupError, command

_INSTALLER = "https://get.pulumi.com/"
# Where downloads are walled off a connection must not hold up the build from source.
_CONNECT, _OVERALL = 20, 60
_PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
_VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"
# The oldest Go that can fetch the release named in go.mod by itself.
_OLDEST_GO = (1, 21)


def ensure(say: Say) -> str:
    """Make sure that an engine is there; returns which."""
    found = toolchain.engine()
    if found is None:
        reason = _install(say)
        if reason:
            say(f"the official installer did not serve ({reason}); building from source")
            _build(say)
        toolchain.version_of.cache_clear()
        found = toolchain.engine()
    if found is None:
        raise SetupError("the engine was made, but does not run", f"look at {paths.cache()}/engine")
    return f"{found.version}, {found.origin}"


def _install(say: Say) -> str | None:
    """Try the official installer; returns why it failed, or None."""
    if reason := attempts.failed_lately("engine"):
        return f"{reason}; not tried again today"
    say(f"asking the official installer for {toolchain.ENGINE_VERSION}")
    target = toolchain.official_engine().parents[1]
    try:
        with urllib.request.urlopen(_INSTALLER, timeout=_CONNECT) as answer:
            script = answer.read()
        done = subprocess.run(
            ["sh", "-s", "--", "--version", toolchain.ENGINE_VERSION,
             "--install-root", str(target), "--no-edit-path"],
            input=script, capture_output=True, timeout=_OVERALL, check=False,
        )  # fmt: skip
        reason = "" if done.returncode == 0 else f"exit status {done.returncode}"
    except (OSError, subprocess.SubprocessError) as error:
        reason = str(getattr(error, "reason", error))
    if not reason and not toolchain.official_engine().is_file():
        reason = "it left no program"
    if reason:
        attempts.failed("engine", reason)
    return reason or None


def _build(say: Say) -> None:
    """Build the pinned engine as a Go tool: half a minute of download, some minutes of building."""
    go = paths.go_version()
    if go is None or _release(go) < _OLDEST_GO:
        had = "no Go on PATH" if go is None else f"{go} on PATH is too old"
        raise SetupError(
            f"the engine cannot be downloaded here, and to build it there is {had}",
            "install Go 1.21 or newer from your system's packages, "
            f"or Pulumi {toolchain.ENGINE_VERSION} or newer",
        )
    program = paths.built_engine(go)
    program.parent.mkdir(parents=True, exist_ok=True)
    fresh = program.with_suffix(".new")
    say("building with Go (about 5 minutes on 2 cores)")
    command(
        ["go", "build", "-v", "-mod=readonly", "-buildvcs=false", "-o", str(fresh),
         "-ldflags", f"-s -w -X {_VERSION_VARIABLE}=v{toolchain.ENGINE_VERSION}", _PACKAGE],
        say=say,
        fix="check that the Go module proxy is reachable, then try again",
        limit=1800,
        env={"GOWORK": "off", "GOFLAGS": "", "GOTOOLCHAIN": "auto"},
        directory=paths.engine_source(),
        every=30,
    )  # fmt: skip
    fresh.rename(program)


def _release(version: str) -> tuple[int, ...]:
    numbers = version.removeprefix("go").split(".")[:2]
    return tuple(int(part) if part.isdigit() else 0 for part in numbers)
