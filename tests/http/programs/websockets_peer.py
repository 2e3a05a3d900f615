"""The other end for tests of WebSockets: a server, or a client, of Python's websockets.

    websockets_peer.py server          prints its port, serves until its stdin is closed
    websockets_peer.py client URL      goes through its part and prints what came of it, as JSON

The server does what the tests' own server does: it sends back what comes in, and obeys a few commands.
"""

import asyncio
import json
import sys

import websockets


async def obey(socket):
    try:
        await obey_to_the_end(socket)
    except websockets.ConnectionClosed:
        pass  # with another code than 1000


async def obey_to_the_end(socket):
    async for message in socket:
        words = message.split(" ", 2) if isinstance(message, str) else [""]
        if words[0] == "close":
            await socket.close(int(words[1]), words[2])
        elif words[0] == "drop":
            socket.transport.abort()
        elif words[0] == "fragments":
            await socket.send(["frag", "", "ments"])
        elif words[0] == "ping":
            await asyncio.wait_for(await socket.ping(b"hello"), 30)
            await socket.send("ponged")
        elif words[0] == "protocol":
            await socket.send(socket.subprotocol or "")
        else:
            await socket.send(message)


async def serve():
    options = {"subprotocols": ["second", "first"], "max_size": 2**24, "ping_interval": None}
    async with websockets.serve(obey, "127.0.0.1", 0, **options) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


async def ending(socket):
    """Receives to the end; how that was."""
    try:
        while True:
            await socket.recv()
    except websockets.ConnectionClosed:
        return [socket.close_code, socket.close_reason]


async def talk(url):
    results = {}
    options = {"max_size": 2**24, "ping_interval": None, "subprotocols": ["first", "second"]}

    async def command(name, text):
        async with websockets.connect(url, **options) as socket:
            await socket.send(text)
            results[name] = await ending(socket)

    async with websockets.connect(url, **options) as socket:
        results["extensions"] = [extension.name for extension in socket.extensions]
        results["protocol"] = socket.subprotocol
        messages = ["grüße", "", b"\x00\xff", b"", "x" * 1_000_000, b"x" * 1_000_000]
        same = []
        for message in messages:
            await socket.send(message)
            same.append(await socket.recv() == message)
        results["same"] = same
        await socket.send(["frag", "", "ments"])
        results["fragments sent"] = await socket.recv()
        await asyncio.wait_for(await socket.ping(b"hello"), 30)
        await socket.send("ping")
        results["pinged"] = await socket.recv()
        await socket.close(4001, "bye")
        results["closed here"] = [socket.close_code, socket.close_reason]
    await command("closed there", "close 4002 grüße")
    await command("failed there", "fail")
    await command("too big", "x" * 5_000_000)
    async with websockets.connect(url, **options) as socket:
        socket.transport.abort()
    print(json.dumps(results))


if sys.argv[1] == "server":
    asyncio.run(serve())
else:
    asyncio.run(talk(sys.argv[2]))
