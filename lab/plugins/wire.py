"""The little of the protocol buffers' wire form that the language host needs.

Loading the library and all messages of Pulumi takes longer than what the host does itself
(https://protobuf.dev/programming-guides/encoding).
"""

from collections.abc import Iterator
from dataclasses import dataclass

# Wire types: numbers; texts, bytes and messages; the two of fixed length, with their bytes.
_VARINT, _BYTES = 0, 2
_FIXED = {1: 8, 5: 4}
# Bytes of the longest number: 64 bits, seven in each.
_LONGEST = 10


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it came in."""

    data: bytes

    def parts(self, number: int) -> list[bytes]:
        """The texts, bytes or messages of field `number`, in their order."""
        return [content for key, content in _fields(self.data) if key == number]

    def message(self, number: int) -> "Message":
        """The message of field `number`; without it an empty one."""
        return Message(b"".join(self.parts(number)))

    def text(self, number: int) -> str:
        """The text of field `number`; the last one counts, without it an empty one."""
        return (self.parts(number) or [b""])[-1].decode()


def text(number: int, value: str) -> bytes:
    """A field of text."""
    return raw(number, value.encode())


def raw(number: int, content: bytes) -> bytes:
    """A field of bytes."""
    return _packed(number << 3 | _BYTES) + _packed(len(content)) + content


def whole(number: int, value: int) -> bytes:
    """A field that is a number, not below zero."""
    return _packed(number << 3 | _VARINT) + _packed(value)


def _packed(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:  # noqa: PLR2004  seven bits in a byte
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _unpacked(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    for place, byte in enumerate(data[at : at + _LONGEST], at + 1):
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004  the eighth bit: more to come
            return value, place
        shift += 7
    raise ValueError("no message of protocol buffers: it ends within a number")


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Every field that has a length; numbers are stepped over.

    Raises:
        ValueError: these bytes are no message.
    """
    at = 0
    while at < len(data):
        key, at = _unpacked(data, at)
        number, kind = key >> 3, key & 7
        if kind == _VARINT:
            _, at = _unpacked(data, at)
        elif kind == _BYTES:
            length, at = _unpacked(data, at)
            if at + length > len(data):
                raise ValueError("no message of protocol buffers: it ends within a field")
            yield number, data[at : at + length]
            at += length
        elif kind in _FIXED:
            at += _FIXED[kind]
        else:
            raise ValueError(f"no message of protocol buffers: wire type {kind}")
