// Has lines shouted by examples/unix_socket_server.ts: `deno run -A examples/unix_socket_client.ts /tmp/shout.sock hello
// world` prints HELLO and WORLD; gevent's unixsocket_client.py.
import { connect, main } from "../mod.ts";

main(async () => {
  const [path, ...lines] = Deno.args;
  if (path === undefined) {
    console.error("Usage: unix_socket_client.ts PATH LINE...");
    Deno.exit(2);
  }
  using socket = await connect({ path }, { timeout: 5000 });
  socket.timeout = 5000;
  for (const line of lines) {
    await socket.sendAll(new TextEncoder().encode(`${line}\n`));
    console.log(new TextDecoder().decode(await socket.readLine()).trimEnd());
  }
});
