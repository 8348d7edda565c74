"""How messages (worker/protocol.py) cross a socket on the service's side."""

import asyncio
import socket
from contextlib import suppress
from typing import Self

from worker.protocol import LENGTHS, ConnectionEnded, Message, decode, encode


class AsyncChannel:
    """One end of a socket, for the service's event loop."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, end: socket.socket) -> Self:
        """Take a connected socket over."""
        return cls(*await asyncio.open_connection(sock=end))

    async def send(self, message: Message) -> None:
        """Send a message; raises ConnectionEnded if nobody takes it."""
        head, data = encode(message)
        try:
            self._writer.write(head)
            self._writer.write(data)
            await self._writer.drain()
        except ConnectionError:
            raise ConnectionEnded from None

    async def receive(self) -> Message:
        """Wait for a message; raises ConnectionEnded if none comes any more."""
        try:
            head, data = LENGTHS.unpack(await self._reader.readexactly(LENGTHS.size))
            return decode(await self._reader.readexactly(head), await self._reader.readexactly(data))
        except (asyncio.IncompleteReadError, ConnectionError):
            raise ConnectionEnded from None

    async def close(self) -> None:
        """Close the socket; the other end notices."""
        self._writer.close()
        with suppress(ConnectionError):
            await self._writer.wait_closed()
