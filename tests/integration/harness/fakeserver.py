# SPDX-License-Identifier: GPL-3.0-or-later
"""
A server of the distcc protocol whose misbehaviour a test writes down as a function.

The framing here is independent of src/wire on purpose: four letters, eight hexadecimal digits.
"""

import dataclasses
import socket
import struct
import threading

from . import procs

TOKENS = ("DONE", "STAT", "SERR", "SOUT", "DOTO")


class Gone(Exception):
    """The client closed or reset the connection, or the server is being taken down."""


@dataclasses.dataclass
class Request:
    version: int
    argv: list[bytes]
    source: bytes


def token(name: str, value: int) -> bytes:
    return b"%s%08x" % (name.encode(), value & 0xFFFFFFFF)


def reply(status: int = 0, err: bytes = b"", out: bytes = b"", obj: bytes = b"") -> bytes:
    """A whole reply of version 1."""
    return b"".join(
        [
            token("DONE", 1),
            token("STAT", status),
            token("SERR", len(err)) + err,
            token("SOUT", len(out)) + out,
            token("DOTO", len(obj)) + obj,
        ]
    )


class Connection:
    def __init__(self, sock: socket.socket):
        self.sock = sock

    def read(self, n: int) -> bytes:
        data = b""
        while len(data) < n:
            try:
                piece = self.sock.recv(min(n - len(data), 1 << 16))
            except OSError as e:
                raise Gone from e
            if not piece:
                raise Gone
            data += piece
        return data

    def read_token(self, name: str) -> int:
        data = self.read(12)
        assert data[:4] == name.encode(), f"wanted {name}, got {data!r}"
        return int(data[4:], 16)

    def read_head(self) -> tuple[int, list[bytes], int]:
        """All but the source: version, argv, length of the source."""
        version = self.read_token("DIST")
        argv = [self.read(self.read_token("ARGV")) for _ in range(self.read_token("ARGC"))]
        return version, argv, self.read_token("DOTI")

    def read_request(self) -> Request:
        version, argv, length = self.read_head()
        return Request(version, argv, self.read(length))

    def send(self, data: bytes) -> None:
        try:
            self.sock.sendall(data)
        except OSError as e:
            raise Gone from e

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def wait_closed(self) -> None:
        """Swallow what comes until the client is gone."""
        try:
            while True:
                self.read(1)
        except Gone:
            pass


class FakeServer:
    """
    Runs script(connection) in a thread of its own for each connection, and closes the connection
    when it returns. Errors in a script (a request that is not the protocol) fail the test: see
    check().
    """

    def __init__(self, script):
        self.script = script
        self.accepted = 0
        self.errors: list[BaseException] = []
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self._start(self._accept)

    def host(self, options: str = "") -> str:
        return f"127.0.0.1:{self.port}/4{options}"

    def _start(self, target, *args) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with self._lock:
                self.accepted += 1
                self._open.add(sock)
            self._start(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        try:
            self.script(Connection(sock))
        except Gone:
            pass
        except BaseException as e:  # noqa: B902 - reported by check()
            self.errors.append(e)
        finally:
            with self._lock:
                self._open.discard(sock)
            sock.close()

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self._lock:
            for sock in self._open:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        for thread in self._threads:
            thread.join(procs.DEADLINE)

    def check(self) -> None:
        assert not self.errors, f"the fake server met: {self.errors!r}"


class FullBacklog:
    """A listening socket that takes no connection any more: connecting hangs, as to a dead host."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.port = self.listener.getsockname()[1]
        self._fillers = []
        while self._connects():
            pass

    def _connects(self) -> bool:
        sock = socket.socket()
        sock.settimeout(0.1)
        self._fillers.append(sock)
        try:
            sock.connect(("127.0.0.1", self.port))
            return True
        except TimeoutError:
            return False

    def host(self, options: str = "") -> str:
        return f"127.0.0.1:{self.port}/4{options}"

    def close(self) -> None:
        for sock in [*self._fillers, self.listener]:
            sock.close()


class ClosedPort:
    """A port that is ours and refuses: bound, never listening."""

    def __init__(self):
        self.sock = socket.socket()
        self.sock.bind(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]

    def host(self, options: str = "") -> str:
        return f"127.0.0.1:{self.port}/4{options}"

    def close(self) -> None:
        self.sock.close()
