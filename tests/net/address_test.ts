import { assertEquals, assertThrows } from "@std/assert";
import {
  type Address,
  formatAddress,
  parseAddress,
  type ParsedAddress,
} from "../../net/address.ts";

const FORMS: readonly [Address, ParsedAddress][] = [
  [8000, { hostname: undefined, port: 8000 }],
  [0, { hostname: undefined, port: 0 }],
  ["8000", { hostname: undefined, port: 8000 }],
  [":8000", { hostname: undefined, port: 8000 }],
  ["*:8000", { hostname: undefined, port: 8000 }],
  ["localhost:80", { hostname: "localhost", port: 80 }],
  ["127.0.0.1:65535", { hostname: "127.0.0.1", port: 65535 }],
  ["[::1]:80", { hostname: "::1", port: 80 }],
  ["[fe80::1%eth0]:80", { hostname: "fe80::1%eth0", port: 80 }],
  [{ port: 80 }, { hostname: undefined, port: 80 }],
  [{ hostname: undefined, port: 80 }, { hostname: undefined, port: 80 }],
  [{ hostname: "", port: 80 }, { hostname: undefined, port: 80 }],
  [{ hostname: "::1", port: 80 }, { hostname: "::1", port: 80 }],
  [{ path: "/tmp/app.sock" }, { path: "/tmp/app.sock" }],
];

Deno.test("parseAddress() takes every form that gevent takes", () => {
  for (const [address, expected] of FORMS) {
    assertEquals(parseAddress(address), expected, Deno.inspect(address));
  }
});

Deno.test("parseAddress() takes what it has returned", () => {
  for (const [, parsed] of FORMS) assertEquals(parseAddress(parsed), parsed);
});

Deno.test("parseAddress() takes the address of a connection of the runtime", () => {
  const address: Deno.NetAddr = { transport: "tcp", hostname: "127.0.0.1", port: 80 };
  assertEquals(parseAddress(address), { hostname: "127.0.0.1", port: 80 });
});

Deno.test("parseAddress() throws a TypeError that names the address when that has no form it knows", () => {
  const wrong: unknown[] = [
    "",
    "localhost",
    "localhost:",
    "localhost:http",
    "::1",
    "::1:80",
    "[]:80",
    "[::1]80",
    "a:b:80",
    ":-1",
    ": 80",
    "http://localhost:80",
    {},
    { path: "" },
    { path: 5 },
    { hostname: 5, port: 80 },
    { hostname: "localhost" },
    null,
    undefined,
    true,
    [8000],
  ];
  for (const address of wrong) {
    assertThrows(() => parseAddress(address as Address), TypeError, Deno.inspect(address));
  }
});

Deno.test("parseAddress() throws a RangeError that names the address when the port is impossible", () => {
  const wrong: unknown[] = [
    -1,
    65536,
    1.5,
    NaN,
    Infinity,
    "65536",
    "localhost:65536",
    "localhost:99999999999999999999",
    { port: -1 },
    { port: "80" },
    { port: undefined },
  ];
  for (const address of wrong) {
    assertThrows(() => parseAddress(address as Address), RangeError, Deno.inspect(address));
  }
});

Deno.test("formatAddress() writes an address as it is written in messages", () => {
  assertEquals(formatAddress({ hostname: "localhost", port: 80 }), "localhost:80");
  assertEquals(formatAddress({ hostname: undefined, port: 80 }), ":80");
  assertEquals(formatAddress({ hostname: "::1", port: 80 }), "[::1]:80");
  assertEquals(formatAddress({ path: "/tmp/app.sock" }), "/tmp/app.sock");
  assertEquals(formatAddress({ transport: "tcp", hostname: "10.0.0.1", port: 1 }), "10.0.0.1:1");
  assertEquals(formatAddress({ transport: "unix", path: "/tmp/app.sock" }), "/tmp/app.sock");
});

Deno.test("formatAddress() gives what parseAddress() takes", () => {
  for (const [, parsed] of FORMS) {
    if ("port" in parsed) assertEquals(parseAddress(formatAddress(parsed)), parsed);
  }
});

Deno.test("formatAddress() writes the name of a unix socket without a file with an @", () => {
  assertEquals(formatAddress({ path: "\0name" }), "@name");
  assertEquals(parseAddress({ path: "\0name" }), { path: "\0name" });
});
