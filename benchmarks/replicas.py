"""Two services behind nginx, one core and one network each: is a photo lost when one dies, do two read twice as fast?

    make replicas

Needs Linux, root, nginx, iproute2 and two cores. Every replica has a network namespace of its own, as on a machine of
its own, and nginx is set up by deploy/nginx.conf. Prints what was found; exits with 1 if a request was lost.
"""

import argparse
import os
import random
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
from tqdm import tqdm

from benchmarks.drawn import draw
from benchmarks.served import ROOT, free_port, read_texts, wait_until_ready

AT_A_TIME = 8
Known = tuple[bytes, list[str] | str]
"""A photo, and what is read in it alone."""


def system(*command: str) -> None:
    """Run a command that must succeed."""
    subprocess.run(command, check=True)  # noqa: S603


@contextmanager
def network(number: int) -> Iterator[tuple[str, str]]:
    """A network namespace with one cable to this one: its name, and its address."""
    name, here, there = f"mtphotos-ocr-{number}", f"ocr{number}", f"ocr{number}n"
    address = f"203.0.113.{4 * number + 2}"  # of the block for documentation: nobody's
    with ExitStack() as cable:
        system("ip", "netns", "add", name)
        cable.callback(system, "ip", "netns", "delete", name)
        system("ip", "link", "add", here, "type", "veth", "peer", "name", there, "netns", name)
        cable.callback(system, "ip", "link", "delete", here)
        system("ip", "address", "add", f"203.0.113.{4 * number + 1}/30", "dev", here)
        system("ip", "link", "set", here, "up")
        for command in (["address", "add", f"{address}/30", "dev", there], ["link", "set", there, "up"]):
            system("ip", "-netns", name, *command)
        system("ip", "-netns", name, "link", "set", "lo", "up")
        yield name, address


class Replica:
    """A service on a core and in a network of its own."""

    def __init__(self, number: int, network: tuple[str, str], key: str, folder: Path) -> None:
        self._name, self.address = network
        self._core = str(number)
        self._folder = folder / self._name
        self._folder.mkdir()
        self._key = key
        self._process: subprocess.Popen[bytes] | None = None
        self.client = httpx.Client(
            base_url=f"http://{self.address}:8000", headers={"api-key": key}, timeout=300, trust_env=False
        )

    def start(self) -> None:
        """Start it, and come back when it is ready."""
        settings = {"API_AUTH_KEY": self._key, "HTTP_HOST": self.address, "OCR_THREADS": "1"}
        settings["TMPDIR"] = str(self._folder)  # BentoML's metrics would share one
        command = ["ip", "netns", "exec", self._name, "taskset", "--cpu-list", self._core]
        with (self._folder / "serve.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603
                [*command, sys.executable, "-m", "bentoml", "serve", "service:OcrService"],
                cwd=ROOT,
                env=os.environ | settings,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            wait_until_ready(self.client, self._process)
        except RuntimeError as error:
            sys.exit(f"{error}:\n{(self._folder / 'serve.log').read_text()}")

    def end(self, number: signal.Signals) -> None:
        """Send a signal to all its processes, and come back when it has ended."""
        if self._process and self._process.poll() is None:
            os.killpg(self._process.pid, number)
            self._process.wait(60)


@contextmanager
def proxy(addresses: Sequence[str], folder: Path) -> Iterator[str]:
    """Nginx in front of these addresses, as deploy/nginx.conf sets it up: its URL."""
    port = free_port()
    text = (ROOT / "deploy/nginx.conf").read_text("utf-8")
    text, known = re.subn(r"server 192\.0\.2\.(\d):", lambda found: f"server {addresses[int(found[1]) - 1]}:", text)
    assert known == len(addresses)
    text = text.replace("listen 8000;", f"listen 127.0.0.1:{port};")
    conf = folder / "nginx.conf"
    conf.write_text(f"daemon off;\npid {folder}/nginx.pid;\nerror_log {folder}/nginx.log;\n{text}", "utf-8")
    nginx = shutil.which("nginx") or sys.exit("install nginx")
    with subprocess.Popen([nginx, "-c", str(conf)]) as process:  # noqa: S603
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def send(
    client: httpx.Client, photos: Sequence[Known], name: str, then: Callable[[int], None] = lambda _: None
) -> tuple[float, list[str]]:
    """Send photos, and call `then` with the number of answers: photos a second, and what went wrong."""
    start, problems = time.perf_counter(), []
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        asked = {pool.submit(read_texts, client, photo): known for photo, known in photos}
        for count, future in enumerate(tqdm(as_completed(asked), total=len(asked), unit="photo", desc=name), 1):
            read = future.result()
            if isinstance(read, str) or read != asked[future]:
                problems.append(read if isinstance(read, str) else "other texts than alone")
            then(count)
    return len(photos) / (time.perf_counter() - start), problems


def main() -> None:
    """Run it and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=500, help="while one is killed and one is restarted")
    parser.add_argument("--photos", type=int, default=40, help="different ones")
    arguments = parser.parse_args()
    choose = random.Random(1)  # noqa: S311 - the same photos every time
    drawn = [draw(choose).file for _ in range(arguments.photos)]
    key = secrets.token_urlsafe(24)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        replicas = [Replica(number, stack.enter_context(network(number)), key, folder) for number in range(2)]
        url = stack.enter_context(proxy([replica.address for replica in replicas], folder))
        client = stack.enter_context(httpx.Client(base_url=url, headers={"api-key": key}, timeout=300, trust_env=False))
        for replica in replicas:
            stack.callback(replica.end, signal.SIGTERM)
            replica.start()
            known = [(photo, read_texts(replica.client, photo)) for photo in tqdm(drawn, unit="photo", desc="alone")]
        one, problems = send(replicas[0].client, known * 3, "one of them")
        two, more = send(client, known * 6, "both")
        problems += more
        background = stack.enter_context(ThreadPoolExecutor(1))

        def again(replica: Replica, number: signal.Signals) -> None:
            replica.end(number)
            replica.start()

        begun: list[Future[None]] = []

        def disturb(count: int) -> None:
            if count == arguments.requests * 3 // 10:
                begun.append(background.submit(again, replicas[0], signal.SIGKILL))
            if count == arguments.requests * 6 // 10:
                begun.append(background.submit(again, replicas[1], signal.SIGTERM))

        _, lost = send(client, choose.choices(known, k=arguments.requests), "one killed, one restarted", disturb)
        meanwhile = sum(change.done() for change in begun)
        for change in begun:
            change.result()
    for problem in problems + lost:
        print(problem)
    print(f"one replica, one core: {one:.2f} photos a second\ntwo, two cores: {two:.2f}, {two / one:.2f} times as many")
    print(
        f"{arguments.requests} photos, one replica killed, one restarted: {len(lost)} lost or read otherwise than alone"
    )
    print(f"of the two, {meanwhile} were back before the last photo")
    sys.exit(bool(problems + lost))


if __name__ == "__main__":
    main()
