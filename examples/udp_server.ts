// Answers each datagram with its size: `deno run --allow-net examples/udp_server.ts [port]`, then examples/udp_client.ts;
// gevent's udp_server.py.
import { DatagramServer, formatAddress, main } from "../mod.ts";

const decoder = new TextDecoder();
const encoder = new TextEncoder();

main(async () => {
  const port = Number(Deno.args[0] ?? 9000);
  await using server: DatagramServer = new DatagramServer(port, async (data, address) => {
    console.log(`${formatAddress(address)}: got ${JSON.stringify(decoder.decode(data))}`);
    await server.sendTo(encoder.encode(`Received ${data.length} bytes`), address);
  });
  await server.start();
  console.log(`Receiving datagrams at port ${server.port} (Ctrl-C to stop)`);
  await server.serveForever();
});
