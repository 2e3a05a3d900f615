"""Hello World on gevent's pywsgi: one greenlet for each connection."""

import socket

from gevent.pywsgi import WSGIServer


class Server(WSGIServer):
    def handle(self, sock, address):
        # It sends head and body one by one; the body would wait 40 ms for the client's acknowledgement.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().handle(sock, address)


def hello(_environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "12")])
    return [b"Hello World!"]


server = Server(("127.0.0.1", 0), hello, log=None)
server.start()
print(server.server_port, flush=True)
server.serve_forever()
