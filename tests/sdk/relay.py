"""A relay on loopback that records the bytes of either direction."""

import socket
import struct
import threading

PIECE = 64 * 1024


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Record:
    """A file that many connections append to."""

    def __init__(self, path):
        self.file = open(path, "ab", buffering=0) if path else None
        self.lock = threading.Lock()

    def write(self, connection, piece):
        """Keeps what a connection carries together: a window of bytes may span two pieces."""
        if self.file:
            connection.append(piece)

    def flush(self, connection):
        if self.file and connection:
            with self.lock:
                self.file.write(b"".join(connection) + b"\n")


class Relay:
    """Passes bytes between whoever connects to `port` and 127.0.0.1:target, as they come; passes on how either side ends."""

    def __init__(self, target, record_to_target=None, record_to_source=None):
        self.target = target
        self.to_target, self.to_source = Record(record_to_target), Record(record_to_source)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            source, _ = self.listener.accept()
            threading.Thread(target=self.connect, args=(source,), daemon=True).start()

    def connect(self, source):
        try:
            target = socket.create_connection(("127.0.0.1", self.target))
        except OSError:
            reset(source)
            return
        for end in (source, target):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        back = threading.Thread(target=pump, args=(target, source, self.to_source), daemon=True)
        back.start()
        pump(source, target, self.to_target)
        back.join()
        source.close()
        target.close()


def pump(source, target, record):
    carried = []
    try:
        while piece := source.recv(PIECE):
            record.write(carried, piece)
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        # Either side broke: both see a break.
        reset(source)
        reset(target)
    finally:
        record.flush(carried)


def reset(end):
    try:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        end.shutdown(socket.SHUT_RD)  # wakes the other thread and sends nothing
        end.close()
    except OSError:
        pass
