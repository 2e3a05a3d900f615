/** Malformed and malicious requests over raw sockets: what is answered, and that nothing stays behind. */

import { assert, assertEquals } from "@std/assert";
import type { HttpServer, HttpServerOptions } from "../../http/server.ts";
import { connectionsAt } from "../helpers/connections.ts";
import { RawClient, serve } from "../helpers/http.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { collectReports } from "../helpers/reports.ts";

/** Each test runs against both. */
const SERVERS: Record<string, HttpServerOptions> = {
  "HttpServer": { spawn: 50 },
  "HttpServer with a guard": { spawn: 50, guard: {} },
};

/** What a server did: the statuses it answered, then `closed` if it closed the connection. */
function outcomeOf(answer: string): string {
  return (answer.match(/(?<=HTTP\/1\.1 )\d+|closed$/g) ?? []).join(" ");
}

/** Sends something, and listens until the server has done one of what is expected, or closes the connection. */
async function tell(server: HttpServer, data: string, ...expected: string[]): Promise<string> {
  using client = await RawClient.connect(server.address);
  await client.send(Uint8Array.from(data, (char) => char.charCodeAt(0)))
    .catch(() => {}); // it may have hung up in the middle of it
  let answer = "";
  while (!expected.includes(outcomeOf(answer))) {
    const piece = await client.socket.recv().catch(() => new Uint8Array()); // a reset is one way to close
    if (piece.length === 0) return outcomeOf(`${answer} closed`);
    answer += new TextDecoder().decode(piece);
  }
  return outcomeOf(answer);
}

/** Nothing of a client that has left is kept. */
async function assertClean(server: HttpServer): Promise<void> {
  assertEquals(await (await fetch(server.url)).text(), "GET ");
  await eventually(() => server.pool.size === 0 && connectionsAt(server.port) <= 1); // fetch keeps one
}

function hostileTest(
  name: string,
  options: HttpServerOptions,
  fn: (server: HttpServer, seen: Request[]) => Promise<void>,
): void {
  for (const [which, base] of Object.entries(SERVERS)) {
    ioTest(`${which} ${name}`, async () => {
      const seen: Request[] = [];
      const server = await serve(async (request) => {
        seen.push(request);
        return `${request.method} ${await request.text()}`;
      }, { ...base, ...options });
      try {
        await fn(server, seen);
        await assertClean(server);
      } finally {
        await server.stop();
      }
    });
  }
}

const HOST = "Host: x\r\n";
const CHUNKED = `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`;
const post = (headers: string, body: string): string =>
  `POST / HTTP/1.1\r\n${HOST}${headers}\r\n${body}`;

/** By name: what is sent, then what may come back. */
const MALFORMED: Record<string, readonly [data: string, ...answers: string[]]> = {
  "Content-Length beside Transfer-Encoding": [
    post("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\nX"),
    "400 closed",
  ],
  "Transfer-Encoding beside Content-Length": [
    post(
      "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
      "5c\r\nGPOST / HTTP/1.1\r\n\r\n0\r\n\r\n",
    ),
    "400 closed",
  ],
  "two different Content-Lengths": [
    post("Content-Length: 6\r\nContent-Length: 5\r\n", "hello!"),
    "400 closed",
  ],
  "the same Content-Length twice": [
    post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"),
    "400",
    "400 closed",
  ],
  "a list as Content-Length": [post("Content-Length: 5, 5\r\n", "hello"), "400 closed"],
  "a sign in Content-Length": [post("Content-Length: +5\r\n", "hello"), "400 closed"],
  "an underscore in Content-Length": [post("Content-Length: 1_0\r\n", "hello"), "400 closed"],
  "a negative Content-Length": [post("Content-Length: -1\r\n", "hello"), "400 closed"],
  "a hexadecimal Content-Length": [post("Content-Length: 0x5\r\n", "hello"), "400 closed"],
  "a Content-Length beyond 64 bits": [
    post("Content-Length: 99999999999999999999999\r\n", "hello"),
    "400 closed",
  ],
  "a space before the colon": [post("Content-Length : 5\r\n", "hello"), "400 closed"],
  "a Transfer-Encoding that is not known": [
    post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
    "400 closed",
  ],
  "a Transfer-Encoding that is none": [
    post("Transfer-Encoding: identity\r\n", "0\r\n\r\n"),
    "400 closed",
  ],
  "a Transfer-Encoding before chunked": [
    post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"),
    "501",
    "501 closed",
  ],
  "a Transfer-Encoding after chunked": [
    post("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"),
    "400 closed",
  ],
  "Transfer-Encoding twice": [
    post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
    "400 closed",
  ],
  "Transfer-Encoding in HTTP/1.0": [
    `POST / HTTP/1.0\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    "400 closed",
  ],
  "carriage returns as line ends": [`GET / HTTP/1.1\r${HOST}\r\n\r\n`, "400 closed"],
  "NUL in a header": [`GET / HTTP/1.1\r\n${HOST}X: a\0b\r\n\r\n`, "400 closed"],
  "a folded header": [`GET / HTTP/1.1\r\n${HOST}X: a\r\n b\r\n\r\n`, "400 closed"],
  "a header without a colon": [`GET / HTTP/1.1\r\n${HOST}Xabc\r\n\r\n`, "400 closed"],
  "a header without a name": [`GET / HTTP/1.1\r\n${HOST}: abc\r\n\r\n`, "400 closed"],
  "a space in the name of a header": [`GET / HTTP/1.1\r\n${HOST}X Y: abc\r\n\r\n`, "400 closed"],
  "a header that begins with a space": [`GET / HTTP/1.1\r\n X: 1\r\n${HOST}\r\n`, "400 closed"],
  "two hosts": [`GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n`, "400 closed"],
  "the same host twice": [`GET / HTTP/1.1\r\n${HOST}${HOST}\r\n`, "400 closed"],
  "a host that is none": [`GET / HTTP/1.1\r\nHost: a b/c@d\r\n\r\n`, "400", "400 closed"],
  "HTTP/0.9": ["GET /\r\n\r\n", "400 closed"],
  "a version of HTTP to come": [`GET / HTTP/2.0\r\n${HOST}\r\n`, "400 closed"],
  "a version of HTTP that never was": [`GET / HTTP/1.2\r\n${HOST}\r\n`, "400 closed"],
  "a method that is no token": [`G@T / HTTP/1.1\r\n${HOST}\r\n`, "400 closed"],
  "TRACE": [`TRACE / HTTP/1.1\r\n${HOST}\r\n`, "400", "405", "501"],
  "CONNECT": [`CONNECT a:80 HTTP/1.1\r\n${HOST}\r\n`, "501", "405", "400"],
  "a target that is none": [`GET *x HTTP/1.1\r\n${HOST}\r\n`, "400 closed"],
  "no HTTP": ["HELLO\r\n\r\n", "400 closed"],
  "a TLS handshake": ["\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", "400 closed"],
  "a chunk size that is no number": [`${CHUNKED}zz\r\nhello\r\n0\r\n\r\n`, "closed", "400 closed"],
  "a negative chunk size": [`${CHUNKED}-5\r\nhello\r\n0\r\n\r\n`, "closed", "400 closed"],
  "a chunk size beyond 64 bits": [
    `${CHUNKED}FFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n`,
    "closed",
    "400 closed",
  ],
  "more bytes than the chunk has": [`${CHUNKED}5\r\nhelloXX0\r\n\r\n`, "closed", "400 closed"],
  "a line feed in a chunk extension": [
    `${CHUNKED}5;a\nb\r\nhello\r\n0\r\n\r\n`,
    "closed",
    "400 closed",
  ],
  "an endless chunk extension": [
    `${CHUNKED}5;${"a".repeat(100_000)}\r\nhello\r\n0\r\n\r\n`,
    "closed",
    "400 closed",
  ],
  "a request in the place of trailers": [
    `${CHUNKED}0\r\nGET /evil HTTP/1.1\r\nHost: x\r\n\r\n`,
    "closed",
    "400 closed",
  ],
  "a target of 9 KB": [`GET /${"a".repeat(9000)} HTTP/1.1\r\n${HOST}\r\n`, "414", "414 closed"],
  "two hundred headers": [
    `GET / HTTP/1.1\r\n${HOST}${"h: 1\r\n".repeat(200)}\r\n`,
    "400 closed",
    "431 closed",
  ],
  "a header of 70 KB": [
    `GET / HTTP/1.1\r\n${HOST}X: ${"a".repeat(70_000)}\r\n\r\n`,
    "400 closed",
    "431 closed",
    "closed",
  ],
};

hostileTest(
  "refuses what is malformed, does not call the app for such a head, and serves the next",
  {},
  async (server, seen) => {
    using reports = collectReports();
    for (const [name, [data, ...answers]] of Object.entries(MALFORMED)) {
      seen.length = 0;
      const answer = await tell(server, data, ...answers);
      assert(answers.includes(answer), `${name}: ${Deno.inspect(answer)} instead of ${answers}`);
      const { length } = seen;
      // Where only the body is wrong, that depends on how much of it the runtime has seen.
      if (!data.startsWith(CHUNKED)) assertEquals(length, 0, `${name}: the app was called`);
      assertEquals(await (await fetch(server.url)).text(), "GET ", name);
      assertEquals(seen.length, length + 1, `${name}: a request was left over`);
      assert(!seen.some(({ url }) => url.includes("evil")), name);
    }
    assertEquals(reports.list, []);
  },
);

hostileTest("answers what is odd but has one meaning", {}, async (server) => {
  const get = `GET / HTTP/1.1\r\n${HOST}\r\n`;
  const odd: Record<string, [data: string, answer: string]> = {
    "empty lines first": [`\r\n\r\n${get}`, "200"],
    "requests one after the other without waiting": [get.repeat(3), "200 200 200"],
    "a tab before a value": [post("Transfer-Encoding:\tchunked\r\n", "0\r\n\r\n"), "200"],
    "trailers": [`${CHUNKED}5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n`, "200"],
    "a GET with a body": [`GET / HTTP/1.1\r\n${HOST}Content-Length: 5\r\n\r\nhello`, "200"],
    "100-continue, answered once": [
      post("Expect: 100-continue\r\nContent-Length: 5\r\n", "hello"),
      "100 200",
    ],
    "a proxy's form of the target": [`GET http://other/ HTTP/1.1\r\n${HOST}\r\n`, "200"],
    "OPTIONS of the server": [`OPTIONS * HTTP/1.1\r\n${HOST}\r\n`, "200"],
  };
  const last = `GET / HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`; // nothing comes in between
  for (const [name, [data, answer]] of Object.entries(odd)) {
    const expected = `${answer} 200 closed`;
    assertEquals(await tell(server, data + last, expected), expected, name);
  }
});

hostileTest("does not take the rest of a body for a request", {}, async (server, seen) => {
  const request = post("Content-Length: 3\r\n", "abc@@@ / HTTP/1.1\r\n\r\n");
  assertEquals(await tell(server, request, "200 400 closed"), "200 400 closed");
  assertEquals(seen.length, 1);
});

hostileTest(
  "does not let headers with underscores pass for those with dashes",
  { dropUnderscores: true },
  async (server, seen) => {
    await tell(
      server,
      `GET / HTTP/1.1\r\n${HOST}X_Forwarded_For: evil\r\nX-Forwarded-For: real\r\n\r\n`,
      "200",
    );
    assertEquals(
      seen.map(({ headers }) => [headers.get("x-forwarded-for"), headers.has("x_forwarded_for")]),
      [["real", false]],
    );
  },
);

hostileTest("gets over clients that leave at any byte of a request", {}, async (server) => {
  const request = post("Content-Length: 5\r\n", "hello");
  for (let sent = 0; sent <= request.length; sent++) {
    using client = await RawClient.connect(server.address);
    await client.send(request.slice(0, sent));
    if (sent % 2 === 0) await client.socket.shutdown("write").catch(() => {});
  }
});

hostileTest("gets over clients that leave at any byte of a chunked body", {}, async (server) => {
  const request = `${CHUNKED}5\r\nhello\r\n3\r\nyou\r\n0\r\n\r\n`;
  for (let sent = CHUNKED.length - 1; sent <= request.length; sent++) {
    using client = await RawClient.connect(server.address);
    await client.send(request.slice(0, sent));
  }
});

hostileTest("gets over clients that ask to continue and leave", {}, async (server) => {
  for (let i = 0; i < 20; i++) {
    using client = await RawClient.connect(server.address);
    await client.send(post("Expect: 100-continue\r\nContent-Length: 1000000\r\n", ""));
    if (i % 2 === 0) assertEquals((await client.head()).status, 100);
  }
});

hostileTest("ends bodies that dribble in", { bodyTimeout: 50 }, async (server) => {
  using client = await RawClient.connect(server.address);
  await client.send(post("Content-Length: 1000\r\n", "a"));
  assertEquals((await client.head()).status, 408);
});

hostileTest(
  "refuses bodies that are too large, declared or not",
  { maxBodySize: 1000 },
  async (server) => {
    const declared = post("Content-Length: 1000000\r\n", "a".repeat(10_000));
    assertEquals(await tell(server, declared, "413"), "413");
    const chunk = `400\r\n${"a".repeat(1024)}\r\n`;
    const counted = `${CHUNKED}${chunk.repeat(5)}0\r\n\r\n`;
    assertEquals(await tell(server, counted, "413"), "413");
  },
);

hostileTest("serves others while many connections say nothing", {}, async (server) => {
  const silent: RawClient[] = [];
  try {
    for (let i = 0; i < 500; i++) silent.push(await RawClient.connect(server.address));
    assertEquals(await (await fetch(server.url)).text(), "GET ");
    assertEquals(await tell(server, `GET / HTTP/1.1\r\n${HOST}\r\n`, "200"), "200");
  } finally {
    for (const client of silent) client.close();
  }
});
