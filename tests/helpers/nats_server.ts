/**
 * A NATS server of a test's own, and what it says about its connections.
 *
 * @module
 */

import { ChildServer, freePort } from "./child_server.ts";
import { findProgram } from "./find_program.ts";

/** Why there can be no NATS server; `undefined` when there can be one. */
export const noNats: string | undefined = findProgram("nats-server") === undefined
  ? "nats-server is not installed"
  : undefined;

/** A NATS server, with JetStream and a port for asking it. */
export class NatsServer implements AsyncDisposable {
  readonly #server: ChildServer;
  readonly #monitorPort: number;

  private constructor(server: ChildServer, monitorPort: number) {
    this.#server = server;
    this.#monitorPort = monitorPort;
  }

  static async start(): Promise<NatsServer> {
    const folder = await Deno.makeTempDir({ prefix: "nats_" });
    const [port, monitorPort] = [freePort(), freePort()];
    const options = ["-a", "127.0.0.1", "-p", `${port}`, "-m", `${monitorPort}`];
    const server = await ChildServer.start(
      [findProgram("nats-server")!, ...options, "-js", "-sd", folder],
      port,
      folder,
    );
    return new NatsServer(server, monitorPort);
  }

  /** Its address, as clients take it. */
  get address(): string {
    return `127.0.0.1:${this.#server.port}`;
  }

  /** How many connections there are. */
  async connections(): Promise<number> {
    return (await this.#ask("/connz")).num_connections as number;
  }

  /** How many subscriptions a connection with this name has. */
  async subscriptions(name: string): Promise<number> {
    const { connections } = await this.#ask("/connz") as {
      connections: { name?: string; subscriptions: number }[];
    };
    return connections.filter((one) => one.name === name)
      .reduce((sum, { subscriptions }) => sum + subscriptions, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }

  async #ask(path: string): Promise<Record<string, unknown>> {
    const response = await fetch(`http://127.0.0.1:${this.#monitorPort}${path}`, {
      headers: { connection: "close" },
    });
    return await response.json();
  }
}
