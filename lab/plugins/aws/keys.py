"""Key pairs: the public SSH key that an image lets in."""

from __future__ import annotations

from typing import Any, ClassVar

from lab.plugins.aws.base import TAGS, AwsResource, Raw, one
from lab.plugins.common import Field, Schema
from lab.plugins.common.resource import Plain


class KeyPair(AwsResource):
    """A public SSH key of a region; its id is its name."""

    noun, kind = "key pair", "key-pair"
    schema: ClassVar[Schema] = Schema(
        token="aws:ec2/keyPair:KeyPair",  # noqa: S106  a type's name
        inputs={
            "keyName": Field(required=True, replaces=True),
            "publicKey": Field(required=True, replaces=True),
            "tags": TAGS,
        },
        outputs={"fingerprint": Field(), "keyPairId": Field(), "tagsAll": TAGS},
        delete_first=True,
    )

    def normal(self, values: Plain) -> Plain:
        """The key without the blanks around it."""
        return {k: str(v).strip() if k == "publicKey" else v for k, v in values.items()}

    def make(self, client: Any, inputs: Plain) -> str:  # noqa: ANN401 - a client has no type
        """Import it."""
        made = client.import_key_pair(
            KeyName=inputs["keyName"],
            PublicKeyMaterial=str(inputs["publicKey"]).encode(),
            TagSpecifications=self.specification(inputs),
        )
        return str(made["KeyName"])

    def find(self, client: Any, key: str) -> Raw | None:  # noqa: ANN401
        """It as it is."""
        return one(client.describe_key_pairs(KeyNames=[key])["KeyPairs"])

    def state(self, raw: Raw) -> Plain:
        """What AWS tells of it; the key itself stays as the program had it."""
        return {
            "keyName": raw["KeyName"],
            "fingerprint": raw.get("KeyFingerprint"),
            "keyPairId": raw.get("KeyPairId"),
        }

    def remove(self, client: Any, key: str) -> None:  # noqa: ANN401
        """Delete it; machines keep what was put there."""
        client.delete_key_pair(KeyName=key)
