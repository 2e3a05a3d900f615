import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { joinAll } from "../../core/join.ts";
import { sleep } from "../../core/sleep.ts";
import { spawn } from "../../core/spawn.ts";
import { Timeout } from "../../core/timeout.ts";
import { lookup, resolve } from "../../net/dns.ts";
import type { DnsRecords, NameServer, RecordsAnswer } from "../../net/dns_records.ts";
import { Resolver, type ResolverOptions } from "../../net/resolver.ts";
import { DnsServer, rdata } from "../helpers/dns_server.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { now, turns, virtualTest } from "../helpers/virtual_test.ts";

/** Registers a test with a name server of its own and a resolver that asks it. */
function dnsTest(
  name: string,
  fn: (server: DnsServer, resolver: Resolver) => Promise<void>,
  options: ResolverOptions = {},
): void {
  ioTest(name, async () => {
    await using server = await DnsServer.start();
    await fn(server, new Resolver({ nameServer: server.nameServer, ...options }));
  });
}

const { NotFound, TimedOut } = Deno.errors;

dnsTest("Resolver.resolve() gives the records of each type", async (server, resolver) => {
  const soa = [2024, 7200, 3600, 1209600, 300] as const;
  const records: { [T in keyof DnsRecords]: [string | number[], DnsRecords[T]] } = {
    A: ["192.0.2.1", "192.0.2.1"],
    AAAA: ["2001:db8::1", "2001:db8::1"],
    ANAME: ["other.test", "other.test."],
    CAA: [rdata.caa(0, "issue", "ca.test"), { critical: false, tag: "issue", value: "ca.test" }],
    CNAME: ["other.test", "other.test."],
    MX: [rdata.mx(10, "mail.test"), { preference: 10, exchange: "mail.test." }],
    NAPTR: [rdata.naptr(1, 2, "s", "http", "", "other.test"), {
      order: 1,
      preference: 2,
      flags: "s",
      services: "http",
      regexp: "",
      replacement: "other.test.",
    }],
    NS: ["ns.test", "ns.test."],
    PTR: ["host.test", "host.test."],
    SOA: [rdata.soa("ns.test", "admin.test", ...soa), {
      mname: "ns.test.",
      rname: "admin.test.",
      serial: 2024,
      refresh: 7200,
      retry: 3600,
      expire: 1209600,
      minimum: 300,
    }],
    SRV: [rdata.srv(1, 2, 80, "web.test"), {
      priority: 1,
      weight: 2,
      port: 80,
      target: "web.test.",
    }],
    TXT: [rdata.txt("one", "two"), ["one", "two"]],
  };
  for (const [type, [data, expected]] of Object.entries(records)) {
    server.on("all.test", type as keyof DnsRecords, { records: [{ data }] });
    const [record, ...more] = await resolver.resolve("all.test", type as "TXT");
    assertEquals(more, []);
    assertEquals(
      typeof record === "object" ? Object.assign(Array.isArray(record) ? [] : {}, record) : record,
      expected,
      type,
    );
  }
  assertEquals(await resolver.resolve("all.test"), ["192.0.2.1"]);
});

dnsTest(
  "Resolver.resolve() asks again over TCP when an answer is too long",
  async (server, resolver) => {
    server.on("long.test", "A", { truncated: true, records: [{ data: "192.0.2.1" }] });
    assertEquals(await resolver.resolve("long.test"), ["192.0.2.1"]);
    assertEquals(server.questions.map(({ transport }) => transport), ["udp", "tcp"]);
  },
);

dnsTest(
  "Resolver.resolve() throws NotFound when there are no records, and remembers it",
  async (server, resolver) => {
    server.on("empty.test", "A", { records: [] });
    server.on("failing.test", "MX", { code: 2 });
    for (
      const [name, type] of [["empty.test", "A"], ["unknown.test", "A"], [
        "failing.test",
        "MX",
      ]] as const
    ) {
      const error = await assertRejects(() => resolver.resolve(name, type), NotFound, `'${name}'`);
      const again = await assertRejects(() => resolver.resolve(name, type), NotFound);
      assertEquals(again.message, error.message);
      assert(again !== error, "Two greenlets got the same error");
      assertEquals(server.asked(name), [type]);
    }
  },
);

dnsTest("Resolver.resolve() asks once when many ask at the same time", async (server, resolver) => {
  const release = Promise.withResolvers<void>();
  server.on("busy.test", "A", { after: release.promise, records: [{ data: "192.0.2.1", ttl: 0 }] });
  const greenlets = Array.from({ length: 100 }, () => spawn(() => resolver.resolve("BUSY.test")));
  await eventually(() => server.questions.length > 0);
  release.resolve();
  await joinAll(greenlets, { raiseError: true });
  assertEquals(server.questions.length, 1);
  assertEquals(greenlets.map((g) => String(g.value)), new Array(100).fill("192.0.2.1"));
  assertEquals(resolver.cached, 0, "A lifetime of 0 was not respected");
  await resolver.resolve("busy.test");
  assertEquals(server.questions.length, 2);
});

dnsTest(
  "Resolver.resolve() keeps the question for the others when one who waits is killed",
  async (server, resolver) => {
    const release = Promise.withResolvers<void>();
    server.on("shared.test", "A", { after: release.promise, records: [{ data: "192.0.2.1" }] });
    const first = spawn(() => resolver.resolve("shared.test"));
    const second = spawn(() => resolver.resolve("shared.test"));
    const third = spawn(() =>
      assertRejects(() => resolver.resolve("shared.test", "A", { timeout: 1 }), Timeout)
    );
    await eventually(() => server.questions.length > 0);
    await first.kill();
    await third.get();
    release.resolve();
    assertEquals(await second.get(), ["192.0.2.1"]);
    assertEquals(server.questions.length, 1);
  },
);

dnsTest(
  "Resolver.resolve() takes the question back when nobody waits for it any more",
  async (server, resolver) => {
    for (const type of ["A", "MX"] as const) {
      server.on("silent.test", type, { silent: true });
      const asking = spawn(() => resolver.resolve("silent.test", type));
      await eventually(() => server.questions.length > 0);
      await asking.kill(); // the sanitizer of the runtime would find a question that goes on
      server.on("silent.test", type, {
        records: [{ data: type === "A" ? "192.0.2.1" : rdata.mx(1, "mail.test") }],
      });
      assertEquals((await resolver.resolve("silent.test", type)).length, 1);
    }
  },
);

dnsTest(
  "Resolver.resolve() ends when its timeout or its signal says so",
  async (server, resolver) => {
    server.on("silent.test", "A", { silent: true });
    await assertRejects(() => resolver.resolve("silent.test", "A", { timeout: 1 }), Timeout);
    const abort = new AbortController();
    const { signal } = abort;
    const asking = spawn(() =>
      assertRejects(() => resolver.resolve("silent.test", "A", { signal }), Error, "enough")
    );
    await sleep(1);
    abort.abort(new Error("enough"));
    await asking.get();
  },
);

dnsTest(
  "Resolver.resolve() keeps answers for the lifetime of their shortest record",
  async (server) => {
    const times: number[] = [];
    class Watched extends Resolver {
      protected override async askServer(...args: Parameters<Resolver["askServer"]>) {
        const answer = await super.askServer(...args);
        times.push(answer.ttl ?? NaN);
        return answer;
      }
    }
    const resolver = new Watched({ nameServer: server.nameServer });
    server.on("lives.test", "A", {
      records: [{ data: "192.0.2.1", ttl: 60 }, { data: "192.0.2.2", ttl: 5 }],
    });
    server.on("lives.test", "AAAA", { records: [{ data: "2001:db8::1", ttl: 7 }] });
    server.on("lives.test", "TXT", { records: [{ data: rdata.txt("x"), ttl: 7 }] });
    await resolver.resolve("lives.test", "A");
    await resolver.resolve("lives.test", "AAAA");
    await resolver.resolve("lives.test", "TXT");
    assertEquals(times, [5000, 7000, NaN]);
  },
);

dnsTest("Resolver.resolve() gives each caller records of its own", async (server, resolver) => {
  server.on("own.test", "MX", { records: [{ data: rdata.mx(1, "mail.test") }] });
  const records = await resolver.resolve("own.test", "MX");
  Object.assign(records[0]!, { exchange: "changed" });
  records.push({ preference: 2, exchange: "added" });
  assertEquals((await resolver.resolve("own.test", "MX")).map(({ exchange }) => exchange), [
    "mail.test.",
  ]);
  assertEquals(server.questions.length, 1);
});

dnsTest(
  "Resolver.resolve() asks the name server given with the call, and keeps answers apart by it",
  async (server, resolver) => {
    await using other = await DnsServer.start();
    server.on("two.test", "A", { records: [{ data: "192.0.2.1" }] });
    other.on("two.test", "A", { records: [{ data: "192.0.2.2" }] });
    assertEquals(await resolver.resolve("two.test"), ["192.0.2.1"]);
    const { nameServer } = other;
    assertEquals(await resolver.resolve("two.test", "A", { nameServer }), ["192.0.2.2"]);
    assertEquals(await resolve("two.test", "A", { nameServer }), ["192.0.2.2"]);
    assertEquals(await resolver.resolve("two.test"), ["192.0.2.1"]);
    assertEquals([server.questions.length, other.questions.length], [1, 2]);
    Resolver.default.clear();
  },
);

dnsTest(
  "Resolver.resolve() asks for names of any script in their ASCII form",
  async (server, resolver) => {
    server.on("xn--bcher-kva.test", "A", { records: [{ data: "192.0.2.1" }] });
    server.on("_sip._udp.test", "SRV", { records: [{ data: rdata.srv(1, 1, 1, "x.test") }] });
    assertEquals(await resolver.resolve("Bücher.test"), ["192.0.2.1"]);
    assertEquals((await resolver.resolve("_sip._udp.test", "SRV")).length, 1);
  },
);

dnsTest(
  "Resolver.resolve() asks nobody about addresses, the local host and what is no name",
  async (server, resolver) => {
    assertEquals(await resolver.resolve("192.0.2.1"), ["192.0.2.1"]);
    assertEquals(await resolver.resolve("fe80::1%lo", "AAAA"), ["fe80::1%lo"]);
    for (const name of ["localhost", "LOCALHOST.", "app.localhost"]) {
      assertEquals(await resolver.resolve(name), ["127.0.0.1"]);
      assertEquals(await resolver.resolve(name, "AAAA"), ["::1"]);
    }
    await assertRejects(() => resolver.resolve("192.0.2.1", "AAAA"), NotFound, "no AAAA records");
    for (
      const name of [
        "a..test",
        ".test",
        "a b.test",
        `${"a".repeat(64)}.test`,
        "a.".repeat(127) + "aa",
        "a\0.test",
      ]
    ) {
      await assertRejects(() => resolver.resolve(name), NotFound, "it is no domain name");
    }
    assertEquals(server.questions, []);
  },
);

ioTest("Resolver.resolve() throws TypeError for arguments of the wrong form", async () => {
  const resolver = new Resolver();
  for (const hostname of ["", undefined, null, 80, {}]) {
    await assertRejects(
      () => resolver.resolve(hostname as string),
      TypeError,
      "Cannot resolve as the host name",
    );
    await assertRejects(
      () => resolver.lookup(hostname as string),
      TypeError,
      Deno.inspect(hostname),
    );
  }
  for (const type of ["a", "", "ANY", "toString", 1]) {
    await assertRejects(
      () => resolver.resolve("a.test", type as "A"),
      TypeError,
      `${Deno.inspect(type)}`,
    );
  }
  for (const nameServer of ["ns.test", "ns.test:53", "/run/dns", {}, 53, { path: "/run/dns" }]) {
    const bad = nameServer as NameServer;
    await assertRejects(() => resolver.resolve("a.test", "A", { nameServer: bad }), TypeError);
    assertThrows(() => new Resolver({ nameServer: bad }), TypeError);
  }
  await assertRejects(() => resolver.lookup("a.test", { family: 5 as 4 }), TypeError, "'family'");
  await assertRejects(() => resolver.reverse("a.test"), TypeError, '"a.test"');
  for (
    const options of [{ cacheSize: -1 }, { cacheSize: 1.5 }, { maxTtl: -1 }, { defaultTtl: NaN }, {
      negativeTtl: "1",
    }]
  ) {
    assertThrows(
      () => new Resolver(options as ResolverOptions),
      RangeError,
      `'${Object.keys(options)[0]}'`,
    );
  }
});

dnsTest("Resolver.reverse() asks for the names of an address", async (server, resolver) => {
  server.on("1.2.0.192.in-addr.arpa", "PTR", { records: [{ data: "host.test" }] });
  const v6 = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";
  server.on(v6, "PTR", { records: [{ data: "six.test" }] });
  assertEquals(await resolver.reverse("192.0.2.1"), ["host.test"]);
  assertEquals(await resolver.reverse("2001:DB8::1"), ["six.test"]);
  await assertRejects(() => resolver.reverse("192.0.2.9"), NotFound);
});

ioTest("Resolver.lookup() finds what the hosts file says", async () => {
  const resolver = new Resolver();
  const all = await resolver.lookup("localhost", { all: true });
  assert(all.some(({ address, family }) => address === "127.0.0.1" && family === 4));
  assertEquals(await resolver.lookup("localhost", { family: 4 }), {
    address: "127.0.0.1",
    family: 4,
  });
  assertEquals((await lookup("localhost", { family: 4, all: true }))[0], {
    address: "127.0.0.1",
    family: 4,
  });
  assert(resolver.cached > 0);
  resolver.clear();
  assertEquals(resolver.cached, 0);
});

ioTest("Resolver.lookup() gives addresses back as they are, with their scope", async () => {
  const resolver = new Resolver();
  for (const [address, family] of [["192.0.2.1", 4], ["::1", 6], ["fe80::1%eth0", 6]] as const) {
    assertEquals(await resolver.lookup(address), { address, family });
    assertEquals(await resolver.lookup(address, { all: true, family }), [{ address, family }]);
    const other = family === 4 ? 6 : 4;
    await assertRejects(
      () => resolver.lookup(address, { family: other }),
      NotFound,
      `no IPv${other} address`,
    );
  }
  assertEquals(resolver.cached, 0);
});

ioTest("Resolver.lookup() throws NotFound for hosts that nobody knows", async () => {
  await assertRejects(() => new Resolver().lookup("nobody.invalid"), NotFound, "'nobody.invalid'");
  await assertRejects(() => new Resolver().lookup("no body"), NotFound, "it is no host name");
});

ioTest("Resolver.toString() tells the name server and how much is kept", () => {
  assertEquals(String(new Resolver()), "<Resolver cached=0>");
  assertEquals(
    String(new Resolver({ nameServer: "127.0.0.1" })),
    "<Resolver 127.0.0.1:53 cached=0>",
  );
});

ioTest("Resolver needs no permission but that for the network", async () => {
  await using server = await DnsServer.start();
  server.on("a.test", "A", { records: [{ data: "192.0.2.1" }] });
  const module = new URL("../../net/resolver.ts", import.meta.url).href;
  const program = `
    const { Resolver } = await import("${module}");
    const resolver = new Resolver({ nameServer: "${server.nameServer}" });
    console.log(String(await resolver.resolve("a.test")), String(await resolver.resolve("a.test")));
    console.log((await resolver.lookup("localhost", { family: 4 })).address);
    for (const hostname of ["127.0.0.2", "::1"]) {
      await resolver.resolve("a.test", "A", { nameServer: { hostname } }).catch((e) => console.log(e.name));
    }
    await resolver.lookup("other.test").catch((e) => console.log(e.name, e.message));
  `;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-config",
      "--no-prompt",
      `--allow-net=127.0.0.1:${server.port},localhost`,
      `data:text/javascript,${encodeURIComponent(program)}`,
    ],
    env: { NO_COLOR: "1" },
  }).output();
  assertEquals(new TextDecoder().decode(stderr), "");
  assertEquals(new TextDecoder().decode(stdout).split("\n"), [
    "192.0.2.1 192.0.2.1",
    "127.0.0.1",
    "NotCapable",
    "NotCapable",
    'NotCapable Requires net access to "other.test", run again with the --allow-net flag',
    "",
  ]);
  assertEquals(server.questions.length, 1);
});

ioTest("Resolver.resolve() passes errors on to all who wait, and keeps none", async () => {
  let asked = 0;
  class Broken extends Resolver {
    protected override async askServer(): Promise<never> {
      asked++;
      await Promise.resolve();
      throw new TimedOut("silence");
    }
  }
  const resolver = new Broken();
  const greenlets = [1, 2].map(() =>
    spawn(() => resolver.resolve("a.test").catch((error) => error.message))
  );
  assertEquals(await Promise.all(greenlets.map((g) => g.get())), ["silence", "silence"]);
  await assertRejects(() => resolver.resolve("a.test"), TimedOut);
  assertEquals([asked, resolver.cached], [2, 0]);
});

virtualTest(
  "Resolver asks in a greenlet of its own, which ends when nobody wants to know any more",
  async () => {
    const ended: string[] = [];
    class Slow extends Resolver {
      protected override async askServer(hostname: string): Promise<RecordsAnswer> {
        try {
          await sleep(100);
          return { records: ["192.0.2.1"], ttl: 1000 };
        } finally {
          ended.push(`${hostname} at ${now()}`);
        }
      }
    }
    const resolver = new Slow();
    const [first, second] = [1, 2].map(() => spawn(() => resolver.resolve("a.test")));
    await sleep(50);
    await first!.kill();
    assertEquals(await second!.get(), ["192.0.2.1"]);
    assertEquals(now(), 100);
    const third = spawn(() => resolver.resolve("b.test"));
    await sleep(50);
    await third.kill();
    await turns();
    assertEquals(ended, ["a.test at 100", "b.test at 150"]);
  },
);

ioTest("Resolver.resolve() asks nobody for what no name server could know", async () => {
  for (const name of ["ü/x.test", "ü@x.test", "ü x.test", "ü#", "ü\\x"]) {
    await assertRejects(() => new Resolver().resolve(name), NotFound, "it is no domain name");
  }
});

virtualTest("Resolver keeps answers for their lifetime, but not longer than maxTtl", async () => {
  let asked = 0;
  class Counting extends Resolver {
    protected override askServer(hostname: string): Promise<RecordsAnswer> {
      asked++;
      const ttl = { "short.test": 10, "long.test": 1_000_000 }[hostname];
      if (hostname === "none.test") return Promise.reject(new NotFound("none"));
      return Promise.resolve({ records: ["192.0.2.1"], ttl });
    }
  }
  const options = { maxTtl: 100, defaultTtl: 50, negativeTtl: 20 };
  for (
    const [name, lifetime] of [["short", 10], ["long", 100], ["unknown", 50], ["none", 20]] as const
  ) {
    const resolver = new Counting(options);
    const resolve = () => resolver.resolve(`${name}.test`).catch(() => {});
    asked = 0;
    await resolve();
    await sleep(lifetime - 1);
    await resolve();
    assertEquals(asked, 1, name);
    await sleep(1);
    await resolve();
    assertEquals(asked, 2, name);
  }
});
