// The echo server as one would write it.
import { type Address, main, type Socket, StreamServer } from "../../mod.ts";

async function handle(socket: Socket): Promise<void> {
  while (true) {
    const data = await socket.recv(4096);
    if (data.length === 0) return;
    await socket.sendAll(data);
  }
}

export default function echoServer(address: Address = 4000): StreamServer {
  return new StreamServer(address, handle, { backlog: 1024 });
}

if (import.meta.main) main(() => echoServer().serveForever());
