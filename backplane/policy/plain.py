"""Secrets: what must carry the secret mark, and what must never stand anywhere in plain."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from backplane.policy.rule import Rule, Trouble, hidden, wrong
from backplane.policy.seen import Mark, World, leaves

REMOTE = "command:remote:Command"
LOCAL = "command:local:Command"
RANDOM = "random:index/randomBytes:RandomBytes"

SECRET: Mapping[str, tuple[str, ...]] = {
    "hcloud:index/server:Server": ("userData",),
    "aws:ec2/instance:Instance": ("userData", "userDataBase64"),
    RANDOM: ("base64", "hex"),
    REMOTE: ("stdin", "connection"),
    LOCAL: ("stdin",),
}
"""Properties by type that are secret, whatever is in them."""

_TEXTS = {
    "a private key": re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----"),
    "a WireGuard key": re.compile(r"(?i)\b(?:Private|Preshared)Key\s*=\s*[A-Za-z0-9+/]{42,43}=?"),
    "a key in JSON": re.compile(
        r'(?i)"(?:private_?key|preshared_?key|psk|secret|seed|salt|root)\\*"\s*:\s*\\*"'
        r"[A-Za-z0-9+/]{20}"
    ),
    "a TSIG key": re.compile(
        r'(?i)\bhmac-[a-z0-9-]+:[^\s:]+:[A-Za-z0-9+/]{20}|\bsecret:?\s+"?[A-Za-z0-9+/]{42,}={0,2}'
    ),
}
_KEY = re.compile(r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=")
"""32 bytes as base64, which is how WireGuard writes every key, public ones too."""


def _secret(world: World) -> Iterator[Trouble]:
    for seen in world.of(*SECRET):
        for key in SECRET[seen.type]:
            there = [side.get(key) for side in (seen.inputs, seen.outputs)]
            if any(value and not isinstance(value, Mark) for value in there):
                yield wrong(seen, f"{key} is not marked secret")
            elif Mark.UNKNOWN in there:
                yield hidden(seen, key, Mark.UNKNOWN)


def _plain(world: World) -> Iterator[Trouble]:
    for seen in world.resources:
        told = set()
        for side in (seen.inputs, seen.outputs):
            for path, value in leaves(side):
                kind = _looks_like(path, value)
                if kind and path not in told:
                    told.add(path)
                    yield wrong(seen, f"{path} holds what looks like {kind}, in plain")


def _looks_like(path: str, value: object) -> str | None:
    if not isinstance(value, str):
        return None
    for kind, pattern in _TEXTS.items():
        if pattern.search(value):
            return kind
    if _KEY.fullmatch(value.strip()) and "public" not in path.lower():
        return "a key of 32 bytes"
    return None


def _quiet(world: World) -> Iterator[Trouble]:
    for seen in world.of(REMOTE):
        logging = seen.inputs.get("logging")
        if isinstance(logging, Mark):
            yield hidden(seen, "logging", logging)
        elif logging != "none":
            yield wrong(seen, "logging is not none")


SECRET_INPUTS = Rule(
    id="secret-inputs",
    says="user-data, random bytes, what a command reads and how it logs in are marked secret",
    why="what is not marked stands in plain in the state, in previews and in a pull request",
    fix="wrap the value in pulumi.Output.secret",
    look=_secret,
    marks=True,
)

NO_PLAIN = Rule(
    id="no-plain-secrets",
    says="no property holds a private key, a PSK, a seed or a TSIG key in plain",
    why="whoever reads the state or a preview would own a part of the mesh",
    fix="build the text by Output.apply from secret values, and turn what was exposed to new keys",
    look=_plain,
    marks=True,
)

QUIET = Rule(
    id="quiet-commands",
    says="remote commands log nothing",
    why="their output goes to the display line by line, and a long line hangs them for good",
    fix='logging="none"; what a command prints is an output',
    look=_quiet,
)
