/** The echo server as a bare loop over Deno's connections. */

const listener = Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 1024 });
console.log(listener.addr.port);
for await (const conn of listener) void echo(conn);

async function echo(conn: Deno.TcpConn): Promise<void> {
  conn.setNoDelay();
  const buffer = new Uint8Array(4096);
  try {
    for (;;) {
      const length = await conn.read(buffer);
      if (length === null) return;
      for (let sent = 0; sent < length;) sent += await conn.write(buffer.subarray(sent, length));
    }
  } catch {
    // The client has left.
  } finally {
    conn.close();
  }
}
