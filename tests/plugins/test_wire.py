"""The language host's own reading and writing of messages, against the real messages."""

from importlib.metadata import version

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pulumi.runtime.proto import language_pb2, plugin_pb2

from lab.plugins.release import release
from lab.plugins.wire import Message, raw, text, whole

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


@given(
    pwd=TEXTS,
    arguments=st.lists(TEXTS, max_size=4),
    options=st.dictionaries(TEXTS, TEXTS, max_size=4),
    parallel=st.integers(-(2**31), 2**31 - 1),
    dry=st.booleans(),
)
def test_a_request_reads_as_it_was_written(
    *, pwd: str, arguments: list[str], options: dict[str, str], parallel: int, dry: bool
) -> None:
    """Texts, lists and options come out; numbers between them do not get in the way."""
    request = language_pb2.RunRequest(pwd=pwd, args=arguments, parallel=parallel, dryRun=dry)
    request.config["backplane:mesh"] = "{}"
    request.info.root_directory = "/root"
    request.info.options.update(options)
    got = Message(request.SerializeToString())
    assert got.text(3) == pwd
    assert [one.decode() for one in got.parts(5)] == arguments
    info = got.message(14)
    assert info.text(1) == "/root"
    assert info.text(2) == ""
    pairs = map(Message, info.message(4).parts(1))
    assert {pair.text(1): pair.message(2).text(3) for pair in pairs} == options


def test_a_message_that_ends_too_early_is_an_error() -> None:
    """A length without its bytes, or none at all, is not taken for a message."""
    assert Message(b"\x0a\x02ab").text(1) == "ab"
    for broken in (b"\x0a", b"\x0a\x82", b"\x0a\x03ab", b"\x0b"):
        with pytest.raises(ValueError, match="no message"):
            Message(broken).text(1)


@given(TEXTS)
def test_an_answer_is_the_real_message(value: str) -> None:
    """What the host writes parses as the SDK's message; another field stays empty."""
    assert plugin_pb2.PluginInfo.FromString(text(1, value)).version == value
    about = language_pb2.AboutResponse.FromString(text(2, value))
    assert (about.executable, about.version) == ("", value)


@given(st.binary(max_size=300), st.integers(0, 255))
def test_what_a_policy_pack_says_is_the_real_message(said: bytes, code: int) -> None:
    """Output of either kind and the exit code parse as the SDK's message, one of the three each."""
    read = language_pb2.RunPluginResponse.FromString
    assert (read(raw(1, said)).stdout, read(raw(1, said)).stderr) == (said, b"")
    assert read(raw(2, said)).stderr == said
    assert read(whole(3, code)).exitcode == code
    assert read(whole(3, code)).WhichOneof("output") == "exitcode"


def test_the_version_is_what_the_installer_knows() -> None:
    """As the standard library has it; a package that is not there is an error."""
    for name in ("pulumi", "pulumi_random", "pulumi_command", "pulumi_hcloud"):
        assert release(name) == version(name)
    with pytest.raises(ModuleNotFoundError, match="pulumi_none"):
        release("pulumi_none")
