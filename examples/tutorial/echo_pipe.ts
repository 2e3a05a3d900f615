// The echo server of those who think in streams: no loop, and no place to put a breakpoint.
import { type Address, main, type Socket, StreamServer } from "../../mod.ts";

async function handle(socket: Socket): Promise<void> {
  await socket.readable.pipeTo(socket.writable);
}

export default function echoPipe(address: Address = 4000): StreamServer {
  return new StreamServer(address, handle);
}

if (import.meta.main) main(() => echoPipe().serveForever());
