// An echo server in plain Deno, with a greenlet for each client; as everything is patched, its greenlets can be killed.
import { main, spawn } from "../../mod.ts";
import { patchAll } from "../../monkey/mod.ts";

async function echo(conn: Deno.Conn): Promise<void> {
  using _ = conn;
  const buffer = new Uint8Array(1024);
  while (true) {
    const count = await conn.read(buffer); // waits until something comes
    if (count === null) break;
    for (let sent = 0; sent < count;) sent += await conn.write(buffer.subarray(sent, count));
  }
}

export default async function monkeyEcho(listener: Deno.Listener): Promise<void> {
  for await (const conn of listener) { // waits for a client
    spawn(echo, conn);
  }
}

if (import.meta.main) {
  patchAll();
  main(() => monkeyEcho(Deno.listen({ port: 4000 })));
}
