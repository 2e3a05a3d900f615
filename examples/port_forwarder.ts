// Forwards connections: `deno run --allow-net examples/port_forwarder.ts 8080 example.com:80`, then open
// http://localhost:8080/. Ctrl-C lets the connections that are open go on for a while; gevent's portforwarder.py.
import {
  connect,
  formatAddress,
  GreenletExit,
  main,
  type Socket,
  StreamServer,
  TaskGroup,
} from "../mod.ts";

/** Passes on whatever comes, and then the end. */
async function pump(from: Socket, to: Socket): Promise<void> {
  for (let data = await from.recv(); data.length > 0; data = await from.recv()) {
    await to.sendAll(data);
  }
  await to.shutdown("write");
}

/** Joins a client to the destination until both have said all; when one direction fails, so does the other. */
async function forward(client: Socket, destination: string): Promise<void> {
  const peer = formatAddress(client.remoteAddr);
  try {
    using target = await connect(destination, { timeout: 10_000 });
    console.log(`${peer} connected`);
    await TaskGroup.run((directions) => {
      directions.spawn(pump, client, target);
      directions.spawn(pump, target, client);
    });
    console.log(`${peer} closed`);
  } catch (error) {
    if (error instanceof GreenletExit) throw error;
    console.log(`${peer} failed: ${(error as Error).message}`);
  }
}

main(async () => {
  const [port, destination] = Deno.args;
  if (port === undefined || destination === undefined) {
    console.error("Usage: port_forwarder.ts PORT HOST:PORT");
    Deno.exit(2);
  }
  await using server = new StreamServer(port, (client) => forward(client, destination), {
    stopTimeout: 5000,
  });
  await server.start();
  console.log(`Port ${server.port} is forwarded to ${destination} (Ctrl-C to stop)`);
  await server.serveForever();
});
