"""Starts a worker with the first runner that can be loaded here."""

import asyncio
from collections.abc import Sequence

from logs import log
from ocr.errors import RunnerUnavailable
from runners.base import Options
from runners.registry import RUNNERS
from worker.process import KilledWhileLoading, WorkerProcess
from worker.timings import Timings


class Launcher:
    """Tries `runners` in order; later, the one that loaded comes first.

    `why` says how it was chosen; `device` and `optimisations` are those of the last worker that was loaded.
    """

    def __init__(self, runners: Sequence[str], options: Options, slots: int, timings: Timings) -> None:
        self._runners = list(runners)
        self._options = options
        self._slots = slots
        self._timings = timings
        self.why = ""
        self.device = ""
        self.optimisations: list[str] = []

    @property
    def runner(self) -> str:
        """The runner that was loaded last, or the first to be tried."""
        return self._runners[0]

    @property
    def model(self) -> str:
        """The model that it reads with."""
        return RUNNERS[self.runner].describe_model(self._options)

    @property
    def languages(self) -> list[str]:
        """What that model reads, as far as it is known."""
        return RUNNERS[self.runner].list_languages(self._options)

    @property
    def advice(self) -> str:
        """What would make it read much faster here."""
        return RUNNERS[self.runner].advise(self._options)

    async def launch(self) -> WorkerProcess:
        """Start a worker; a call that is cancelled leaves no process behind.

        Raises:
            RunnerUnavailable: no runner can be loaded; the message says why for each.
        """
        problems = []
        for name in self._runners:
            try:
                process = await self._start(name)
            except KilledWhileLoading:  # another runner would only be in the same trouble, or in a worse one
                raise
            except RunnerUnavailable as error:
                problems.append(str(error))
                log.warning("%s", error)
            else:
                self.why = "; ".join([*problems, f"{name} could be loaded"])
                self.device, self.optimisations = process.device, process.optimisations
                self._runners = [name, *(other for other in self._runners if other != name)]
                reads = f" ({', '.join(self.languages)})" if self.languages else ""
                log.info("ready to read with model %s%s on %s: %s", self.model, reads, process.device, self.why)
                log.info("optimisations: %s", ", ".join(process.optimisations) or "none, for this model and engine")
                if self.advice:
                    log.info("%s", self.advice)
                return process
        raise RunnerUnavailable("; ".join(problems))

    async def _start(self, name: str) -> WorkerProcess:
        seconds = self._timings.load_timeout_s
        try:
            async with asyncio.timeout(seconds):
                return await WorkerProcess.start(name, self._options, slots=self._slots, timings=self._timings)
        except TimeoutError:
            raise RunnerUnavailable(f"{name} was not loaded within {seconds:g} s") from None
