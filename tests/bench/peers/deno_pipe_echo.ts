/** The echo server with the streams of Deno's connections. */

const listener = Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 1024 });
console.log(listener.addr.port);
for await (const conn of listener) {
  conn.setNoDelay();
  conn.readable.pipeTo(conn.writable).catch(() => {}); // the client has left
}
