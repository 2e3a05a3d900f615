// A server that others on this machine reach by a file, if they belong to the same user:
// `deno run -A examples/unix_socket_server.ts /tmp/shout.sock`, then examples/unix_socket_client.ts. It answers each line
// in upper case; gevent's unixsocket_server.py.
import { main, type Socket, StreamServer } from "../mod.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

async function shout(socket: Socket): Promise<void> {
  for (let line = await socket.readLine(); line.length > 0; line = await socket.readLine()) {
    await socket.sendAll(encoder.encode(decoder.decode(line).toUpperCase()));
  }
}

main(async () => {
  const [path] = Deno.args;
  if (path === undefined) {
    console.error("Usage: unix_socket_server.ts PATH");
    Deno.exit(2);
  }
  // The file of a server that was killed is replaced, that of one that runs is not.
  await using server = new StreamServer({ path }, shout, { mode: 0o600 });
  await server.start();
  console.log(`Shouting at ${path} (Ctrl-C to stop)`);
  await server.serveForever();
});
