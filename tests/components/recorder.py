"""The program under Pulumi's mocks, with every registration written down."""

from __future__ import annotations

import asyncio
import base64
import gc
import hashlib
import json
import runpy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any
from unittest.mock import patch

import pulumi
import yaml
from pulumi.runtime import mocks, rpc

from backplane.recipe import Recipe
from components.clouds.aws_api import Ec2

ROOT = Path(__file__).resolve().parents[2]
MARK = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"


@dataclass(frozen=True, kw_only=True)
class Registered:
    """One resource as the engine would have been told of it."""

    type: str
    name: str
    parent: str
    inputs: Mapping[str, Any]
    secret: frozenset[str]
    request: Any = field(repr=False)

    @property
    def what(self) -> str:
        """Type and name."""
        return f"{self.type} {self.name}"


class _Mocks(mocks.Mocks):
    """Answers as the clouds would, the same every time."""

    def __init__(self, runs: str) -> None:
        self.runs = runs

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], None]:
        """No function is called by this program."""
        raise AssertionError(args.token)

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        """A resource's id and outputs."""
        number = int(hashlib.sha256(f"{args.typ}{args.name}".encode()).hexdigest()[:6], 16)
        made: dict[str, Any] = {**args.inputs}
        if args.typ.endswith(":RandomBytes"):
            raw = hashlib.sha256(f"{self.runs}{args.name}{args.inputs.get('keepers')}".encode())
            made["base64"] = base64.b64encode(raw.digest()).decode()
        if args.typ.endswith(":PrimaryIp"):
            last = number % 200 + 1
            made["ipAddress"] = f"198.51.100.{last}"
            made["ipNetwork"] = f"2001:db8:1:{last:x}::/64"
        if args.typ == "aws:ec2/vpc:Vpc":
            made["ipv6CidrBlock"] = "2001:db8:2:100::/56"
        if args.typ == "aws:ec2/networkInterface:NetworkInterface":
            made["privateIp"] = f"172.30.2.{number % 200 + 4}"
            made["ipv6Addresses"] = [f"2001:db8:2:100::{number % 200 + 1:x}"]
        if args.typ == "aws:ec2/eip:Eip":
            made["publicIp"] = f"198.51.100.{number % 200 + 1}"
            made["associationId"] = f"eipassoc-{number}"
        if args.typ.startswith("command:"):
            made["stdout"] = f'{{"receipt": "{args.name}"}}'
        if args.name == "mesh-receipt":
            read = Recipe.decode(_plain(args.inputs["stdin"]))
            told = {bundle.node: bundle.generation for bundle in read.bundles()}
            made["stdout"] = json.dumps({"receipt": "of the mocks", "generations": told})
        return str(number), made


class PaperEc2(Ec2):
    """Finds every type, and an image of each name."""

    def types(self, kinds: Iterable[str]) -> set[str]:
        """All of them."""
        return {*kinds}

    def newest(self, pattern: str) -> str | None:
        """One whose id tells which."""
        return f"ami-{pattern.rstrip('-*')}"


class Recorder(mocks.MockMonitor):
    """Keeps every registration, and which resources registered their outputs."""

    def __init__(self, runs: str = "") -> None:
        super().__init__(_Mocks(runs))
        self.registered: list[Registered] = []
        self.finished: list[str] = []
        self.order: list[tuple[str, str]] = []
        self.outputs: dict[str, Any] = {}
        self.secret_outputs: frozenset[str] = frozenset()

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802, ANN401 - the engine's protocol
        """Write a resource down and answer as the mocks say."""
        answer = super().RegisterResource(request)  # type: ignore[no-untyped-call]
        if request.type != "pulumi:pulumi:Stack":
            self.order.append(("register", answer.urn))
            self.registered.append(
                Registered(
                    type=request.type,
                    name=request.name,
                    parent=request.parent,
                    inputs=_plain(rpc.deserialize_properties(request.object)),
                    secret=_secrets(request.object),
                    request=request,
                )
            )
        return answer

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802, ANN401 - as above
        """Write down who said it is complete."""
        self.order.append(("finish", request.urn))
        self.finished.append(request.urn)
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]

    def of(self, kind: str) -> dict[str, Registered]:
        """The resources of one type, by name."""
        return {one.name: one for one in self.registered if one.type == kind}


def declaration(stack: str = "lab") -> dict[str, Any]:
    """The committed declaration of a stack."""
    text = (ROOT / "stacks" / f"Pulumi.{stack}.yaml").read_text()
    mesh: dict[str, Any] = yaml.safe_load(text)["config"]["backplane:mesh"]
    return mesh


def run(
    mesh: Mapping[str, Any],
    *,
    runs: str = "",
    secrets: Mapping[str, str] = MappingProxyType({}),
    hidden: bool = True,
    ec2: type[Ec2] = PaperEc2,
) -> Recorder:
    """Run the program in a preview on a declaration, and return what it registered.

    `hidden`: whether the secrets are encrypted in the stack's file. `ec2`: what answers for AWS.
    """
    recorder = Recorder(runs)
    # Any test before this one may have left the thread without a loop, which mocks ask for.
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    pulumi.runtime.settings.ROOT.set(None)
    pulumi.runtime.set_mocks(
        recorder.mocks, project="backplane", stack="lab", preview=True, monitor=recorder
    )
    keys = {f"backplane:secret-{name}": value for name, value in secrets.items()}
    pulumi.runtime.set_all_config(
        {"backplane:mesh": json.dumps(mesh), **keys}, [*keys] if hidden else []
    )

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def program() -> Any:  # noqa: ANN401 - an Output of everything exported
        exported: dict[str, Any] = {}

        def keep(name: str, value: Any) -> None:  # noqa: ANN401 - any Input
            exported[name] = value

        original, pulumi.export = pulumi.export, keep
        try:
            runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")
        finally:
            pulumi.export = original
            gc.unfreeze()  # here other programs follow; the collector must see this one's garbage

        async def settle() -> None:
            secret = set()
            for name, value in exported.items():
                output = pulumi.Output.from_input(value)
                recorder.outputs[name] = await output.future()
                if await output.is_secret():
                    secret.add(name)
            recorder.secret_outputs = frozenset(secret)

        return settle()

    try:
        with patch("components.clouds.aws_region.Ec2", ec2):
            program()
    finally:
        asyncio.set_event_loop(None)
        loop.close()
    return recorder


def _plain(value: Any) -> Any:  # noqa: ANN401 - any property value
    """The same value without the wrappings that mark secrets."""
    if isinstance(value, dict):
        if value.get(MARK) == SECRET:
            return _plain(value["value"])
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value


def _secrets(properties: Any) -> frozenset[str]:  # noqa: ANN401 - a protobuf Struct
    """The inputs that carry the secret mark, anywhere inside."""
    return frozenset(name for name, value in properties.fields.items() if SECRET in str(value))
