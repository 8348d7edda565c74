"""The slots in which photos are read, and the order in which they are handed out."""

import asyncio
import contextlib
from collections import deque


class FairSlots:
    """`count` slots, first come first served; a caller that needs all of them goes before the others.

    A waiter that is cancelled leaves the queue without having held a slot.
    """

    def __init__(self, count: int) -> None:
        self._count = self._free = count
        self._alone: deque[asyncio.Future[None]] = deque()
        self._others: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """How many callers wait."""
        return len(self._alone) + len(self._others)

    async def take(self, *, alone: bool = False) -> None:
        """Wait for a slot or, to be `alone`, for all of them."""
        turn = asyncio.get_running_loop().create_future()
        queue = self._alone if alone else self._others
        queue.append(turn)
        self._hand_out()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                with contextlib.suppress(ValueError):  # _hand_out() may have come across it first
                    queue.remove(turn)
                self._hand_out()  # what waited behind it may fit
            else:
                self.give_back(alone=alone)
            raise

    def give_back(self, *, alone: bool = False) -> None:
        """Give back what take() gave, to the next in the queue."""
        self._free += self._needed(alone=alone)
        self._hand_out()

    def _hand_out(self) -> None:
        while queue := self._alone or self._others:
            if not queue[0].cancelled():
                needed = self._needed(alone=queue is self._alone)
                if needed > self._free:
                    return
                self._free -= needed
                queue[0].set_result(None)
            queue.popleft()

    def _needed(self, *, alone: bool) -> int:
        return self._count if alone else 1
