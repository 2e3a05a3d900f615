// Many clients at once for an echo server: a thousand of them, each with a thousand messages.
import { type Address, connect, main, spawn } from "../../mod.ts";

const message = new TextEncoder().encode("Is there anybody out there?\n");

async function client(address: Address, messages: number): Promise<number> {
  using socket = await connect(address);
  let echoes = 0;
  for (let i = 0; i < messages; i++) {
    await socket.sendAll(message);
    const echo = await socket.recvExactly(message.length);
    if (echo.every((byte, at) => byte === message[at])) echoes++;
  }
  return echoes;
}

export default async function echoLoad(
  address: Address = "127.0.0.1:4000",
  connections = 1000,
  messages = 1000,
): Promise<void> {
  const clients = Array.from({ length: connections }, () => spawn(client, address, messages));
  let echoes = 0;
  for (const one of clients) echoes += await one.get();
  console.log(`${connections} connections, ${echoes} echoes`);
}

if (import.meta.main) {
  main(async () => {
    const start = performance.now();
    await echoLoad();
    console.log(`${((performance.now() - start) / 1000).toFixed(1)} seconds`);
  });
}
