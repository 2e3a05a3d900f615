/**
 * Many connections that are open and say nothing, as browsers keep them.
 *
 * @module
 */

const REQUEST = new TextEncoder().encode("GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");

/** How many are opened at a time: no server can take thousands in one go. */
const AT_A_TIME = 100;

/** Connections over each of which one request was answered; closed at the end of a `using` block. */
export class HeldConnections implements Disposable {
  readonly #connections: Deno.TcpConn[] = [];

  private constructor() {}

  /**
   * Opens them to a server of this machine.
   *
   * @throws {Error} When one of them is not answered.
   */
  static async open(port: number, count: number): Promise<HeldConnections> {
    const held = new HeldConnections();
    try {
      while (held.#connections.length < count) {
        const missing = Math.min(AT_A_TIME, count - held.#connections.length);
        await Promise.all(Array.from({ length: missing }, () => held.#openOne(port)));
      }
      return held;
    } catch (error) {
      held[Symbol.dispose]();
      throw error;
    }
  }

  /** How many the server has not closed. */
  async countOpen(): Promise<number> {
    const asked = await Promise.all(this.#connections.map((connection) => ask(connection)));
    return asked.filter(Boolean).length;
  }

  async #openOne(port: number): Promise<void> {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    this.#connections.push(connection);
    if (!await ask(connection)) throw new Error("A connection was closed without an answer");
  }

  [Symbol.dispose](): void {
    for (const connection of this.#connections) connection.close();
  }
}

/** Sends a request and waits for the answer, which is short; says whether one came. */
async function ask(connection: Deno.TcpConn): Promise<boolean> {
  try {
    await connection.write(REQUEST);
    return await connection.read(new Uint8Array(1024)) !== null;
  } catch {
    return false; // closed by the server
  }
}
