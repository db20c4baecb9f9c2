"""A shardwire client in Python's standard library, written from docs/protocol.md: one request at a time."""
import socket
import struct
import sys
import zlib

MESSAGE, REQUEST, RESPONSE, ERROR, CANCEL, CONTROL = 0, 1, 2, 3, 4, 7
PING, PONG = 0, 1
MAX_FRAME_BYTES = 1048576


class ShardwireError(Exception):
    def __init__(self, error):
        super().__init__(f"{error['name']} ({error['code']}): {error['message']}")
        self.code, self.retryable = error["code"], error["retryable"]


class Client:
    def __init__(self, host, port):
        self.socket = socket.create_connection((host, port), timeout=10)
        self.stream, self.last_id = self.socket.makefile("rb"), 0

    def request(self, route, body=b""):
        self.last_id = self.last_id % 0xFFFFFFFF + 1
        self.send(REQUEST, route, struct.pack(">I", self.last_id) + body)
        while True:
            kind, _, frame_id, answer = self.receive()
            if kind == ERROR and frame_id in (self.last_id, 0):
                raise ShardwireError(unpack(answer)[0])
            if kind == RESPONSE and frame_id == self.last_id:
                return answer

    def send(self, kind, route, payload=b""):
        head = struct.pack(">HI", kind << 12 | route, len(payload)) + payload
        self.socket.sendall(head + struct.pack(">I", zlib.crc32(head)))

    def receive(self):
        """The next frame that is no CONTROL frame: kind, route, id (0 for a MESSAGE) and body."""
        while True:
            prefix = self.read(6)
            header, length = struct.unpack(">HI", prefix)
            if length > MAX_FRAME_BYTES:
                raise ConnectionError(f"a frame of {length} bytes")
            payload = self.read(length)
            if struct.unpack(">I", self.read(4))[0] != zlib.crc32(prefix + payload):
                raise ConnectionError("bad CRC")
            kind, route, frame_id = header >> 12 & 7, header & 0xFFF, 0
            if kind == CONTROL:
                if route == PING:
                    self.send(CONTROL, PONG, payload)
                continue
            if kind != MESSAGE:
                frame_id, payload = struct.unpack(">I", payload[:4])[0], payload[4:]
            if header & 0x8000:
                payload = payload[2 + struct.unpack(">H", payload[:2])[0]:]
            return kind, route, frame_id, payload

    def read(self, count):
        data = self.stream.read(count)
        if len(data) < count:
            raise ConnectionError("the server closed the connection")
        return data


def pack(value):
    """Msgpack, only as far as greet needs it: maps of at most 15 entries, and strings."""
    if isinstance(value, dict):
        return bytes([0x80 | len(value)]) + b"".join(pack(key) + pack(item) for key, item in value.items())
    text = value.encode()
    return struct.pack(">BH", 0xDA, len(text)) + text


def unpack(data, at=0):
    """Msgpack, only as far as the demo service answers: the value at an offset, and the offset behind it."""
    first, at = data[at], at + 1
    if first < 0x80 or first >= 0xE0:
        return first - (first >= 0xE0) * 256, at
    if first < 0xA0:
        items = []
        for _ in range((first & 15) * (2 if first < 0x90 else 1)):
            item, at = unpack(data, at)
            items.append(item)
        return (dict(zip(items[::2], items[1::2])) if first < 0x90 else items), at
    if first < 0xC0 or 0xD9 <= first <= 0xDA:
        width = 0 if first < 0xC0 else first - 0xD8
        size = int.from_bytes(data[at:at + width], "big") if width else first & 31
        return data[at + width:at + width + size].decode(), at + width + size
    constants, numbers = {0xC0: None, 0xC2: False, 0xC3: True}, {0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I"}
    if first in constants:
        return constants[first], at
    return struct.unpack_from(numbers[first], data, at)[0], at + struct.calcsize(numbers[first])


if __name__ == "__main__":
    if len(sys.argv) != 3 or not sys.argv[2].isdigit():
        sys.exit(f"usage: python3 {sys.argv[0]} HOST PORT, for example 127.0.0.1 7400")
    client = Client(sys.argv[1], int(sys.argv[2]))
    client.send(MESSAGE, 1, b"x")
    print("echo by MESSAGE:", client.receive()[3].decode())
    print("echo by REQUEST:", client.request(1, b"hello").decode())
    print("greet:", unpack(client.request(2, pack({"uid": "u-1", "val": "python"})))[0])
    for route in (9, 5):
        try:
            client.request(route)
        except ShardwireError as error:
            print(f"route {route}:", error)
