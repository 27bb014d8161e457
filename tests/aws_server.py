"""AWS on paper: moto's server as a process of its own, with Debian's images and another hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import requests

from backplane.clouds import AWS_OWNER
from tests.api_server import free_port

_START = 60.0
OLD, NEWEST = "ami-0000000000000d121", "ami-0000000000000d122"
"""Two of Debian 12's images; Debian 13 has none here."""

OTHERS = "ami-0000000000000d666"
"""One of the same name, newer, and somebody else's."""


def image(key: str, name: str, made: str, owner: str) -> dict[str, Any]:
    """An image as moto reads them."""
    return {
        "ami_id": key,
        "name": name,
        "owner_id": owner,
        "creation_date": made,
        "state": "available",
        "public": True,
        "architecture": "x86_64",
        "image_location": f"{owner}/{name}",
        "image_type": "machine",
        "root_device_type": "ebs",
        "root_device_name": "/dev/xvda",
        "description": "Debian 12 (20260801-0001)",
        "virtualization_type": "hvm",
        "hypervisor": "xen",
        "platform": None,
        "sriov": "simple",
    }


IMAGES = [
    image(OLD, "debian-12-amd64-20260101-1", "2026-01-01T00:00:00.000Z", AWS_OWNER),
    image(NEWEST, "debian-12-amd64-20260801-1", "2026-08-01T00:00:00.000Z", AWS_OWNER),
    image(OTHERS, "debian-12-amd64-20261101-1", "2026-11-01T00:00:00.000Z", "801119661308"),
]


@dataclass(slots=True, kw_only=True)
class AwsServer:
    """A running server.

    Attributes:
        directory: Holds its images and its log.
        locked: Whether it refuses everybody's credentials.
    """

    directory: Path
    locked: bool = False
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """What clients are given."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        images = self.directory / "images.json"
        images.write_text(json.dumps(IMAGES))
        env = {**os.environ, "MOTO_AMIS_PATH": str(images)}
        if self.locked:
            env["INITIAL_NO_AUTH_ACTION_COUNT"] = "0"
        with (self.directory / "moto.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env,
            )  # fmt: skip
        end = time.monotonic() + _START
        while time.monotonic() < end and self.process.poll() is None:
            try:
                requests.get(f"{self.endpoint}/moto-api/", timeout=5)
            except requests.ConnectionError:
                time.sleep(0.1)
            else:
                return
        raise AssertionError((self.directory / "moto.log").read_text())

    def stop(self) -> None:
        """End it."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.process = None

    def environment(self) -> dict[str, str]:
        """What all of AWS's tools read."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "of-nobody",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def ec2(self, region: str) -> Any:  # noqa: ANN401 - made from descriptions at run time
        """The vendor's own client."""
        return boto3.client(
            "ec2",
            region_name=region,
            endpoint_url=self.endpoint,
            aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
            aws_secret_access_key="of-nobody",
        )


@contextmanager
def serving(directory: Path, *, locked: bool = False) -> Iterator[AwsServer]:
    """A server that ends with the block."""
    directory.mkdir(parents=True, exist_ok=True)
    server = AwsServer(directory=directory, locked=locked)
    server.start()
    try:
        yield server
    finally:
        server.stop()
