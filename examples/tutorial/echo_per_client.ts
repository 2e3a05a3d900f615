// The same echo server with a greenlet for each client, where others start a thread.
import { each, main, Socket, spawn } from "../../mod.ts";

async function echo(conn: Deno.Conn): Promise<void> {
  using socket = new Socket(conn);
  while (true) {
    const data = await socket.recv(1024); // waits until something comes
    if (data.length === 0) break;
    await socket.sendAll(data); // waits until it has left
  }
}

export default async function echoPerClient(listener: Deno.Listener): Promise<void> {
  for await (const conn of each(listener)) { // waits for a client
    spawn(echo, conn);
  }
}

if (import.meta.main) main(() => echoPerClient(Deno.listen({ port: 4000 })));
