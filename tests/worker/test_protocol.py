"""The messages between the service and the worker: what goes in comes out, at both ends."""

import asyncio
import socket
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ocr.types import Limits, Reading, TextLine
from runners.base import Options
from worker import protocol
from worker.async_channel import AsyncChannel
from worker.protocol import BlockingChannel, ConnectionEnded, Job, Message, Photo

texts = st.text(st.characters(exclude_categories=()), max_size=50)  # lone surrogates too, as in a path that is no UTF-8
numbers = st.floats(width=32, allow_nan=False, allow_infinity=False)
polygons = st.lists(st.tuples(numbers, numbers), min_size=4, max_size=9).map(
    lambda points: np.array(points, np.float32)
)
lines = st.builds(TextLine, polygons, texts, st.floats(0, 1))
readings = st.builds(
    Reading,
    st.lists(lines, max_size=5),
    st.dictionaries(texts, st.floats(0, 100)),
    st.tuples(st.integers(0, 10**5), st.integers(0, 10**5)),
)
messages = st.one_of(
    readings,
    st.builds(Photo, texts, st.binary(max_size=300)),
    st.builds(protocol.Loaded, texts, st.lists(texts)),
    st.builds(protocol.Begun),
    st.builds(protocol.NotLoaded, texts),
    st.builds(protocol.NotRead, st.sampled_from(sorted(protocol.ERRORS)), texts),
)


def same(one: Message, other: Message) -> bool:
    if not (isinstance(one, Reading) and isinstance(other, Reading)):
        return one == other
    return (one.seconds, one.size, len(one.lines)) == (other.seconds, other.size, len(other.lines)) and all(
        np.array_equal(a.polygon, b.polygon) and (a.text, a.score) == (b.text, b.score)
        for a, b in zip(one.lines, other.lines, strict=True)
    )


@given(st.lists(messages, max_size=4))
def test_what_the_worker_sends_the_service_receives(sent: list[Message]) -> None:
    async def received(end: socket.socket) -> list[Message]:
        channel = await AsyncChannel.open(end)
        found = [await channel.receive() for _ in sent]
        with pytest.raises(ConnectionEnded):
            await channel.receive()
        await channel.close()
        return found

    ours, theirs = socket.socketpair()
    with theirs:
        channel = BlockingChannel(theirs)
        for message in sent:
            channel.send(message)
        theirs.shutdown(socket.SHUT_WR)
        assert all(map(same, asyncio.run(received(ours)), sent))


@given(st.lists(messages, max_size=4))
def test_what_the_service_sends_the_worker_receives(sent: list[Message]) -> None:
    async def send(end: socket.socket) -> None:
        channel = await AsyncChannel.open(end)
        for message in sent:
            await channel.send(message)
        await channel.close()

    ours, theirs = socket.socketpair()
    with theirs:
        asyncio.run(send(ours))
        channel = BlockingChannel(theirs)
        assert all(same(channel.receive(), message) for message in sent)
        with pytest.raises(ConnectionEnded):
            channel.receive()


def test_a_photo_crosses_in_pieces_and_is_not_copied_into_json() -> None:
    photo = Photo("id", bytes(range(256)) * 50_000)
    head, data = protocol.encode(photo)
    assert data is photo.file
    assert len(head) < 100
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sending = threading.Thread(target=BlockingChannel(ours).send, args=(photo,))
        sending.start()
        assert BlockingChannel(theirs).receive() == photo
        sending.join()


def test_a_connection_that_ends_in_the_middle_of_a_message_has_ended() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        head, _ = protocol.encode(Photo("id", b"bytes"))
        ours.sendall(head)
        ours.close()
        with pytest.raises(ConnectionEnded):
            BlockingChannel(theirs).receive()


@pytest.mark.parametrize("folder", [None, "models"])
def test_a_job_survives_the_command_line(tmp_path: Path, folder: str | None) -> None:
    model_dir = tmp_path / folder if folder else None
    options = Options("ppocrv6", 2, Limits(2000, 10**8, 0.5), model_dir, mmocr={"recognizer": "none"})
    assert Job.from_argument(Job("module:Class", options).to_argument()) == Job("module:Class", options)
