import { assert, assertEquals } from "@std/assert";
import { join } from "node:path";
import type { Browser, Page } from "playwright-core";
import { findChromium, launchChromium } from "../helpers/browser.ts";
import { ChatClient } from "../helpers/chat_client.ts";
import { ChatProgram } from "../helpers/chat_program.ts";

const hasChromium = findChromium() !== undefined;
if (!hasChromium) console.warn("The tests of the chat's page are ignored: there is no Chromium");

/** Set it to a folder to see what the pages look like. */
const SCREENSHOTS = Deno.env.get("CHAT_SCREENSHOTS");

interface Setting {
  readonly browser: Browser;
  readonly chat: ChatProgram;
}

/** Where to open a page. */
interface Place {
  readonly browser: Browser;
  readonly chat: { readonly url: string };
}

/** Registers a test with a browser and a chat. */
function browserTest(name: string, fn: (setting: Setting) => Promise<void>): void {
  Deno.test({
    name,
    timeout: 120_000,
    ignore: !hasChromium,
    async fn() {
      await using chat = await ChatProgram.start();
      const browser = await launchChromium();
      try {
        await fn({ browser, chat });
      } finally {
        await browser.close();
      }
    },
  });
}

/** What the pages complain about; refused connections are what some tests are about. */
function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (message.type() !== "error" && message.type() !== "warning") return;
    if (
      /ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|status of (409|404|400)/.test(message.text())
    ) return;
    complaints.push(message.text());
  });
  return complaints;
}

/** Opens the page as somebody new. */
async function open({ browser, chat }: Place, query = ""): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1200, height: 800 } });
  const page = await context.newPage();
  await page.goto(`${chat.url}${query}`);
  await page.locator("#choices input").first().waitFor();
  return page;
}

/** Joins with the keyboard alone: the cursor is where the name belongs. */
async function joinAs(page: Page, name: string, state: string): Promise<void> {
  await page.keyboard.type(name);
  await page.keyboard.press("Enter");
  await stateIs(page, state);
}

async function stateIs(page: Page, state: string): Promise<void> {
  await page.locator(`#state[data-state="${state}"]`).waitFor();
}

/** Says something with the keyboard alone. */
async function say(page: Page, text: string): Promise<void> {
  await page.keyboard.type(text);
  await page.keyboard.press("Enter");
}

/** Waits until a page shows a message that the server has confirmed. */
async function sees(page: Page, text: string): Promise<void> {
  await page.locator("#log .message:not(.pending) .text", { hasText: text }).first().waitFor();
}

async function textsOf(page: Page): Promise<string[]> {
  return await page.locator("#log .message .text").allTextContents();
}

async function idsOf(page: Page): Promise<string[]> {
  const lines = await page.locator("#log .message").all();
  return await Promise.all(lines.map(async (line) => await line.getAttribute("data-id") ?? "?"));
}

async function namesIn(page: Page, list: string): Promise<string[]> {
  return await page.locator(`${list} .title`).allTextContents();
}

async function takePicture(page: Page, name: string): Promise<void> {
  if (SCREENSHOTS === undefined) return;
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    for (const [width, height] of [[360, 740], [1400, 900]] as const) {
      await page.setViewportSize({ width, height });
      await page.screenshot({ path: join(SCREENSHOTS, `${name}-${colorScheme}-${width}.png`) });
    }
  }
}

const MARKUP =
  "<img src=x onerror=\"document.title='no'\"><b>bold</b> &amp; <script>alert(1)</script>";

browserTest("Two pages chat, one through a WebSocket, one by polling", async (setting) => {
  const ann = await open(setting);
  const ben = await open(setting, "?transport=poll");
  const complaints = [complaintsOf(ann), complaintsOf(ben)];
  await takePicture(ann, "join");
  await joinAs(ann, "Ann", "live");
  await joinAs(ben, "<i>Ben</i>", "polling");
  await ann.locator(".note", { hasText: "<i>Ben</i> joined" }).waitFor();

  await say(ann, "Hello Ben");
  await sees(ben, "Hello Ben");
  await say(ben, "Hello Ann");
  await sees(ann, "Hello Ann");
  await ben.locator("#text").fill(MARKUP);
  await ben.keyboard.press("Enter");
  await sees(ann, "bold");
  await say(ann, "first line");
  await ann.keyboard.press("ArrowUp"); // nothing to go up to
  await ann.locator("#text").fill("two\nlines");
  await ann.keyboard.press("Shift+Enter");
  await say(ann, "and a third one");
  await sees(ben, "and a third one");

  const expected = ["Hello Ben", "Hello Ann", MARKUP, "first line", "two\nlines\nand a third one"];
  for (const page of [ann, ben]) {
    assertEquals(await textsOf(page), expected);
    assertEquals(await page.locator("#log :is(img, b:not(.meta b), i, script)").count(), 0);
    assertEquals(await namesIn(page, "#people"), ["<i>Ben</i>", "Ann"]);
    assertEquals(await page.title(), "lobby – Chat");
  }
  assertEquals(await ann.locator("#log .own .text").allTextContents(), [
    expected[0],
    expected[3],
    expected[4],
  ]);
  assertEquals(await ben.locator("#log .own .text").allTextContents(), [expected[1], MARKUP]);
  await takePicture(ann, "room");

  await ben.locator("#leave").click();
  await ann.locator(".note", { hasText: "<i>Ben</i> left" }).waitFor();
  assertEquals(await ben.locator("#name").inputValue(), "<i>Ben</i>");
  assertEquals(complaints, [[], []]);
});

browserTest("The page creates rooms and goes from one to another", async (setting) => {
  const ann = await open(setting);
  const ben = await open(setting, "?transport=poll");
  await joinAs(ann, "Ann", "live");
  await joinAs(ben, "Ben", "polling");
  await say(ann, "said in the lobby");
  await sees(ben, "said in the lobby");

  await ann.locator("#create-name").fill("<u>tea</u>");
  await ann.keyboard.press("Enter");
  await ann.locator("#room", { hasText: "<u>tea</u>" }).waitFor();
  await stateIs(ann, "live");
  await ben.locator(".note", { hasText: "Ann left" }).waitFor();
  assertEquals(await textsOf(ann), []);
  await say(ann, "said at tea");

  const entry = ben.locator("#rooms button", { hasText: "<u>tea</u>" });
  await entry.locator(".count", { hasText: "1" }).waitFor();
  await entry.click();
  await sees(ben, "said at tea");
  assertEquals(await textsOf(ben), ["said at tea"]);
  assertEquals(await namesIn(ben, "#rooms"), ["lobby", "deno", "<u>tea</u>"]);
  assertEquals(await ben.locator("#rooms [aria-current] .title").textContent(), "<u>tea</u>");
  await say(ben, "here I am");
  await sees(ann, "here I am");

  await ann.locator("#create-name").fill("LOBBY");
  await ann.keyboard.press("Enter");
  await ann.locator("#create-error", { hasText: "There is a room" }).waitFor();
  await ann.locator("#rooms button", { hasText: "lobby" }).click();
  await sees(ann, "said in the lobby");
  await say(ann, "back again");
  await sees(ann, "back again");
  assertEquals(await textsOf(ann), ["said in the lobby", "back again"]);
});

browserTest("The page tells next to the form what is wrong", async (setting) => {
  const ann = await open(setting);
  const complaints = complaintsOf(ann);
  const error = ann.locator("#join-error");
  await ann.keyboard.press("Enter");
  await error.filter({ hasText: "Your name is missing" }).waitFor();
  assertEquals(await ann.locator("#name").getAttribute("aria-invalid"), "true");
  assertEquals(await ann.evaluate("document.activeElement.id"), "name");
  await ChatClient.join(setting.chat, "Ann");
  await ann.keyboard.type("ann");
  await ann.keyboard.press("Enter");
  await error.filter({ hasText: 'Somebody here is called "Ann" already' }).waitFor();
  assertEquals(await ann.evaluate("document.activeElement.id"), "name");
  await ann.locator("#new-name").fill("deno");
  await ann.keyboard.press("Enter");
  await error.filter({ hasText: 'There is a room "deno" already' }).waitFor();
  await ann.locator("#new-name").fill("a room of one's own");
  await ann.locator("#name").fill("Virginia");
  await ann.keyboard.press("Enter");
  await stateIs(ann, "live");
  assertEquals(await ann.locator("#room").textContent(), "a room of one's own");
  assertEquals(await error.textContent(), "");
  assertEquals(complaints, []);
});

browserTest("The page polls when a proxy lets no WebSocket through", async ({ browser, chat }) => {
  let refused = 0;
  let isOpen = true;
  await using proxy = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => {
      const { pathname, search } = new URL(request.url);
      if (pathname === "/ws") refused++;
      const isRefused = pathname === "/ws" || !isOpen;
      if (isRefused) return new Response(null, { status: 502 });
      const { method, body } = request;
      return fetch(new URL(pathname + search, chat.url), { method, body });
    },
  );
  const behind = { url: `http://127.0.0.1:${proxy.addr.port}/` };
  const ann = await open({ browser, chat: behind });
  const ben = await open({ browser, chat });
  await joinAs(ann, "Ann", "polling");
  assertEquals(refused, 2);
  await joinAs(ben, "Ben", "live");
  await say(ann, "through the back door");
  await sees(ben, "through the back door");
  await say(ben, "welcome");
  await sees(ann, "welcome");
  isOpen = false;
  assertEquals((await chat.stop()).code, 0); // ends the poll that the proxy waits for
});

browserTest("The page goes on after it was loaded again, and nobody notices", async (setting) => {
  const ann = await open(setting);
  const ben = await open(setting);
  await joinAs(ann, "Ann", "live");
  await joinAs(ben, "Ben", "live");
  await say(ann, "one");
  await sees(ben, "one");
  await ann.reload();
  await stateIs(ann, "live");
  await sees(ann, "one");
  await say(ann, "two");
  await sees(ben, "two");
  assertEquals(await textsOf(ann), ["one", "two"]);
  assertEquals(await ann.locator("#my-name").textContent(), "Ann");
  assertEquals(await ben.locator(".note").count(), 0);
  await ann.close();
  await ben.locator(".note", { hasText: "Ann left" }).waitFor();
});

browserTest("Two tabs of one person do not fight over who is live", async (setting) => {
  const first = await open(setting);
  await joinAs(first, "Ann", "live");
  const saved = await first.evaluate("sessionStorage.getItem('chat')");
  const second = await first.context().newPage();
  await second.addInitScript(`sessionStorage.setItem("chat", ${JSON.stringify(saved)})`);
  await second.goto(setting.chat.url);
  await stateIs(second, "live");
  await first.locator("#elsewhere[open]").waitFor();
  await first.keyboard.press("Enter");
  await stateIs(first, "live");
  await second.locator("#elsewhere[open]").waitFor();
  await say(first, "it is me");
  await sees(first, "it is me");
});

browserTest("On a narrow screen the lists open and close", async (setting) => {
  const ann = await open(setting);
  await ann.setViewportSize({ width: 360, height: 740 });
  await joinAs(ann, "Ann", "live");
  const rooms = ann.locator("#rooms-panel");
  const people = ann.locator("#people-panel");
  const [showRooms, showPeople] = [ann.locator(".toggle").first(), ann.locator(".toggle").last()];
  assertEquals([await rooms.isVisible(), await people.isVisible()], [false, false]);
  await showRooms.click();
  assertEquals(await showRooms.getAttribute("aria-expanded"), "true");
  await takePicture(ann, "rooms");
  await ann.setViewportSize({ width: 360, height: 740 });
  await showPeople.click();
  assertEquals([await rooms.isVisible(), await people.isVisible()], [false, true]);
  await ann.keyboard.press("Escape");
  assertEquals([await rooms.isVisible(), await people.isVisible()], [false, false]);
  await showRooms.click();
  await rooms.locator("button", { hasText: "deno" }).click();
  await ann.locator("#room", { hasText: "deno" }).waitFor();
  assertEquals(await rooms.isVisible(), false);
  const width = await ann.evaluate("document.documentElement.scrollWidth");
  assertEquals(width, 360, "nothing sticks out");
});

browserTest(
  "A page that is read further up stays there, and says that there is more",
  async (setting) => {
    const ben = await ChatClient.join(setting.chat, "Ben");
    for (let n = 0; n < 25; n++) await ben.say(`message ${n}`);
    const ann = await open(setting);
    await joinAs(ann, "Ann", "live");
    await sees(ann, "message 24");
    const fromEnd = (): Promise<number> =>
      ann.evaluate("log.scrollHeight - log.scrollTop - log.clientHeight");
    assert(await fromEnd() < 2, "it begins at the end");
    await ben.say("one more");
    await sees(ann, "one more");
    assert(await fromEnd() < 2, "it follows");
    await ann.evaluate("log.scrollTop = 0");
    await ann.waitForFunction("log.scrollTop === 0");
    await ann.evaluate("new Promise(requestAnimationFrame)");
    await ben.say("further down");
    await ann.locator("#newest").waitFor();
    assertEquals(await ann.evaluate("log.scrollTop"), 0);
    await ann.locator("#newest").click();
    assert(await fromEnd() < 2);
    assert(!await ann.locator("#newest").isVisible());
  },
);

browserTest(
  "Pages recover from a restart of the server without loss or repetition",
  async ({ browser }) => {
    const folder = await Deno.makeTempDir();
    const db = ["--db", join(folder, "chat.db")];
    let chat = await ChatProgram.start(db);
    const args = [...db, "--port", String(chat.port)];
    try {
      const ann = await open({ browser, chat });
      const ben = await open({ browser, chat }, "?transport=poll");
      await joinAs(ann, "Ann", "live");
      await joinAs(ben, "Ben", "polling");
      const said: string[] = [];
      const sayOn = async (page: Page, text: string): Promise<void> => {
        said.push(text);
        await say(page, text);
      };
      for (const signal of ["SIGINT", "SIGKILL"] as const) {
        await sayOn(ann, `Ann before ${signal}`);
        await sees(ben, `Ann before ${signal}`);
        await sayOn(ben, `Ben before ${signal}`);
        await sees(ann, `Ben before ${signal}`);
        await chat.stop(signal);
        await Promise.all([ann, ben].map((page) => stateIs(page, "reconnecting")));
        await sayOn(ann, `Ann while it is away: ${signal}`);
        await ann.locator(".pending", { hasText: signal }).waitFor();
        chat = await ChatProgram.start(args);
        await sees(ben, `Ann while it is away: ${signal}`);
        await Promise.all([stateIs(ann, "live"), stateIs(ben, "polling")]);
      }
      await sayOn(ben, "the end");
      await sees(ann, "the end");
      await sees(ben, "the end");
      for (const page of [ann, ben]) {
        assertEquals(await textsOf(page), said);
        assertEquals(await idsOf(page), said.map((_, n) => String(n + 1)));
        assertEquals(await page.locator(".pending").count(), 0);
      }
      assertEquals((await chat.stop()).code, 0);
    } finally {
      await chat[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    }
  },
);
