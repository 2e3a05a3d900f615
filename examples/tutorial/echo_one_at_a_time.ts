// An echo server that has eyes for one client only: the next one waits until this one has left.
import { each, main, Socket } from "../../mod.ts";

async function echo(conn: Deno.Conn): Promise<void> {
  using socket = new Socket(conn);
  while (true) {
    const data = await socket.recv(1024); // waits until something comes
    if (data.length === 0) break;
    await socket.sendAll(data); // waits until it has left
  }
}

export default async function echoOneAtATime(listener: Deno.Listener): Promise<void> {
  for await (const conn of each(listener)) { // waits for a client
    await echo(conn); // waits until it has left
  }
}

if (import.meta.main) main(() => echoOneAtATime(Deno.listen({ port: 4000 })));
