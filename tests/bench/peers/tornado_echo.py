"""The echo server on tornado: one coroutine for each connection."""

import asyncio

from tornado.iostream import StreamClosedError
from tornado.netutil import bind_sockets
from tornado.tcpserver import TCPServer


class EchoServer(TCPServer):
    async def handle_stream(self, stream, address):
        stream.set_nodelay(True)
        try:
            while True:
                await stream.write(await stream.read_bytes(4096, partial=True))
        except StreamClosedError:
            pass


async def main():
    sockets = bind_sockets(0, "127.0.0.1", backlog=1024)
    server = EchoServer()
    server.add_sockets(sockets)
    print(sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
