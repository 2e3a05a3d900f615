import { assertEquals } from "@std/assert";
import { green } from "../../core/green.ts";
import { spawn } from "../../core/spawn.ts";
import { type SqlDriver, sqlOptions } from "../../monkey/_statements.ts";
import { turns, virtualTest } from "../helpers/virtual_test.ts";

/** A connection to a server that works on a statement until it is told to stop. */
class FakeConnection {
  readonly sent: string[] = [];
  #fail: ((error: Error) => void) | undefined;

  query(text: string): Promise<void> {
    this.sent.push(text);
    return new Promise((_, reject) => this.#fail = reject);
  }

  commit(): Promise<string> {
    return this.#send("commit");
  }

  rollback(): Promise<string> {
    return this.#send("rollback");
  }

  beginTransaction(): Promise<string> {
    return this.#send("beginTransaction");
  }

  prepare(): Promise<string> {
    return this.#send("prepare");
  }

  changeUser(): Promise<string> {
    return this.#send("changeUser");
  }

  ping(): Promise<string> {
    return this.#send("ping");
  }

  reset(): Promise<string> {
    return this.#send("reset");
  }

  escape(): string {
    return "'text'";
  }

  stop(): void {
    this.#fail!(new Error("stopped"));
  }

  #send(name: string): Promise<string> {
    this.sent.push(name);
    return Promise.resolve(name);
  }
}

/** Stops statements when the test says that the server has heard. */
class FakeDriver implements SqlDriver<FakeConnection> {
  readonly #heard = Promise.withResolvers<void>();
  readonly connection = new FakeConnection();
  readonly client = green(this.connection, sqlOptions<FakeConnection>(this));
  readonly isPool = (): boolean => false;
  readonly checkOut = (): never => undefined as never;
  readonly release = (): void => {};
  readonly destroy = (): void => {};
  readonly remove = (): boolean => false;
  readonly isActive = (): boolean => true;
  readonly latest = (): object => this;
  readonly stop = (): Promise<void> => this.#heard.promise;

  connectionOf(target: unknown): FakeConnection | undefined {
    return target instanceof FakeConnection ? target : undefined;
  }

  hear(): void {
    this.connection.stop();
    this.#heard.resolve();
  }
}

for (
  const method of [
    "commit",
    "rollback",
    "beginTransaction",
    "prepare",
    "changeUser",
    "ping",
    "reset",
  ] as const
) {
  virtualTest(`sqlOptions() holds ${method}() back until a statement is stopped`, async () => {
    const driver = new FakeDriver();
    const { client, connection } = driver;
    const killed = spawn(() => client.query("slow"));
    await turns();
    await killed.kill();
    const next = spawn(() => client[method]());
    const givenUp = spawn(() => client[method]());
    await turns();
    await givenUp.kill();
    assertEquals([connection.sent, client.escape()], [["slow"], "'text'"]);
    driver.hear();
    assertEquals(await next.get(), method);
    assertEquals(await client[method](), method);
    assertEquals(connection.sent, ["slow", method, method]);
  });
}
