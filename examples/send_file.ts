// Sends a file to everybody who connects: `deno run -A examples/send_file.ts README.md 4000`, then `nc localhost 4000`. No
// client waits for a slow one, and none takes more memory than a piece of the file; gevent's geventsendfile.py.
import { formatAddress, GreenletExit, main, type Socket, StreamServer } from "../mod.ts";

async function serve(socket: Socket, path: string): Promise<void> {
  const peer = formatAddress(socket.remoteAddr);
  using file = await Deno.open(path);
  const start = performance.now();
  try {
    const count = await socket.sendFile(file, { timeout: 60_000 });
    console.log(`${peer} got ${count} bytes in ${Math.round(performance.now() - start)} ms`);
  } catch (error) {
    if (error instanceof GreenletExit) throw error;
    console.log(`${peer} failed: ${(error as Error).message}`);
  }
}

main(async () => {
  const [path, port = "4000"] = Deno.args;
  if (path === undefined) {
    console.error("Usage: send_file.ts FILE [PORT]");
    Deno.exit(2);
  }
  await using server = new StreamServer(port, (socket) => serve(socket, path), { spawn: 1000 });
  await server.start();
  console.log(`Port ${server.port} sends ${path} (Ctrl-C to stop)`);
  await server.serveForever();
});
