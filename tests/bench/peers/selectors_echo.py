"""The echo server as a loop of callbacks over the system's readiness interface."""

import selectors
import socket

selector = selectors.DefaultSelector()


class Connection:
    def __init__(self, sock):
        self.sock = sock
        self.unsent = b""
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(sock, selectors.EVENT_READ, self.on_ready)

    def on_ready(self, events):
        try:
            if events & selectors.EVENT_READ:
                data = self.sock.recv(4096)
                if not data:
                    return self.close()
                self.unsent += data
            sent = self.sock.send(self.unsent)
        except BlockingIOError:
            sent = 0
        except OSError:
            return self.close()  # the client has left
        was_stuck = not events & selectors.EVENT_READ
        self.unsent = self.unsent[sent:]
        # Who does not take its answers is not read from.
        if bool(self.unsent) != was_stuck:
            event = selectors.EVENT_WRITE if self.unsent else selectors.EVENT_READ
            selector.modify(self.sock, event, self.on_ready)

    def close(self):
        selector.unregister(self.sock)
        self.sock.close()


def accept(_events):
    connection, _ = listener.accept()
    Connection(connection)


listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
selector.register(listener, selectors.EVENT_READ, accept)
print(listener.getsockname()[1], flush=True)
while True:
    for key, events in selector.select():
        key.data(events)
