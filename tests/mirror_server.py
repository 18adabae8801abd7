"""A web server on this machine that behaves as badly as it is told to, for tests of downloads."""

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

Behaviour = Callable[["Request"], None]


class Request(BaseHTTPRequestHandler):
    """One question; the behaviours below are the answers."""

    protocol_version = "HTTP/1.1"
    timeout = 20

    def do_GET(self) -> None:
        self.close_connection = True
        parts = self.path.strip("/").split("/")
        server = cast("Mirror", self.server)
        server.asked.append((self.path, self.headers.get("Range")))
        self.content = server.files.get(parts[-1], b"")
        with suppress(BrokenPipeError, ConnectionResetError):  # the client had enough
            server.behave.get(parts[0], whole)(self)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the base's name)
        """Say nothing."""

    def begin(self, status: int = 200, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.send_header("Connection", "close")
        self.end_headers()

    @property
    def wanted(self) -> int | None:
        """From which byte on, if the question says so."""
        text = self.headers.get("Range")
        return int(text.removeprefix("bytes=").split("-")[0]) if text else None

    def begin_part(self) -> bytes:
        """Begin an honest answer; what is to be sent."""
        size, start = len(self.content), self.wanted
        if start is None:
            self.begin(Content_Length=size)
            return self.content
        if start >= size:
            self.begin(416, Content_Range=f"bytes */{size}", Content_Length=0)
            return b""
        rest = self.content[start:]
        span = f"bytes {start}-{size - 1}/{size}"
        self.begin(206, Content_Range=span, Content_Length=len(rest))
        return rest


class Mirror(ThreadingHTTPServer):
    """The server: a file of that name below any first folder, whose name is the behaviour's."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, files: dict[str, bytes], behave: dict[str, Behaviour]) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.files = files
        self.behave = behave
        self.asked: list[tuple[str, str | None]] = []

    def base(self, behaviour: str) -> str:
        """The address of the mirror that behaves so."""
        return f"http://127.0.0.1:{self.server_port}/{behaviour}/"

    def ranges(self, behaviour: str) -> list[str | None]:
        """The Range of every question to one of them."""
        return [range_ for path, range_ in self.asked if path.split("/")[1] == behaviour]


# -- behaviours ---------------------------------------------------------------------------------


def whole(request: Request) -> None:
    request.wfile.write(request.begin_part())


def status(code: int) -> Behaviour:
    def behave(request: Request) -> None:
        request.begin(code, Content_Length=5)
        request.wfile.write(b"sorry")

    return behave


def web_page(request: Request) -> None:
    page = b"<html>Log in to the network of this hotel</html>"
    request.begin(Content_Type="text/html; charset=utf-8", Content_Length=len(page))
    request.wfile.write(page)


def web_page_as_data(request: Request) -> None:
    request.begin(Content_Type="application/gzip")
    request.wfile.write(b"<!DOCTYPE html><html>Log in</html>")


def redirect(to: str) -> Behaviour:
    def behave(request: Request) -> None:
        request.begin(302, Location=f"/{to}/{request.path.rsplit('/', 1)[1]}", Content_Length=0)

    return behave


def redirect_elsewhere(request: Request) -> None:
    request.begin(302, Location="file:///etc/passwd", Content_Length=0)


def close_at_once(request: Request) -> None:
    request.connection.close()


def close_in_the_middle(request: Request) -> None:
    rest = request.begin_part()
    request.wfile.write(rest[: max(1, len(rest) // 2)])


def ignore_ranges_and_close(request: Request) -> None:
    request.begin(Content_Length=len(request.content))
    request.wfile.write(request.content[: len(request.content) * 3 // 4])


def ignore_ranges(request: Request) -> None:
    request.begin(Content_Length=len(request.content))
    request.wfile.write(request.content)


def say_too_little(request: Request) -> None:
    request.begin(Content_Length=len(request.content) - 100)
    request.wfile.write(request.content)


def say_too_much(request: Request) -> None:
    request.begin(Content_Length=len(request.content) + 100)
    request.wfile.write(request.content)


def say_nothing(request: Request) -> None:
    request.begin()
    request.wfile.write(request.content)


def send_more(request: Request) -> None:
    request.begin()
    request.wfile.write(request.content + b"and more" * 100)


def wrong_part(request: Request) -> None:
    size = len(request.content)
    request.begin(206, Content_Range=f"bytes 7-{size - 1}/{size}", Content_Length=size - 7)
    request.wfile.write(request.content[7:])


def other_total(request: Request) -> None:
    size = len(request.content)
    request.begin(206, Content_Range=f"bytes 0-{size - 1}/{size + 1}", Content_Length=size)
    request.wfile.write(request.content)


def another_file(request: Request) -> None:
    request.content = request.content[:-4] + b"oops"
    whole(request)


def in_chunks(request: Request) -> None:
    request.begin(Transfer_Encoding="chunked")
    for start in range(0, len(request.content), 5000):
        piece = request.content[start : start + 5000]
        request.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
    request.wfile.write(b"0\r\n\r\n")


def in_chunks_and_close(request: Request) -> None:
    request.begin(Transfer_Encoding="chunked")
    request.wfile.write(b"%x\r\n%s" % (len(request.content), request.content[:5000]))


def stall(seconds: float) -> Behaviour:
    def behave(request: Request) -> None:
        rest = request.begin_part()
        request.wfile.write(rest[: len(rest) // 3])
        request.wfile.flush()
        time.sleep(seconds)

    return behave


def silent(seconds: float) -> Behaviour:
    def behave(_: Request) -> None:
        time.sleep(seconds)

    return behave


def trickle(pause: float, seconds: float) -> Behaviour:
    def behave(request: Request) -> None:
        for byte in request.begin_part()[: int(seconds / pause)]:
            request.wfile.write(bytes([byte]))
            request.wfile.flush()
            time.sleep(pause)

    return behave


def at_first(behaviour: Behaviour, then: Behaviour = whole) -> Behaviour:
    """Behave so once, and in another way from then on."""
    behaviours = [behaviour]

    def behave(request: Request) -> None:
        (behaviours.pop() if behaviours else then)(request)

    return behave


def nonsense(request: Request) -> None:
    request.wfile.write(b"220 mail server ready\r\n\r\n")


@contextmanager
def mirror(files: dict[str, bytes], **behave: Behaviour) -> Generator[Mirror]:
    """Serve files for the time of a block."""
    server = Mirror(files, behave)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
