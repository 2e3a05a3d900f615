/**
 * The WebSockets that a server has open, so that it can close them when it stops.
 *
 * @module
 */

import type { WebSocketConnection } from "./websocket.ts";

/** The connections of one server. */
export class OpenWebSockets {
  readonly #connections: Set<WebSocketConnection> = new Set();
  #closing = false;

  /** How many there are. */
  get size(): number {
    return this.#connections.size;
  }

  /** Adds one that opens; when the server is stopping, it is closed as soon as it is open. */
  add(connection: WebSocketConnection): void {
    this.#connections.add(connection);
    if (this.#closing) goAway(connection);
  }

  /** Takes one out that has ended. */
  delete(connection: WebSocketConnection): void {
    this.#connections.delete(connection);
  }

  /** Begins the closing handshake of all, also of those that are still to come. */
  closeAll(): void {
    this.#closing = true;
    this.#connections.forEach(goAway);
  }

  /** Gives up those that are left. */
  abortAll(): void {
    for (const connection of this.#connections) connection.abort();
  }
}

function goAway(connection: WebSocketConnection): void {
  connection.close(1001, "Going away");
}
