// A TCP server that greets and counts: access it with `nc 127.0.0.1 5000`.
import { type Address, main, type Socket, StreamServer } from "../../mod.ts";

const encoder = new TextEncoder();

async function handle(socket: Socket): Promise<void> {
  await socket.sendAll(encoder.encode("Hello from a telnet!\n"));
  for (let i = 0; i < 5; i++) await socket.sendAll(encoder.encode(`${i}\n`));
}

export default function greetingServer(address: Address = "127.0.0.1:5000"): StreamServer {
  return new StreamServer(address, handle);
}

if (import.meta.main) main(() => greetingServer().serveForever());
