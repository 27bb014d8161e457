"""Stand-in for the Pulumi plugin `random`: real randomness under the official tokens.

Each resource is drawn once and lives in the state alone; every changed input draws anew, as in the
official provider. What each property means: the Pulumi registry's pages on `random`.
"""

import base64
import secrets
import string
from collections.abc import Iterator, Sequence
from typing import ClassVar

import bcrypt

from lab.plugins.common import Context, Field, Kind, Provider, Resource, Schema, serve
from lab.plugins.common.resource import Plain
from lab.plugins.common.schema import Failure
from lab.plugins.common.values import Value
from lab.plugins.release import release

_KEEPERS = Field(kind=Kind.MAP, item=Field(), replaces=True)
_LENGTH = Field(kind=Kind.INTEGER, required=True, replaces=True)
_FLAG = Field(kind=Kind.BOOL, replaces=True)
_COUNT = Field(kind=Kind.INTEGER, replaces=True)
_SECRET = Field(secret=True)


def _at_least_one(inputs: Plain, name: str) -> Sequence[Failure]:
    value = inputs.get(name)
    if isinstance(value, int) and value < 1:
        return [Failure(name, f"must be at least 1, not {value}")]
    return ()


def _whole(value: Value, default: int = 0) -> int:
    return value if isinstance(value, int) else default


class RandomBytes(Resource):
    """Bytes from the operating system's generator, as secrets."""

    schema: ClassVar[Schema] = Schema(
        token="random:index/randomBytes:RandomBytes",  # noqa: S106  a type's name
        inputs={"keepers": _KEEPERS, "length": _LENGTH},
        outputs={"base64": _SECRET, "hex": _SECRET},
    )

    def check(self, inputs: Plain) -> Sequence[Failure]:
        """Refuse a length below 1."""
        return _at_least_one(inputs, "length")

    async def create(self, context: Context, inputs: Plain) -> tuple[str, Plain]:
        """Draw `length` bytes; the id is the word the official provider uses."""
        del context
        data = secrets.token_bytes(_whole(inputs["length"]))
        return "none", {"base64": base64.b64encode(data).decode(), "hex": data.hex()}


class RandomId(Resource):
    """Random bytes in the notations that names are made of; not secret."""

    schema: ClassVar[Schema] = Schema(
        token="random:index/randomId:RandomId",  # noqa: S106  a type's name
        inputs={"byteLength": _LENGTH, "keepers": _KEEPERS, "prefix": Field(replaces=True)},
        outputs={name: Field() for name in ("b64Std", "b64Url", "dec", "hex")},
    )

    def check(self, inputs: Plain) -> Sequence[Failure]:
        """Refuse a length below 1."""
        return _at_least_one(inputs, "byteLength")

    async def create(self, context: Context, inputs: Plain) -> tuple[str, Plain]:
        """Draw the bytes; the id is them in unpadded URL-safe base64, without the prefix."""
        del context
        data = secrets.token_bytes(_whole(inputs["byteLength"]))
        prefix = str(inputs.get("prefix") or "")
        url = base64.urlsafe_b64encode(data).decode().rstrip("=")
        return url, {
            "b64Std": prefix + base64.b64encode(data).decode(),
            "b64Url": prefix + url,
            "dec": prefix + str(int.from_bytes(data, "big")),
            "hex": prefix + data.hex(),
        }


# Input that admits a set, the input with its least number, and the set itself.
_SPECIAL = "!@#$%&*()-_=+[]{}<>:?"
_SETS = (
    ("lower", "minLower", string.ascii_lowercase),
    ("upper", "minUpper", string.ascii_uppercase),
    ("numeric", "minNumeric", string.digits),
    ("special", "minSpecial", _SPECIAL),
)
# What bcrypt takes into account at most (its own specification).
_BCRYPT_LIMIT = 72


class RandomPassword(Resource):
    """A password of given length and alphabets, as a secret."""

    schema: ClassVar[Schema] = Schema(
        token="random:index/randomPassword:RandomPassword",  # noqa: S106  a type's name
        inputs={
            "keepers": _KEEPERS,
            "length": _LENGTH,
            "overrideSpecial": Field(replaces=True),
            "number": _FLAG,
            **{flag: _FLAG for flag, _, _ in _SETS},
            **{least: _COUNT for _, least, _ in _SETS},
        },
        outputs={"bcryptHash": _SECRET, "result": _SECRET},
    )

    def check(self, inputs: Plain) -> Sequence[Failure]:
        """Refuse lengths that cannot hold the least numbers, and an empty alphabet."""
        return [*_at_least_one(inputs, "length"), *self._impossible(inputs)]

    def _impossible(self, inputs: Plain) -> Iterator[Failure]:
        length, least = inputs.get("length"), sum(_whole(inputs.get(n)) for _, n, _ in _SETS)
        if isinstance(length, int) and length < least:
            yield Failure("length", f"must be at least the sum of the least numbers, {least}")
        flags = self._flags(inputs)
        if not any(flags.values()):
            yield Failure("lower", "one of lower, upper, numeric, special must be true")
        if inputs.get("number") is not None and inputs.get("numeric") not in (
            None,
            inputs["number"],
        ):
            yield Failure("number", "contradicts 'numeric', its newer name")

    @staticmethod
    def _flags(inputs: Plain) -> dict[str, bool]:
        flags = {flag: inputs.get(flag) is not False for flag, _, _ in _SETS}
        if inputs.get("numeric") is None and inputs.get("number") is False:
            flags["numeric"] = False
        return flags

    async def create(self, context: Context, inputs: Plain) -> tuple[str, Plain]:
        """Draw the least numbers of each set, fill up from all, and shuffle."""
        del context
        flags = self._flags(inputs)
        override = inputs.get("overrideSpecial")
        sets = {flag: chars for flag, _, chars in _SETS}
        if isinstance(override, str) and override:
            sets["special"] = override
        drawn = [
            secrets.choice(sets[flag])
            for flag, least, _ in _SETS
            for _ in range(_whole(inputs.get(least)))
        ]
        alphabet = "".join(sets[flag] for flag, _, _ in _SETS if flags[flag])
        drawn += [secrets.choice(alphabet) for _ in range(_whole(inputs["length"]) - len(drawn))]
        secrets.SystemRandom().shuffle(drawn)
        result = "".join(drawn)
        hashed = bcrypt.hashpw(result.encode()[:_BCRYPT_LIMIT], bcrypt.gensalt()).decode()
        return "none", {
            "result": result,
            "bcryptHash": hashed,
            "number": flags["numeric"],
            **flags,
            **{least: _whole(inputs.get(least)) for _, least, _ in _SETS},
        }


def provider() -> Provider:
    """The package with all its types."""
    return Provider(
        name="random",
        version=release("pulumi_random"),
        resources=[RandomBytes(), RandomId(), RandomPassword()],
    )


if __name__ == "__main__":
    serve(provider())
