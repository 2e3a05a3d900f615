import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { sleep } from "../../core/sleep.ts";
import { getCurrent } from "../../core/spawn.ts";
import { HttpError } from "../../http/errors.ts";
import { eventStream, type ServerSentEvent } from "../../http/event_stream.ts";
import { Queue } from "../../sync/queue.ts";
import { StopIteration } from "../../sync/simple_queue.ts";
import { RawClient, serve } from "../helpers/http.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { collectReports } from "../helpers/reports.ts";

/** What a stream of one event is sent as, without the comment at the beginning. */
async function written(event: ServerSentEvent | string): Promise<string> {
  await using server = await serve(() => eventStream([event]));
  const text = await (await fetch(server.url)).text();
  assert(text.startsWith(":\n\n"), text);
  return text.slice(3);
}

ioTest("eventStream() writes events the way browsers read them", async () => {
  assertEquals(await written("hello"), "data: hello\n\n");
  assertEquals(await written(""), "data: \n\n");
  assertEquals(
    await written({ data: "a\nb\r\nc\rd\n" }),
    "data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n",
  );
  assertEquals(await written({ data: { a: [1, "ü"] } }), 'data: {"a":[1,"ü"]}\n\n');
  assertEquals(await written({ data: null }), "data: null\n\n");
  assertEquals(await written({ data: 0 }), "data: 0\n\n");
  assertEquals(await written({ event: "x", data: "y" }), "event: x\ndata: y\n\n");
  assertEquals(await written({ id: "7", data: "y" }), "id: 7\ndata: y\n\n");
  assertEquals(await written({ id: "" }), "id: \n\n");
  assertEquals(await written({ retry: 0 }), "retry: 0\n\n");
  assertEquals(await written({ comment: "a\nb" }), ": a\n: b\n\n");
  assertEquals(
    await written({ comment: "c", retry: 5, id: "1", event: "e", data: "d" }),
    ": c\nretry: 5\nid: 1\nevent: e\ndata: d\n\n",
  );
});

ioTest("eventStream() refuses events that would say something else", async () => {
  for (
    const [event, type] of [
      [{ id: "1\ndata: forged" }, TypeError],
      [{ id: "\0" }, TypeError],
      [{ event: "x\r" }, TypeError],
      [{ event: 5 as unknown as string }, TypeError],
      [{ retry: -1 }, RangeError],
      [{ retry: 1.5 }, RangeError],
      [{ data: () => {} }, TypeError],
      [{ data: Symbol("x") }, TypeError],
    ] as [ServerSentEvent, typeof Error][]
  ) {
    using reports = collectReports();
    await using server = await serve(() => eventStream([event]));
    using client = await RawClient.connect(server.address);
    await client.request("GET /");
    await client.head();
    assert(!(await client.rest()).includes("forged"));
    assertInstanceOf(reports.list[0]!.error, type);
  }
});

ioTest("eventStream() sends the head at once, and the headers it is given", async () => {
  const queue = new Queue<string>();
  await using server = await serve(() =>
    eventStream(queue, { headers: { "x-test": "yes", "Cache-Control": "private" } })
  );
  const response = await fetch(server.url);
  assertEquals(response.headers.get("content-type"), "text/event-stream");
  assertEquals(response.headers.get("cache-control"), "private");
  assertEquals(response.headers.get("x-accel-buffering"), "no");
  assertEquals(response.headers.get("x-test"), "yes");
  queue.shutdown();
  assertEquals(await response.text(), ":\n\n");
});

for (
  const [name, events] of [
    ["a generator", function* (): Generator<string> {
      yield "1";
      yield "2";
    }],
    ["an async generator", async function* (): AsyncGenerator<string> {
      yield "1";
      await sleep(5);
      yield "2";
    }],
    ["an array", () => ["1", "2"]],
    ["a stream", () => ReadableStream.from(["1", "2"])],
    ["a queue with StopIteration", () => {
      const queue = new Queue<string | typeof StopIteration>();
      for (const item of ["1", "2", StopIteration, "3"] as const) queue.putNowait(item);
      return queue;
    }],
  ] as [string, () => Iterable<string>][]
) {
  ioTest(`eventStream() sends the events of ${name}`, async () => {
    await using server = await serve(() => eventStream(events()));
    assertEquals(await (await fetch(server.url)).text(), ":\n\ndata: 1\n\ndata: 2\n\n");
  });
}

ioTest("eventStream() sends comments while nothing happens, and loses no event by it", async () => {
  await using server = await serve(() =>
    eventStream(
      (async function* () {
        for (let n = 0; n < 3; n++) {
          await sleep(35);
          yield `${n}`;
        }
      })(),
      { heartbeat: 10 },
    )
  );
  const text = await (await fetch(server.url)).text();
  assertEquals(text.replaceAll(":\n\n", ""), "data: 0\n\ndata: 1\n\ndata: 2\n\n");
  assert(text.split(":\n\n").length > 4, text);
});

ioTest("eventStream() sends no comments when the heartbeat is null", async () => {
  await using server = await serve(() =>
    eventStream(
      (async function* () {
        await sleep(20);
        yield "x";
      })(),
      { heartbeat: null },
    )
  );
  assertEquals(await (await fetch(server.url)).text(), ":\n\ndata: x\n\n");
});

ioTest("eventStream() runs a generator in the greenlet of its request", async () => {
  const seen = new Set<unknown>();
  await using server = await serve(() => {
    seen.add(getCurrent());
    return eventStream((async function* () {
      for (let n = 0; n < 3; n++) {
        seen.add(getCurrent());
        yield "x";
        await sleep(1);
      }
    })());
  });
  await (await fetch(server.url)).text();
  assertEquals(seen.size, 1);
});

/** Sources that go on for ever; they tell of their beginning and of their end. */
const ENDLESS: readonly [string, (begun: () => void, ended: () => void) => Iterable<string>][] = [
  ["that waits", async function* (begun, ended) {
    try {
      begun();
      yield "first";
      await sleep(60_000);
    } finally {
      await sleep(1);
      ended();
    }
  }],
  ["that sends", async function* (begun, ended) {
    try {
      begun();
      for (;;) {
        yield "again";
        await sleep(1);
      }
    } finally {
      ended();
    }
  }],
  ["of a generator that never waits", function* (begun, ended) {
    try {
      begun();
      for (;;) yield "x".repeat(10_000);
    } finally {
      ended();
    }
  }],
  ["that waits for promises from elsewhere", async function* (begun, ended) {
    try {
      begun();
      for (;;) {
        yield "again";
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
    } finally {
      ended();
    }
  }],
] as [string, (begun: () => void, ended: () => void) => Iterable<string>][];

for (const [name, source] of ENDLESS) {
  ioTest(`eventStream() ends a stream ${name} when its client leaves`, async () => {
    using reports = collectReports();
    let begun = 0, ended = 0;
    await using server = await serve(() =>
      eventStream(source(() => void begun++, () => void ended++))
    );
    using client = await RawClient.connect(server.address);
    await client.request("GET /");
    await client.head();
    await eventually(() => begun > 0);
    client.close();
    await eventually(() => ended === 1 && server.pool.size === 0);
    assertEquals(reports.list, []);
  });
}

ioTest("eventStream() leaves an event in a queue that its client did not get", async () => {
  const queue = new Queue<string>();
  await using server = await serve(() => eventStream(queue));
  using client = await RawClient.connect(server.address);
  await client.request("GET /");
  await client.head();
  await eventually(() => server.pool.size === 1);
  client.close();
  await eventually(() => server.pool.size === 0);
  await queue.put("for somebody else");
  assertEquals(queue.getNowait(), "for somebody else");
});

ioTest("eventStream() cuts a stream off whose source fails", async () => {
  using reports = collectReports();
  const error = new Error("broken");
  await using server = await serve(() =>
    eventStream((async function* () {
      yield "first";
      await sleep(1);
      throw error;
    })())
  );
  using client = await RawClient.connect(server.address);
  await client.request("GET /");
  await client.head();
  const rest = await client.rest();
  assert(rest.includes("data: first"));
  assert(!rest.endsWith("0\r\n\r\n"), "It looks as if it were complete");
  assertEquals(reports.list.map(({ error }) => error), [error]);
});

ioTest("eventStream() is told of the last event that was seen", async () => {
  await using server = await serve((request) => {
    const last = request.headers.get("last-event-id");
    if (last === "99") throw new HttpError(404);
    return eventStream([{ id: `${Number(last) + 1}`, data: "next" }]);
  });
  const ask = (id: string): Promise<Response> =>
    fetch(server.url, { headers: { "last-event-id": id } });
  assertEquals(await (await ask("41")).text(), ":\n\nid: 42\ndata: next\n\n");
  const gone = await ask("99");
  await gone.body?.cancel();
  assertEquals(gone.status, 404);
});

ioTest("eventStream() is understood by an EventSource, which comes back by itself", async () => {
  const asked: (string | null)[] = [];
  await using server = await serve((request) => {
    const last = request.headers.get("last-event-id");
    asked.push(last);
    const n = Number(last ?? 0) + 1;
    return eventStream([{ retry: 1 }, { id: `${n}`, event: "count", data: { n, text: "a\nb" } }]);
  });
  const source = new EventSource(server.url);
  const seen: unknown[] = [];
  const done = Promise.withResolvers<void>();
  source.addEventListener("count", ({ data }) => {
    if (seen.push(JSON.parse(data)) === 3) done.resolve();
  });
  await done.promise;
  source.close();
  assertEquals(seen, [1, 2, 3].map((n) => ({ n, text: "a\nb" })));
  assertEquals(asked.slice(0, 3), [null, "1", "2"]);
});

Deno.test("eventStream() refuses arguments that make no sense", () => {
  for (const events of ["text", 5, null, {}]) {
    assertThrows(() => eventStream(events as unknown as string[]), TypeError, "'events'");
  }
  for (const heartbeat of [0, -1, NaN]) {
    assertThrows(() => eventStream([], { heartbeat }), RangeError, "'heartbeat'");
  }
});
