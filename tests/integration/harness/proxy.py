# SPDX-License-Identifier: GPL-3.0-or-later
"""A network that fails: a TCP proxy on loopback whose connections meet a fate drawn by lot."""

import select
import socket
import struct
import threading

# What becomes of a connection, and how often. The others than "well" do it after some bytes.
FATES = {
    "well": 10,
    "reset": 2,  # RST to both
    "end": 2,  # FIN in mid-sentence
    "stall": 1,  # nothing goes through any more
    "garbage": 1,  # some bytes are others, towards the client
    "noise": 1,  # and towards the server
}


class Proxy:
    def __init__(self, port: int, lots):
        self.target, self._lots = port, lots
        self.fates = dict.fromkeys(FATES, 0)
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._closing = False
        self.calm = False  # from now on all goes well
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self._start(self._accept)

    def host(self, slots: int = 4) -> str:
        return f"127.0.0.1:{self.port}/{slots}"

    def cut(self) -> None:
        """Every connection that there is, by a reset."""
        with self._lock:
            for sock in self._open:
                _reset(sock)

    def close(self) -> None:
        self._closing = True
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.cut()
        for thread in self._threads:
            thread.join()

    def _start(self, target, *args) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            fate = "well"
            if not self.calm:
                fate = self._lots.choices(list(FATES), FATES.values())[0]
            self.fates[fate] += 1
            # Small ones hit the handshake, large ones the blobs.
            after = int(2 ** self._lots.uniform(0, 24)) if fate != "well" else 1 << 62
            self._start(self._serve, client, fate, after)

    def _serve(self, client: socket.socket, fate: str, after: int) -> None:
        with client:
            try:
                server = socket.create_connection(("127.0.0.1", self.target), 10)
            except OSError:
                _reset(client)
                return
            with server:
                with self._lock:
                    self._open |= {client, server}
                try:
                    self._pump(client, server, fate, after)
                except OSError:
                    pass
                finally:
                    with self._lock:
                        self._open -= {client, server}

    def _pump(self, client, server, fate, left) -> None:
        other = {client: server, server: client}
        while not self._closing:
            for sock in select.select([client, server], [], [], 0.2)[0]:
                if sock.fileno() < 0:
                    return
                data = sock.recv(1 << 16)
                if not data:
                    return
                if left >= len(data):
                    left -= len(data)
                    other[sock].sendall(data)
                    continue
                data = self._broken(data, left, fate, sock is server)
                left = 1 << 62 if fate in ("garbage", "noise") and data else left
                if fate == "reset":
                    _reset(client)
                    _reset(server)
                    return
                other[sock].sendall(data)
                if fate == "end":
                    return
                if fate == "stall":
                    self._hold(client, server)
                    return

    def _broken(self, data, left, fate, from_server) -> bytes:
        if fate in ("garbage", "noise"):
            if from_server != (fate == "garbage"):
                return data
            piece = bytearray(data)
            for _ in range(self._lots.randrange(1, 4)):
                piece[self._lots.randrange(left, len(piece))] ^= 1 << self._lots.randrange(8)
            return bytes(piece)
        return data[:left]

    def _hold(self, client, server) -> None:
        """Until either of them, or we, have had enough."""
        while not self._closing and not self.calm:
            for sock in select.select([client, server], [], [], 0.2)[0]:
                if sock.fileno() < 0 or not sock.recv(1 << 16):
                    return


def _reset(sock: socket.socket) -> None:
    """Closed from another thread it would stay open in a select: shut down, then closed there."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
