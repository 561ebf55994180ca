"""A DHCP server for one client: enough for dhclient, which cloud-init runs before it asks for metadata."""

import contextlib
import socket
import struct
import threading

MESSAGE_TYPE, SERVER_ID, LEASE_TIME, SUBNET_MASK, ROUTER, MTU, END = 53, 54, 51, 1, 3, 26, 255
DISCOVER, OFFER, REQUEST, ACK = 1, 2, 3, 5
MAGIC = bytes([99, 130, 83, 99])
HEADER_BYTES = 236  # before the magic; RFC 2131, section 2
LEASE_S = 86400


class DhcpServer:
    """Answers on a datagram socket of port 67 until it is closed."""

    def __init__(self, box: socket.socket, client: str, router: str, prefix: int) -> None:
        self._box = box
        self._client = socket.inet_aton(client)
        self._router = socket.inet_aton(router)
        self._mask = struct.pack("!I", 0xFFFFFFFF << (32 - prefix) & 0xFFFFFFFF)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering."""
        with contextlib.suppress(OSError):  # it was never connected; the reader wakes all the same
            self._box.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._box.close()

    def _serve(self) -> None:
        while True:
            try:
                request = self._box.recv(4096)
            except OSError:
                return
            if not request:
                return
            if answer := self.answer(request):
                with contextlib.suppress(OSError):  # the cable may be out just now; the client asks again
                    self._box.sendto(answer, ("255.255.255.255", 68))

    def answer(self, request: bytes) -> bytes | None:
        """What is sent back to a client's datagram; None if it is none that asks."""
        if len(request) < HEADER_BYTES + 4 or request[0] != 1 or request[HEADER_BYTES:][:4] != MAGIC:
            return None
        asked = _options(request[HEADER_BYTES + 4 :]).get(MESSAGE_TYPE)
        kind = {bytes([DISCOVER]): OFFER, bytes([REQUEST]): ACK}.get(asked or b"")
        if kind is None:
            return None
        transaction, hardware = request[4:8], request[28:44]
        header = bytes([2, 1, 6, 0]) + transaction + bytes([0, 0, 0x80, 0]) + bytes(4)
        header += self._client + self._router + bytes(4) + hardware + bytes(192)
        options = {
            MESSAGE_TYPE: bytes([kind]),
            SERVER_ID: self._router,
            LEASE_TIME: struct.pack("!I", LEASE_S),
            SUBNET_MASK: self._mask,
            ROUTER: self._router,
            MTU: struct.pack("!H", 1500),
        }
        told = b"".join(bytes([code, len(value)]) + value for code, value in options.items())
        return (header + MAGIC + told + bytes([END])).ljust(300, b"\0")


def _options(block: bytes) -> dict[int, bytes]:
    options: dict[int, bytes] = {}
    place = 0
    while place + 1 < len(block) and block[place] != END:
        if block[place] == 0:  # padding
            place += 1
            continue
        size = block[place + 1]
        options[block[place]] = block[place + 2 : place + 2 + size]
        place += 2 + size
    return options
