"""AWS's EC2 as asked by Python: only questions, with the credentials that all AWS tools find."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any

from backplane.clouds import AWS_OWNER

PATIENCE = 20.0
"""Seconds for one answer."""

ATTEMPTS = 5
"""How often AWS is asked when it says that it is asked too often; the client waits longer and
longer in between."""

CREDENTIALS = (
    "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, to an account that may do "
    "what docs/runbooks/aws.md lists, and see that the region is spelled right and enabled there"
)
"""What to do when nobody answers."""


class SilentError(Exception):
    """AWS does not answer, or not to us; the text says why."""


class Ec2:
    """The machines' service in one region.

    Args:
        region: Such as `eu-central-1`.
    """

    def __init__(self, region: str) -> None:
        self._region = region

    @cached_property
    def client(self) -> Any:  # noqa: ANN401 - made from descriptions at run time
        """The vendor's client; it finds credentials and endpoint as all of AWS's tools do."""
        import boto3  # noqa: PLC0415 - a third of a second that only AWS sites pay
        from botocore.config import Config  # noqa: PLC0415

        patient = Config(
            connect_timeout=PATIENCE,
            read_timeout=PATIENCE,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        )
        return boto3.client("ec2", region_name=self._region, config=patient)

    def ask(self, question: Callable[[Any], Any]) -> Any:  # noqa: ANN401 - the vendor's answers
        """Put a question to the client.

        Raises:
            SilentError: No credentials, no such region, no network, or not allowed.
        """
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415
        from botocore.parsers import ResponseParserError  # noqa: PLC0415

        try:
            return question(self.client)
        except (BotoCoreError, ClientError, ResponseParserError, ValueError) as error:
            raise SilentError(" ".join(str(error).split())[:300]) from error

    def all(self, operation: str, key: str, filters: dict[str, list[str]]) -> list[Any]:
        """Every page of a `describe_…` operation's answer.

        Args:
            operation: Its name.
            key: What its answer calls the list.
            filters: Values by name, all of which must fit.
        """
        wanted = [{"Name": name, "Values": values} for name, values in sorted(filters.items())]

        def question(client: Any) -> list[Any]:  # noqa: ANN401 - as above
            pages = client.get_paginator(operation).paginate(Filters=wanted)
            return [one for page in pages for one in page[key]]

        found: list[Any] = self.ask(question)
        return found

    def types(self, kinds: Iterable[str]) -> set[str]:
        """Those of these server types that the region has."""
        filters = {"instance-type": sorted(kinds)}
        found = self.all("describe_instance_type_offerings", "InstanceTypeOfferings", filters)
        return {one["InstanceType"] for one in found}

    def newest(self, pattern: str) -> str | None:
        """Id of the newest of Debian's images with such a name; None where there is none."""

        def question(client: Any) -> Iterator[Any]:  # noqa: ANN401 - as above
            filters = [
                {"Name": "name", "Values": [pattern]},
                {"Name": "state", "Values": ["available"]},
            ]
            # Two years after its making AWS shows an image to its owner alone, but for this word;
            # the machines that were born from it still need an answer.
            found = client.describe_images(
                Owners=[AWS_OWNER], Filters=filters, IncludeDeprecated=True
            )
            return iter(sorted(found["Images"], key=lambda one: str(one["CreationDate"])))

        return next((str(one["ImageId"]) for one in reversed([*self.ask(question)])), None)
