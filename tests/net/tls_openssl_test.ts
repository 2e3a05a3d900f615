import { assertEquals, assertFalse } from "@std/assert";
import { spawn } from "../../core/spawn.ts";
import { until } from "../../core/until.ts";
import { connect } from "../../net/connect.ts";
import { StreamServer } from "../../net/stream_server.ts";
import { startTls } from "../../net/tls.ts";
import {
  AUTHORITY,
  CERTIFICATE,
  CLIENT_CERTIFICATE,
  CLIENT_KEY,
  KEY,
  OTHER_AUTHORITY,
} from "../helpers/certificates.ts";
import { ioTest } from "../helpers/io_test.ts";
import { bytes, text } from "../helpers/sockets.ts";
import { CLIENT, hasPython, runPython, SERVER, startPython } from "../helpers/tls.ts";

const ignore = !hasPython();

/** Runs a test with the certificates in files, as OpenSSL wants them. */
function opensslTest(name: string, fn: (folder: string) => Promise<void>): void {
  ioTest(name, async () => {
    const folder = await Deno.makeTempDir();
    try {
      await Deno.writeTextFile(`${folder}/authority`, AUTHORITY);
      await Deno.writeTextFile(`${folder}/client`, CLIENT_CERTIFICATE + CLIENT_KEY);
      await Deno.writeTextFile(`${folder}/server`, CERTIFICATE + KEY);
      await fn(folder);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  }, { ignore });
}

/** Sends what it gets back in upper case, and reads to an end that must be said. */
const PYTHON_CLIENT = `
import socket, ssl, sys
port, folder, version = int(sys.argv[1]), sys.argv[2], sys.argv[3]
context = ssl.create_default_context(cafile=folder + "/authority")
context.maximum_version = getattr(ssl.TLSVersion, version)
context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
if len(sys.argv) > 4: context.load_cert_chain(folder + "/client")
plain = socket.create_connection(("127.0.0.1", port))
with context.wrap_socket(plain, server_hostname="localhost", suppress_ragged_eofs=False) as secure:
    secure.sendall(b"hello\\n")
    got = b""
    while chunk := secure.recv(65536): got += chunk
    print(secure.version(), len(got), got[:6].decode())
`;

for (const version of ["TLSv1_2", "TLSv1_3"]) {
  opensslTest(`StreamServer tells OpenSSL how a connection ends (${version})`, async (folder) => {
    await using server = new StreamServer("127.0.0.1:0", async (socket) => {
      const line = await socket.readLine();
      await socket.sendAll(bytes(text(line).toUpperCase()));
      await socket.sendAll(new Uint8Array(1_000_000));
    }, SERVER);
    await server.start();
    const printed = await until(
      runPython(PYTHON_CLIENT, String(server.port), folder, version),
    );
    assertEquals(printed, `${version.replace("_", ".")} 1000006 HELLO\n\n`);
  });
}

opensslTest("StreamServer knows OpenSSL by its certificate", async (folder) => {
  const names: unknown[] = [];
  await using server = new StreamServer("127.0.0.1:0", async (socket) => {
    names.push((await socket.tlsInfo())?.peerCertificate?.subject.CN);
    await socket.sendAll(await socket.readLine());
  }, { ...SERVER, clientCaCerts: [OTHER_AUTHORITY] });
  await server.start();
  const port = String(server.port);
  for (const version of ["TLSv1_2", "TLSv1_3"]) {
    const printed = await until(runPython(PYTHON_CLIENT, port, folder, version, "with client"));
    assertEquals(printed, `${version.replace("_", ".")} 6 hello\n\n`);
    const refused = await runPython(PYTHON_CLIENT, port, folder, version).catch(() => "failed");
    assertFalse(refused.includes("hello"), refused);
  }
  assertEquals(names, ["A client", "A client"]);
});

/** Waits for a line in clear, goes over to TLS, and ends without saying so. */
const PYTHON_SERVER = `
import os, socket, ssl, sys
folder, version = sys.argv[1], sys.argv[2]
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(folder + "/server")
context.maximum_version = getattr(ssl.TLSVersion, version)
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
plain, _ = listener.accept()
assert plain.recv(100) == b"STARTTLS\\n"
plain.sendall(b"220\\n")
secure = context.wrap_socket(plain, server_side=True)
secure.sendall(secure.recv(100) * 20000)
os._exit(0)
`;

for (const version of ["TLSv1_2", "TLSv1_3"]) {
  opensslTest(`startTls() gets all of a server with OpenSSL (${version})`, async (folder) => {
    await using server = startPython(PYTHON_SERVER, folder, version);
    const [port] = await server.printed(/^\d+(?=\n)/);
    const plain = await connect(Number(port));
    await plain.sendAll(bytes("STARTTLS\n"));
    assertEquals(text(await plain.readLine()), "220\n");
    using secure = await startTls(plain, CLIENT);
    assertEquals((await secure.tlsInfo())?.version, version.replace("_", "."));
    await secure.sendAll(bytes("hello\n"));
    const reading = spawn(() => secure.recvExactly(120_000));
    assertEquals(text(await reading.get()), "hello\n".repeat(20_000));
    assertEquals((await secure.recv()).length, 0);
  });
}
