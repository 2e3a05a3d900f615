// A proxy for HTTP and HTTPS: `deno run --allow-net examples/web_proxy.ts 8080`, then `curl -x http://localhost:8080
// https://example.com/`. What gevent's webproxy.py does by rewriting pages is here what browsers understand as a proxy.
// Only this machine can use it: whoever can use a proxy is let in wherever it is.
import {
  connect,
  formatAddress,
  GreenletExit,
  main,
  type Socket,
  StreamServer,
  TaskGroup,
  Timeout,
} from "../mod.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What a client asks for: the first line taken apart, and the other lines of the head, with their ends. */
interface Head {
  readonly method: string;
  readonly target: string;
  readonly fields: readonly string[];
}

async function readHead(client: Socket): Promise<Head | undefined> {
  const lines: string[] = [];
  for (let size = 0; size < 65536;) {
    const line = decoder.decode(await client.readLine({ limit: 16384 }));
    if (line === "") return undefined;
    if (line === "\r\n") {
      const [method = "", target = ""] = lines[0]?.split(" ") ?? [];
      return { method, target, fields: lines.slice(1) };
    }
    lines.push(line);
    size += line.length;
  }
  throw new RangeError("The head of the request is too long");
}

/** Passes on whatever comes, and then the end. */
async function pump(from: Socket, to: Socket): Promise<void> {
  for (let data = await from.recv(); data.length > 0; data = await from.recv()) {
    await to.sendAll(data);
  }
  await to.shutdown("write");
}

/** Connects to whom a request is for. */
async function open({ method, target }: Head): Promise<Socket> {
  if (method === "CONNECT") return await connect(target, { timeout: 10_000 });
  const { protocol, hostname, port } = new URL(target);
  if (protocol !== "http:") throw new TypeError(`Cannot get ${target}`);
  return await connect(`${hostname}:${port || 80}`, { timeout: 10_000 });
}

/** Begins the conversation: with HTTPS, all that the proxy sees is whom it is for. */
async function begin(
  { method, target, fields }: Head,
  client: Socket,
  host: Socket,
): Promise<void> {
  if (method === "CONNECT") {
    await client.sendAll(encoder.encode("HTTP/1.1 200 Connected\r\n\r\n"));
    return;
  }
  const { pathname, search } = new URL(target);
  const kept = fields.filter((field) => !/^(proxy-.*|connection|keep-alive):/i.test(field));
  // One request for each connection, as the next may be for another host.
  const end = "Connection: close\r\n\r\n";
  const head = `${method} ${pathname}${search} HTTP/1.1\r\n${kept.join("")}${end}`;
  await host.sendAll(encoder.encode(head));
}

/** Tells a client that its request cannot be passed on. */
async function refuse(client: Socket, error: unknown): Promise<undefined> {
  if (error instanceof GreenletExit) throw error;
  const status = error instanceof Timeout ? "504 Gateway Timeout" : "502 Bad Gateway";
  const lines = [`HTTP/1.1 ${status}`, "Connection: close", "Content-Type: text/plain", ""];
  await client.sendAll(encoder.encode(`${lines.join("\r\n")}\r\n${(error as Error).message}\n`));
}

async function serve(client: Socket): Promise<void> {
  let name = formatAddress(client.remoteAddr);
  try {
    client.timeout = 60_000; // for the head, and for a refusal
    const head = await readHead(client);
    if (head === undefined) return;
    name += ` ${head.method} ${head.target}`;
    using host = await open(head).catch((error) => refuse(client, error));
    console.log(`${name} ${host === undefined ? "failed" : "passed on"}`);
    if (host === undefined) return;
    client.timeout = null; // from here on, one direction may be silent for as long as the other speaks
    await begin(head, client, host);
    await TaskGroup.run((directions) => {
      directions.spawn(pump, client, host);
      directions.spawn(pump, host, client);
    });
  } catch (error) {
    if (error instanceof GreenletExit) throw error;
    console.log(`${name} broke off: ${(error as Error).message}`);
  }
}

main(async () => {
  const [port = "8080"] = Deno.args;
  await using server = new StreamServer(`127.0.0.1:${port}`, serve, { spawn: 1000 });
  await server.start();
  console.log(`The proxy is at http://127.0.0.1:${server.port} (Ctrl-C to stop)`);
  await server.serveForever();
});
