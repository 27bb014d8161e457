"""The clouds that a run can be made on: one row each."""

from __future__ import annotations

from decimal import Decimal

from tests.e2e.aws import Aws
from tests.e2e.hetzner import Hetzner
from tests.e2e.offer import Cloud, Place, Price

_REGIONS = ("eu-central-1", "eu-north-1")

HETZNER = Cloud(
    name="hetzner",
    title="Hetzner Cloud",
    places=(
        Place(site="fsn", location="fsn1", type="cx23"),
        Place(site="hel", location="hel1", type="cx23"),
    ),
    currency="EUR",
    prices=(
        Price(
            what="server cx23",
            number=2,
            hourly=Decimal("0.02"),
            seen="0.0064 on 2026-04-15, new ones are dearer since 2026-06-15",
            source="hetzner.com/cloud",
        ),
        Price(
            what="IPv4 address",
            number=2,
            hourly=Decimal("0.002"),
            seen="0.0008 in 2025",
            source="hetzner.com/cloud",
        ),
    ),
    plugin="hcloud",
    variables=("HCLOUD_TOKEN",),
    stand_ins=("HCLOUD_ENDPOINT", "HETZNER_ENDPOINT"),
    account=Hetzner.open,
)

AWS = Cloud(
    name="aws",
    title="AWS",
    places=(
        Place(site="fra", location=_REGIONS[0], type="t3.small"),
        Place(site="sto", location=_REGIONS[1], type="t3.small"),
    ),
    currency="USD",
    prices=(
        Price(
            what="machine t3.small",
            number=2,
            hourly=Decimal("0.11"),
            seen="0.024 on 2021-08-30, and 0.08 more while its processors never rest",
            source="aws.amazon.com/ec2/pricing/on-demand",
        ),
        Price(
            what="IPv4 address",
            number=2,
            hourly=Decimal("0.005"),
            seen="0.005 on 2026-10-16",
            source="aws.amazon.com/vpc/pricing",
        ),
        Price(
            what="disk (gp3, 20 GB)",
            number=2,
            hourly=Decimal("0.004"),
            seen="0.0022 in us-east-1 on 2026-10-16",
            source="aws.amazon.com/ebs/pricing",
        ),
    ),
    plugin="aws",
    variables=(
        "AWS_ACCESS_KEY_ID",
        "AWS_PROFILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    ),
    files=(".aws/credentials", ".aws/config"),
    stand_ins=("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_EC2"),
    account=lambda: Aws.open(_REGIONS),
)

CLOUDS = {cloud.name: cloud for cloud in (HETZNER, AWS)}
"""The rows by the name that a site's `cloud` has."""
