/**
 * One console: what is read from a connection is evaluated, and what comes of it is written to it.
 *
 * @module
 */

import { GreenletExit } from "../core/errors.ts";
import { Greenlet } from "../core/greenlet.ts";
import { getHub } from "../core/hub.ts";
import { formatRunInfo, GreenletTree } from "../core/inspect.ts";
import { kill, spawn } from "../core/spawn.ts";
import { sleep } from "../core/sleep.ts";
import { Timeout, withTimeout } from "../core/timeout.ts";
import { until } from "../core/until.ts";
import { Evaluator, isIncomplete } from "./_evaluator.ts";
import { isRuntimeError } from "./_runtime_errors.ts";
import type { Socket } from "./socket.ts";

/** What a session is about. */
export interface SessionSettings {
  /** Variables to begin with. */
  readonly locals: Readonly<Record<string, unknown>>;
  /** Written first, once the token was right. */
  readonly banner: string;
  /** What has to be known; `null` for nothing. */
  readonly token: string | null;
}

/** How often a token may be wrong, how long each wrong one takes, and how long all together, in ms. */
const MOST_ATTEMPTS = 3;
const PENALTY = 1000;
const LOGIN_TIME = 60_000;

/** The longest line that is read, and how much output may wait for a client that does not read it. */
const LONGEST_LINE = 1 << 20;
const MOST_OUTPUT = 1 << 20;

/** What a browser begins with that a web page has sent to the local host. */
const HTTP = /^[A-Z]+ \S+ HTTP\/\d/;

/** What ends the input when it is typed, as the end of the stream does. */
const END_OF_INPUT = "\x04";

const HELP =
  `Greenlets: printRunInfo(), GreenletTree.current(), getHub().stats, spawn(fn), kill(greenlet), sleep(ms)
Output:    print(...values), console.log(...values); _ is the last value
Sessions:  quit() or exit(), or the end of the input`;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The console of one connection. */
export class BackdoorSession {
  readonly #socket: Socket;
  readonly #settings: SessionSettings;
  #output = "";
  #writer: Greenlet<void> | undefined;
  /** Whether the user wants to end it. */
  #over = false;
  /** Whether it has ended. */
  #ended = false;

  /** Makes a console that does nothing yet. */
  constructor(socket: Socket, settings: SessionSettings) {
    this.#socket = socket;
    this.#settings = settings;
  }

  /** Runs until the input or the session ends. */
  async run(): Promise<void> {
    try {
      if (!await this.#login()) return;
      const evaluator = new Evaluator({ ...this.#ownLocals(), ...this.#settings.locals });
      this.#write(`${this.#settings.banner}\n`);
      while (!this.#over) {
        try {
          const source = await this.#read();
          if (source === null) return;
          await this.#evaluate(evaluator, source);
        } catch (error) {
          if (!(error instanceof Timeout)) throw error;
          this.#printError(error); // one that the user has started, and that strikes only now
        }
      }
    } catch (error) {
      if (!isRuntimeError(error)) throw error; // the client has gone
    } finally {
      this.#ended = true;
      await this.#writer?.kill();
    }
  }

  async #login(): Promise<boolean> {
    const { token } = this.#settings;
    if (token === null) return true;
    const tooLate = { timeoutValue: false };
    return await withTimeout(LOGIN_TIME, async () => {
      for (let attempt = 1; attempt <= MOST_ATTEMPTS; attempt++) {
        const given = await this.#prompt("Token: ");
        if (given === null || HTTP.test(given)) return false;
        if (await isSame(given, token)) return true;
        await sleep(PENALTY);
        this.#write("Wrong token\n");
        await this.#drained();
      }
      return false;
    }, tooLate);
  }

  /** Reads until something is complete, or an empty line says so; `null` at the end. */
  async #read(): Promise<string | null> {
    let source = await this.#prompt(">>> ");
    if (source === null || HTTP.test(source)) return null;
    while (isIncomplete(source)) {
      const line = await this.#prompt("... ");
      if (line === null) return null;
      if (line === "") return source;
      source += `\n${line}`;
    }
    return source;
  }

  async #evaluate(evaluator: Evaluator, source: string): Promise<void> {
    try {
      const { value, awaited } = evaluator.evaluate(source);
      const result = awaited ? await until(value as Promise<unknown>) : value;
      if (result === undefined) return;
      if (!awaited && result instanceof Promise) this.#mind(result);
      evaluator.remember(result);
      this.#print(this.#show(result));
    } catch (error) {
      if (error instanceof GreenletExit) throw error;
      this.#printError(error);
    } finally {
      await this.#drained();
    }
  }

  /** A promise that nobody awaits would end the whole program when it fails. */
  #mind(promise: Promise<unknown>): void {
    promise.catch((error) => this.#print(`Uncaught (in promise) ${this.#show(error)}`));
  }

  /** Asks for a line; `null` at the end of the input. */
  async #prompt(text: string): Promise<string | null> {
    this.#write(text);
    await this.#drained();
    try {
      const line = decoder.decode(await this.#socket.readLine({ limit: LONGEST_LINE }));
      return line === "" || line.startsWith(END_OF_INPUT) ? null : line.replace(/\r?\n$/, "");
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#print(error.message);
      await this.#drained();
      return null;
    }
  }

  #ownLocals(): Record<string, unknown> {
    const print = (...values: unknown[]): void => {
      const shown = values.map((value) => typeof value === "string" ? value : this.#show(value));
      this.#print(shown.join(" "));
    };
    const quit = (): void => {
      this.#over = true;
    };
    return {
      ...{ print, quit, exit: quit, kill, sleep, spawn, getHub, GreenletTree },
      console: { log: print, debug: print, info: print, warn: print, error: print, dir: print },
      help: () => print(HELP),
      printRunInfo: () => print(formatRunInfo()),
    };
  }

  /** What a value looks like; its own idea of that may fail. */
  #show(value: unknown): string {
    try {
      if (value instanceof GreenletTree) return String(value);
      return Deno.inspect(value, { colors: false });
    } catch (error) {
      return `[cannot be shown: ${error}]`;
    }
  }

  #printError(error: unknown): void {
    this.#print(`Uncaught ${this.#show(error)}`);
  }

  #print(line: string): void {
    this.#write(`${line}\n`);
  }

  /** Appends to the output; whatever is printed while the client does not read has an end. */
  #write(text: string): void {
    if (this.#ended) return; // somebody who was started in the session still prints
    if (this.#output.length + text.length > MOST_OUTPUT) {
      const room = MOST_OUTPUT - this.#output.length;
      if (room > 0) this.#output += `${text.slice(0, room)}\n[Some output was dropped]\n`;
    } else {
      this.#output += text;
    }
    if (this.#writer !== undefined) return;
    this.#writer = new Greenlet(() => this.#writeAll());
    this.#writer.name = `output of ${this.#socket}`;
    this.#writer.start();
  }

  /** Whatever is printed can be printed anywhere; only this greenlet waits for the client. */
  async #writeAll(): Promise<void> {
    try {
      while (this.#output !== "") {
        const text = this.#output;
        this.#output = "";
        await this.#socket.sendAll(encoder.encode(text));
      }
    } catch (error) {
      if (!isRuntimeError(error)) throw error; // who reads meets it, too
      this.#output = "";
    } finally {
      this.#writer = undefined;
    }
  }

  async #drained(): Promise<void> {
    await this.#writer?.join();
  }
}

/** Whether a token is right, in a time that does not depend on how much of it is. */
async function isSame(given: string, token: string): Promise<boolean> {
  const { createHash, timingSafeEqual } = await until(import("node:crypto"));
  const digest = (text: string): Uint8Array => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(token));
}
