// An echo server: `deno run -A examples/echo.ts [port]`, then `nc localhost 4000`.
import { main, type Socket, StreamServer } from "../mod.ts";

async function echo(socket: Socket): Promise<void> {
  while (true) {
    const data = await socket.recv(4096);
    if (data.length === 0) return;
    await socket.sendAll(data);
  }
}

main(async () => {
  await using server = new StreamServer(Number(Deno.args[0] ?? 4000), echo, { backlog: 1024 });
  await server.start();
  console.log(`Echo is at port ${server.port} (Ctrl-C to stop)`);
  await server.serveForever();
});
