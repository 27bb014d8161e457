"""Instances: the machines."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, ClassVar

from lab.plugins.aws.base import FLAG, INTEGER, TAGS, AwsResource, Raw, labels, pairs
from lab.plugins.aws.client import until
from lab.plugins.common import Field, Kind, PluginError, Schema, Value
from lab.plugins.common.resource import Plain
from lab.plugins.common.schema import Failure

MAX_USER_DATA = 16 * 1024
"""Bytes before they are encoded (docs.aws.amazon.com, user data)."""

_ENDED = {"terminated"}
_METADATA = {
    "httpEndpoint": "HttpEndpoint",
    "httpTokens": "HttpTokens",
    "httpPutResponseHopLimit": "HttpPutResponseHopLimit",
    "httpProtocolIpv6": "HttpProtocolIpv6",
    "instanceMetadataTags": "InstanceMetadataTags",
}


class Instance(AwsResource):
    """A virtual machine."""

    noun, kind = "instance", "instance"
    schema: ClassVar[Schema] = Schema(
        token="aws:ec2/instance:Instance",  # noqa: S106  a type's name
        inputs={
            "ami": Field(replaces=True),
            "instanceType": Field(),
            "keyName": Field(replaces=True),
            "metadataOptions": Field(
                kind=Kind.OBJECT,
                fields={
                    "httpEndpoint": Field(choices=("enabled", "disabled")),
                    "httpTokens": Field(choices=("required", "optional")),
                    "httpPutResponseHopLimit": INTEGER,
                    "httpProtocolIpv6": Field(choices=("enabled", "disabled")),
                    "instanceMetadataTags": Field(choices=("enabled", "disabled")),
                },
            ),
            "primaryNetworkInterface": Field(
                kind=Kind.OBJECT,
                replaces=True,
                fields={"networkInterfaceId": Field(required=True, replaces=True)},
            ),
            "rootBlockDevice": Field(
                kind=Kind.OBJECT,
                fields={
                    "deleteOnTermination": FLAG,
                    "encrypted": Field(kind=Kind.BOOL, replaces=True),
                    "tags": TAGS,
                    "volumeSize": INTEGER,
                    "volumeType": Field(),
                },
            ),
            "userData": Field(),
            "tags": TAGS,
        },
        outputs={
            "availabilityZone": Field(),
            "instanceState": Field(),
            "privateIp": Field(),
            "publicIp": Field(),
            "subnetId": Field(),
            "tagsAll": TAGS,
        },
        recomputed=frozenset({"publicIp"}),
    )

    def check(self, inputs: Plain) -> Sequence[Failure]:
        """What AWS would refuse."""
        data = inputs.get("userData")
        if isinstance(data, str) and len(data.encode()) > MAX_USER_DATA:
            return [Failure("userData", f"is longer than {MAX_USER_DATA} bytes")]
        return []

    def make(self, client: Any, inputs: Plain) -> str:  # noqa: ANN401 - a client has no type
        """Order it."""
        found = client.describe_images(ImageIds=[inputs["ami"]])["Images"]
        if not found:
            raise PluginError(f"there is no image {inputs['ami']} in this region")
        root = _inside(inputs.get("rootBlockDevice"))
        disk = {
            "DeviceName": found[0].get("RootDeviceName") or "/dev/xvda",
            "Ebs": {
                "Encrypted": root.get("encrypted") is True,
                "DeleteOnTermination": root.get("deleteOnTermination") is not False,
                **({"VolumeType": root["volumeType"]} if root.get("volumeType") else {}),
                **({"VolumeSize": root["volumeSize"]} if root.get("volumeSize") else {}),
            },
        }
        place = _inside(inputs.get("primaryNetworkInterface"))
        order: Raw = {
            "ImageId": inputs["ami"],
            "InstanceType": inputs.get("instanceType"),
            "MinCount": 1,
            "MaxCount": 1,
            "BlockDeviceMappings": [disk],
            "NetworkInterfaces": [
                {"DeviceIndex": 0, "NetworkInterfaceId": place["networkInterfaceId"]}
            ],
            "MetadataOptions": _metadata(inputs),
            "TagSpecifications": self.specification(inputs),
        }
        if volume := labels(root.get("tags")):
            order["TagSpecifications"].append({"ResourceType": "volume", "Tags": pairs(volume)})
        for name, key in (("KeyName", "keyName"), ("UserData", "userData")):
            if inputs.get(key):
                order[name] = inputs[key]
        return str(client.run_instances(**order)["Instances"][0]["InstanceId"])

    def settle(self, client: Any, key: str, inputs: Plain) -> None:  # noqa: ANN401
        """Wait until it runs."""
        del inputs
        until(lambda: self._state(client, key) == "running", f"instance {key}")

    def _state(self, client: Any, key: str) -> str:  # noqa: ANN401
        return str((self._raw(client, key) or {}).get("State", {}).get("Name", "terminated"))

    @staticmethod
    def _raw(client: Any, key: str) -> Raw | None:  # noqa: ANN401
        found = client.describe_instances(InstanceIds=[key])["Reservations"]
        return next((each for one in found for each in one["Instances"]), None)

    def find(self, client: Any, key: str) -> Raw | None:  # noqa: ANN401
        """It as it is, with its user-data and disk; one that has ended is gone."""
        raw = self._raw(client, key)
        if raw is None or raw["State"]["Name"] in _ENDED:
            return None
        told = client.describe_instance_attribute(InstanceId=key, Attribute="userData")
        data = told.get("UserData", {}).get("Value")
        mapped = [each["Ebs"]["VolumeId"] for each in raw.get("BlockDeviceMappings") or ()]
        disks = client.describe_volumes(VolumeIds=mapped)["Volumes"] if mapped else []
        return {**raw, "_data": data, "_disk": disks[0] if disks else {}}

    def state(self, raw: Raw) -> Plain:
        """What AWS tells of it."""
        options, disk = raw.get("MetadataOptions") or {}, raw["_disk"]
        metadata: Plain = {
            ours: options[theirs] for ours, theirs in _METADATA.items() if theirs in options
        }
        primary = [
            each["NetworkInterfaceId"]
            for each in raw.get("NetworkInterfaces") or ()
            if each.get("Attachment", {}).get("DeviceIndex") == 0
        ]
        told: Plain = {
            "ami": raw["ImageId"],
            "instanceType": raw["InstanceType"],
            "keyName": raw.get("KeyName"),
            "primaryNetworkInterface": {"networkInterfaceId": primary[0]} if primary else None,
            "rootBlockDevice": {
                "encrypted": bool(disk.get("Encrypted")),
                "volumeType": disk.get("VolumeType"),
                "volumeSize": disk.get("Size"),
                "deleteOnTermination": True,
                "tags": {each["Key"]: each["Value"] for each in disk.get("Tags") or ()},
            },
            "availabilityZone": raw.get("Placement", {}).get("AvailabilityZone"),
            "instanceState": raw["State"]["Name"],
            "privateIp": raw.get("PrivateIpAddress"),
            "publicIp": raw.get("PublicIpAddress") or "",
            "subnetId": raw.get("SubnetId"),
        }
        if raw["_data"]:
            told["userData"] = base64.b64decode(raw["_data"]).decode()
        if metadata:
            told["metadataOptions"] = metadata
        return told

    def change(self, client: Any, key: str, news: Plain, changed: set[str]) -> None:  # noqa: ANN401
        """Change its metadata service in place, and its type while it is stopped."""
        if "metadataOptions" in changed:
            client.modify_instance_metadata_options(InstanceId=key, **_metadata(news))
        if "instanceType" in changed:
            client.stop_instances(InstanceIds=[key])
            until(lambda: self._state(client, key) == "stopped", f"stop of instance {key}")
            client.modify_instance_attribute(
                InstanceId=key, InstanceType={"Value": news["instanceType"]}
            )
            client.start_instances(InstanceIds=[key])
            self.settle(client, key, news)
        super().change(client, key, news, changed - {"metadataOptions", "instanceType"})

    def remove(self, client: Any, key: str) -> None:  # noqa: ANN401
        """End it and wait until it has ended, so that its interface is free."""
        client.terminate_instances(InstanceIds=[key])
        until(lambda: self._state(client, key) in _ENDED, f"end of instance {key}")


def _inside(value: Value) -> Plain:
    return value if isinstance(value, dict) else {}


def _metadata(inputs: Plain) -> Raw:
    options = _inside(inputs.get("metadataOptions"))
    return {
        theirs: options[ours] for ours, theirs in _METADATA.items() if options.get(ours) is not None
    }
