"""Images: the system ones and snapshots made from servers."""

from __future__ import annotations

from lab.api import catalogue
from lab.api.errors import ApiError, invalid, not_found
from lab.api.labels import check_labels
from lab.api.state import Server, Snapshot, State

Image = catalogue.SystemImage | Snapshot
_BY_ID = {image.id: image for image in catalogue.IMAGES}


def find(state: State, key: int) -> Image:
    """The image of this id."""
    image: Image | None = _BY_ID.get(key) or state.snapshots.get(key)
    if image is None:
        raise not_found("image", key)
    return image


def resolve(state: State, key: int | str) -> Image:
    """The image of this id or, for system images, name; it must be usable."""
    image: Image | None = None
    if isinstance(key, str):
        image = next((one for one in catalogue.IMAGES if one.name == key), None)
    if image is None and (isinstance(key, int) or key.isdecimal()):
        image = _BY_ID.get(int(key)) or state.snapshots.get(int(key))
    if image is None:
        raise invalid("image", f"image '{key}' not found")
    if isinstance(image, Snapshot) and image.status != "available":
        raise ApiError("resource_unavailable", f"image {image.id} is still being created")
    return image


def driver_name(image: Image) -> str:
    """What the driver calls the image."""
    return image.name if isinstance(image, catalogue.SystemImage) else f"snapshot-{image.id}"


def base(state: State, key: int) -> str:
    """Name of the system image an image goes back to."""
    image = find(state, key)
    return image.name if isinstance(image, catalogue.SystemImage) else image.base


def begin_snapshot(
    state: State, server: Server, *, description: str | None, labels: dict[str, str], now: str
) -> Snapshot:
    """Enter a snapshot that is being made."""
    check_labels(labels)
    snapshot = Snapshot(
        id=state.take_id(),
        name="",
        created=now,
        labels=dict(labels),
        description=description or f"snapshot of {server.name}",
        base=base(state, server.image),
        created_from_id=server.id,
        created_from_name=server.name,
        disk=server.disk,
    )
    state.snapshots[snapshot.id] = snapshot
    return snapshot


def changeable(state: State, key: int) -> Snapshot:
    """The snapshot of this id; system images cannot be changed or deleted."""
    image = find(state, key)
    if not isinstance(image, Snapshot):
        raise ApiError("forbidden", f"image {image.name} is a system image", status=403)
    return image


def check_deletable(state: State, snapshot: Snapshot) -> None:
    """Refuse to delete a protected snapshot or one that is being made."""
    if snapshot.protected:
        raise ApiError("protected", f"image {snapshot.id} is delete protected")
    if snapshot.status != "available":
        raise ApiError("locked", f"image {snapshot.id} is still being created")
    if any(server.image == snapshot.id for server in state.servers.values()):
        # The real cloud keeps such servers with no image; the lab's disks are layered on it.
        raise ApiError("resource_in_use", f"image {snapshot.id} is the base of a server's disk")
