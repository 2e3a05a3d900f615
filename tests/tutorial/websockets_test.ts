import { assert, assertEquals } from "@std/assert";
import type { Page } from "playwright-core";
import websocketEcho from "../../examples/tutorial/websocket_echo.ts";
import websocketNumbers from "../../examples/tutorial/websocket_numbers.ts";
import { type Address, connectWebSocket, getHub, type HttpServer } from "../../mod.ts";
import { findChromium, launchChromium } from "../helpers/browser.ts";
import { runFast } from "../helpers/fast_clock.ts";
import { eventually, ioTest } from "../helpers/io_test.ts";
import { printed } from "../helpers/printed.ts";

const hasChromium = findChromium() !== undefined;
if (!hasChromium) console.warn("Tests of pages of the tutorial are ignored: there is no Chromium");

/** Registers a test with the server of an example, without its access log. */
function serverTest(
  name: string,
  make: (address: Address) => HttpServer,
  fn: (server: HttpServer) => Promise<void>,
): void {
  ioTest(name, async () => {
    await printed(async () => {
      await using server = make("127.0.0.1:0");
      await server.start();
      await fn(server);
    });
  });
}

/** Registers a test with the page of an example in a browser. */
function pageTest(
  name: string,
  make: (address: Address) => HttpServer,
  fn: (page: Page, server: HttpServer) => Promise<void>,
): void {
  Deno.test({
    name,
    timeout: 120_000,
    ignore: !hasChromium,
    async fn() {
      const browser = await launchChromium();
      try {
        await printed(async () => {
          await using server = make("127.0.0.1:0");
          await server.start();
          await fn(await browser.newPage(), server);
        });
      } finally {
        await browser.close();
      }
    },
  });
}

ioTest(
  "websocket_numbers: sends a number and a random one twice a second",
  () =>
    runFast(async () => {
      const { stderr } = await printed(async () => {
        await using server = websocketNumbers("127.0.0.1:0");
        await server.start();
        const { clock } = getHub();
        await using socket = await connectWebSocket(server.url.replace("http", "ws"));
        const started = clock.now();
        for (let x = 0; x < 5; x++) {
          const text = await socket.receive() as string;
          const { y } = JSON.parse(text);
          assertEquals(text, JSON.stringify({ x, y }));
          assert(Number.isInteger(y) && y >= 1 && y <= 5);
        }
        assert(clock.now() - started >= 4 * 500 - 20);
        socket.close();
        await eventually(() => server.pool.size === 0);
      });
      assertEquals(stderr.includes("failed with"), false, stderr);
    }),
);

pageTest(
  "websocket_numbers: the page shows the state and the messages",
  websocketNumbers,
  async (page, server) => {
    await page.goto(server.url);
    await page.locator("#conn_status", { hasText: "Connected" }).waitFor();
    await page.locator("#placeholder p").nth(1).waitFor();
    const [first, second] = await page.locator("#placeholder p").allTextContents();
    assertEquals([JSON.parse(first!).x, JSON.parse(second!).x], [0, 1]);
    await server.stop({ timeout: 0 });
    await page.locator("#conn_status", { hasText: "Closed" }).waitFor();
  },
);

serverTest("websocket_echo: says what it was told", websocketEcho, async (server) => {
  const url = new URL("/websocket", server.url.replace("http", "ws"));
  await using socket = await connectWebSocket(url);
  await socket.send("Hello, world");
  assertEquals(await socket.receive(), "Your message was: 'Hello, world'");
  socket.close();
  await eventually(() => server.pool.size === 0);
});

serverTest("websocket_echo: refuses other requests", websocketEcho, async (server) => {
  const response = await fetch(new URL("/websocket", server.url));
  assertEquals(response.status, 400);
  assertEquals(await response.text(), "Expected WebSocket request.");
});

pageTest("websocket_echo: the page shows the answer", websocketEcho, async (page, server) => {
  const alerted = Promise.withResolvers<string>();
  page.on("dialog", (dialog) => {
    alerted.resolve(dialog.message());
    void dialog.accept();
  });
  await page.goto(server.url);
  assertEquals(await alerted.promise, "Your message was: 'Hello, world'");
});
