// Sends a message to examples/udp_server.ts: `deno run --allow-net examples/udp_client.ts localhost:9000 hello`. Datagrams may
// get lost, so it tries three times; gevent's udp_client.py.
import { DatagramSocket, main, Timeout } from "../mod.ts";

main(async () => {
  const [address, ...words] = Deno.args;
  if (address === undefined) {
    console.error("Usage: udp_client.ts HOST:PORT MESSAGE");
    Deno.exit(2);
  }
  const message = new TextEncoder().encode(words.join(" "));
  using socket = await DatagramSocket.connect(address, { timeout: 5000 });
  for (let attempt = 1; attempt <= 3; attempt++) {
    await socket.send(message);
    try {
      console.log(new TextDecoder().decode(await socket.recv({ timeout: attempt * 1000 })));
      return;
    } catch (error) {
      if (!(error instanceof Timeout)) throw error;
      console.log("No answer");
    }
  }
  throw new Error(`${address} does not answer`);
});
