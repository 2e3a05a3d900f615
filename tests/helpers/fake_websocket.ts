/**
 * A WebSocket of the runtime without a network, for tests in virtual time.
 *
 * @module
 */

import { bytes } from "./sockets.ts";

/** As much of a socket of the runtime as the library uses; what it sends leaves when the test says so. */
export class FakeWebSocket extends EventTarget {
  readyState: number;
  bufferedAmount = 0;
  binaryType = "blob";
  protocol = "";
  /** Not empty at a client. */
  url: string;
  /** The messages that were handed over. */
  readonly sent: (string | Uint8Array)[] = [];
  /** With what it was closed. */
  closedWith: { code?: number | undefined; reason?: string | undefined } | undefined;
  onmessage: ((event: { data: unknown }) => void) | null = null;
  onclose: ((event: { code: number; reason: string; wasClean: boolean }) => void) | null = null;
  onerror: ((event: Event) => void) | null = null;

  constructor(readyState: number = WebSocket.OPEN, url = "") {
    super();
    this.readyState = readyState;
    this.url = url;
  }

  /** For code that takes a socket of the runtime. */
  get asSocket(): WebSocket {
    return this as unknown as WebSocket;
  }

  send(message: string | Uint8Array): void {
    this.sent.push(message);
    this.bufferedAmount += typeof message === "string" ? bytes(message).length : message.length;
  }

  close(code?: number, reason?: string): void {
    this.closedWith = code === undefined ? {} : { code, reason };
    this.readyState = WebSocket.CLOSING;
  }

  /** It opens. */
  open(): void {
    this.readyState = WebSocket.OPEN;
    this.dispatchEvent(new Event("open"));
  }

  /** All that was sent leaves, or so many bytes of it. */
  leave(size: number = this.bufferedAmount): void {
    this.bufferedAmount -= size;
  }

  /** A message comes in. */
  arrive(data: string | ArrayBuffer): void {
    this.onmessage?.({ data });
  }

  /** Something goes wrong. */
  complain(message: string): void {
    const event = new ErrorEvent("error", { message });
    this.onerror?.(event);
    this.dispatchEvent(event);
  }

  /** It ends. */
  end(code = 1000, reason = "", wasClean = true): void {
    this.readyState = WebSocket.CLOSED;
    this.bufferedAmount = 0;
    this.onclose?.({ code, reason, wasClean });
    this.dispatchEvent(new Event("close"));
  }
}
