"""A CLIP service in small, which can also behave badly: what stands behind CLIP_API_URL."""

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

VECTOR = json.dumps({"result": ["0.0123456789012345", "-0.5"]}).encode()


@dataclass(frozen=True)
class Asked:
    """A request: path, headers, and bytes of its body."""

    path: str
    headers: Message
    body: bytes


@dataclass
class FakeClip:
    """A running service. `manner` is how it answers: a status, or one of Handler.MANNERS."""

    key: str
    url: str = ""
    manner: str = "200"
    asked: list[Asked] = field(default_factory=list)
    left: threading.Event = field(default_factory=threading.Event)
    """A client has hung up before it had sent everything, or had its answer."""
    release: threading.Event = field(default_factory=threading.Event)
    """The answers that wait are given."""

    def paths(self) -> list[str]:
        return [each.path for each in self.asked]


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    fake: FakeClip

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        self.close_connection = True
        if self.fake.manner in {"hangs up at once", "answers early"}:
            self._do_without_the_body()
            return
        body = self._read()
        if body is None:
            self.fake.left.set()
            return
        self.fake.asked.append(Asked(self.path, self.headers, body))
        if self.headers["api-key"] != self.fake.key:
            self._answer(401, b'{"detail":"Invalid API key"}')
        elif self.path == "/check":
            self._answer(200, b'{"result":"pass","title":"mt-photos-ai"}')
        elif self.path.startswith("/clip/"):  # it restarts without an answer
            MANNERS.get(self.fake.manner, Handler._answer_as_told)(self)

    def _do_without_the_body(self) -> None:
        if self.fake.manner == "answers early":
            self._answer(200, VECTOR)
            self.connection.shutdown(socket.SHUT_WR)
            while self.rfile.read(65536):
                pass

    def _read(self) -> bytes | None:
        """The body, or None if it broke off."""
        if "chunked" not in self.headers.get("transfer-encoding", ""):
            size = int(self.headers["content-length"] or 0)
            body = self.rfile.read(size)
            return body if len(body) == size else None
        body = b""
        while size := int(self.rfile.readline() or b"-1", 16):
            if size < 0:
                return None
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _begin(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _answer(self, status: int, body: bytes) -> None:
        self._begin(status, {"content-type": "application/json", "content-length": str(len(body))})
        self.wfile.write(body)

    def _answer_as_told(self) -> None:
        self._answer(int(self.fake.manner), VECTOR)

    def _hang_up(self) -> None:
        pass

    def _hang_up_half_way(self) -> None:
        self._begin(200, {"content-length": "5000"})
        self.wfile.write(VECTOR)

    def _wait(self) -> None:
        self.connection.settimeout(0.01)
        while not self.fake.release.is_set():
            with contextlib.suppress(TimeoutError):
                if not self.connection.recv(1):
                    self.fake.left.set()
                    return
        self._answer(200, VECTOR)

    def _redirect(self) -> None:
        self._begin(307, {"location": f"{self.fake.url}/elsewhere", "content-length": "0"})

    def _answer_much(self) -> None:
        with contextlib.suppress(OSError):
            self._answer(200, b'{"result":["' + b"0" * 20_000_000 + b'"]}')

    def _answer_in_chunks(self) -> None:
        self._begin(200, {"transfer-encoding": "chunked", "content-type": "application/json"})
        for byte in VECTOR:
            self.wfile.write(b"1\r\n%c\r\n" % byte)
        self.wfile.write(b"0\r\n\r\n")

    def _answer_a_page(self) -> None:
        self._answer(200, b"<h1>NAS</h1>")

    def _set_a_cookie(self) -> None:
        self._begin(200, {"set-cookie": "a=b", "x-secret": "c", "content-length": str(len(VECTOR))})
        self.wfile.write(VECTOR)


MANNERS: dict[str, Callable[[Handler], None]] = {
    "hangs up": Handler._hang_up,
    "hangs up half way": Handler._hang_up_half_way,
    "is slow": Handler._wait,
    "redirects": Handler._redirect,
    "answers 20 MB": Handler._answer_much,
    "answers in chunks": Handler._answer_in_chunks,
    "answers a page": Handler._answer_a_page,
    "sets a cookie": Handler._set_a_cookie,
}


@contextlib.contextmanager
def clip_service(key: str) -> Iterator[FakeClip]:
    """A CLIP service with this key on the loopback address, until the block ends."""
    fake = FakeClip(key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"fake": fake}))
    server.daemon_threads = True
    fake.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield fake
    finally:
        fake.release.set()
        server.shutdown()
        server.server_close()
        thread.join()
