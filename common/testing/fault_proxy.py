"""A proxy before an HTTP server that can deny, delay and cut short its answers, and keeps count.

    with FaultProxy(port_of_server) as proxy:
        proxy.fault = lambda request: Fault(status=503) if request.number % 10 == 0 else None

It is for tests of what speaks to an object store: the store behind it never fails by itself.
"""

import functools
import http.client
import http.server
import socket
import threading
import time
from typing import Callable, Dict, List, NamedTuple, Optional

_CODES = {403: "AccessDenied", 404: "NoSuchKey", 500: "InternalError", 503: "SlowDown"}
_ERROR = "<?xml version='1.0'?><Error><Code>{0}</Code><Message>{0}</Message></Error>"


class Request(NamedTuple):
    """What a client asks for.

    Attributes:
      number: of requests before it.
      method, path: of the request line; the path with its query.
      headers: by their names in lower case.
    """

    number: int
    method: str
    path: str
    headers: Dict[str, str]


class Fault(NamedTuple):
    """What happens to a request.

    Attributes:
      status: of the answer, which the server behind is not asked for; 0: its own.
      code: the S3 error code in the body of that answer; empty for the usual one of the status.
      cut: bytes of the body after which the connection closes; None for all.
      short: as cut, but the length in the answer's head is that of what comes.
      lost: bytes of the request's body that the server never gets.
    """

    status: int = 0
    code: str = ""
    cut: Optional[int] = None
    short: Optional[int] = None
    lost: int = 0


class FaultProxy:
    """The proxy, in threads of this process, from `with` to its end.

    Attributes:
      fault: decides what happens to a request; None for nothing.
      delay_secs: before each answer.
      requests: that came so far.
      port: it listens at, on 127.0.0.1.
    """

    def __init__(self, server_port: int) -> None:
        self.fault: Callable[[Request], Optional[Fault]] = lambda _: None
        self.delay_secs = 0.0
        self.requests: List[Request] = []
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        self._server.target = server_port
        self.port = self._server.server_address[1]

    def __enter__(self) -> "FaultProxy":
        serve = functools.partial(self._server.serve_forever, poll_interval=0.02)
        threading.Thread(target=serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def count(self, method: str) -> int:
        """How many requests of a method came."""
        return sum(request.method == method for request in self.requests)

    def heal(self) -> None:
        """From now on nothing fails, and the count begins anew."""
        self.fault = lambda _: None
        self.delay_secs = 0.0
        self.requests = []

    def admit(self, method: str, path: str, headers: Dict[str, str]) -> Fault:
        """Counts a request; returns what is to happen to it."""
        with self._lock:
            request = Request(len(self.requests), method, path, headers)
            self.requests.append(request)
        time.sleep(self.delay_secs)
        return self.fault(request) or Fault()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    proxy: FaultProxy
    target: int

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away in the middle is no error of a test."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def log_message(self, *_: object) -> None:
        """Nothing on stderr."""

    def _answer(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        if headers.get("expect") == "100-continue":
            self.send_response_only(100)
            self.end_headers()
        content = self.rfile.read(int(headers.get("content-length", 0)))
        fault = self.server.proxy.admit(self.command, self.path, headers)
        if fault.status:
            self._refuse(fault)
            return
        headers.pop("expect", None)
        if fault.lost:
            content = content[:-fault.lost]
            headers["content-length"] = str(len(content))
        connection = http.client.HTTPConnection("127.0.0.1", self.server.target)
        connection.request(self.command, self.path, content or None, headers)
        response = connection.getresponse()
        body = response.read()
        connection.close()
        self._pass_on(response, body, fault)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _answer

    def _refuse(self, fault: Fault) -> None:
        code = fault.code or _CODES.get(fault.status, "Error")
        body = b"" if self.command == "HEAD" else _ERROR.format(code).encode()
        self.send_response_only(fault.status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _pass_on(self, response: http.client.HTTPResponse, body: bytes, fault: Fault) -> None:
        if fault.short is not None:
            body = body[:fault.short]
        self.send_response_only(response.status)
        for name, value in response.getheaders():
            if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                self.send_header(name, value)
        length = str(len(body))
        if self.command == "HEAD":
            length = response.getheader("Content-Length", "0")
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(body if fault.cut is None else body[:fault.cut])
        if fault.cut is not None:
            self.close_connection = True
