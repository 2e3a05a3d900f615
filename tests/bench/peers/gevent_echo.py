"""The echo server on gevent: one greenlet for each connection."""

from gevent.server import StreamServer


def echo(sock, _address):
    try:
        while True:
            data = sock.recv(4096)
            if not data:
                return
            sock.sendall(data)
    except OSError:
        pass  # the client has left
    finally:
        sock.close()


server = StreamServer(("127.0.0.1", 0), echo, backlog=1024)
server.start()
print(server.server_port, flush=True)
server.serve_forever()
