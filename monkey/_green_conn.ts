/**
 * Connections and listeners as patched functions return them.
 *
 * They are the runtime's own objects, with another prototype between them and their class: whoever needs the real thing,
 * as `Deno.startTls` does, has it, and what is not replaced here is what it always was. Objects that the library makes for
 * itself are left alone, as its sockets have their own way to wait.
 *
 * @module
 */

import { type AdoptedKind, adoptingScope } from "../core/adopt.ts";
import { adopted } from "./_adopted.ts";
import { Greenery, type Methods } from "./_greenery.ts";
import { KeptReads, KeptResults, streamOfReads } from "./_kept.ts";

const READ: AdoptedKind = { name: "Deno.Conn.read" };
const WRITE: AdoptedKind = { name: "Deno.Conn.write" };
const CLOSE_WRITE: AdoptedKind = { name: "Deno.Conn.closeWrite" };
const HANDSHAKE: AdoptedKind = { name: "Deno.TlsConn.handshake" };
const ACCEPT: AdoptedKind = { name: "Deno.Listener.accept" };
const RECEIVE: AdoptedKind = { name: "Deno.DatagramConn.receive" };
const SEND: AdoptedKind = { name: "Deno.DatagramConn.send" };

/** What one read of the runtime brings at most. */
const LARGEST_READ = 65536;
/** No datagram is larger. */
const LARGEST_DATAGRAM = 65536;

/** Made when the first read that can be killed is begun; connections that are used outside greenlets have none. */
const reads = new WeakMap<Deno.Conn, KeptReads>();
const streams = new WeakMap<Deno.Conn, ReadableStream<Uint8Array<ArrayBuffer>>>();

const conns = new Greenery<Deno.TcpConn & Partial<Deno.TlsConn>>((native) => {
  const methods: Methods<Deno.TcpConn & Partial<Deno.TlsConn>> = {
    read(buffer) {
      let kept = reads.get(this);
      const isAsEver = adoptingScope() === undefined && (kept?.idle ?? true);
      // What is no buffer the runtime is to refuse.
      if (isAsEver || !(buffer instanceof Uint8Array)) return native.read.call(this, buffer);
      if (kept === undefined) {
        kept = new KeptReads((own) => native.read.call(this, own), LARGEST_READ);
        reads.set(this, kept);
      }
      return kept.read(buffer, READ);
    },

    write(buffer) {
      return adopted(() => native.write.call(this, buffer), WRITE);
    },

    closeWrite() {
      return adopted(() => native.closeWrite.call(this), CLOSE_WRITE);
    },

    get readable() {
      const own = streams.get(this);
      if (own !== undefined) return own;
      const kept = reads.get(this);
      if (kept === undefined || kept.idle) {
        return Reflect.get(native, "readable", this);
      }
      const stream = streamOfReads((buffer) => this.read(buffer), () => this[Symbol.dispose]());
      streams.set(this, stream);
      return stream;
    },
  };
  const { handshake } = native;
  if (handshake !== undefined) {
    methods.handshake = function () {
      return adopted(() => handshake.call(this), HANDSHAKE);
    };
  }
  return methods;
});

/** Makes a connection wait cooperatively, and returns it. */
export function greenConn<C extends Deno.Conn>(conn: C): C {
  return conns.apply(conn as never);
}

/** How many bytes of a connection are kept, for whoever reads next. */
export function keptOf(conn: Deno.Conn): number {
  return reads.get(conn)?.kept ?? 0;
}

const accepts = new WeakMap<Deno.Listener, KeptResults<Deno.Conn>>();

const listeners = new Greenery<Deno.Listener>((native) => ({
  accept() {
    let kept = accepts.get(this);
    if (adoptingScope() === undefined && (kept === undefined || kept.idle)) {
      return native.accept.call(this).then(greenConn);
    }
    if (kept === undefined) accepts.set(this, kept = new KeptResults());
    return kept.take(() => native.accept.call(this).then(greenConn), ACCEPT) as never;
  },

  close() {
    for (const conn of accepts.get(this)?.drop() ?? []) conn.close();
    native.close.call(this);
  },

  // Which may be done again, and after `close`.
  [Symbol.dispose]() {
    for (const conn of accepts.get(this)?.drop() ?? []) conn.close();
    native[Symbol.dispose].call(this);
  },
}));

/** Makes a listener, and the connections that it accepts, wait cooperatively. */
export function greenListener<L>(listener: L): L {
  return listeners.apply(listener as Deno.Listener) as L;
}

const receives = new WeakMap<
  Deno.DatagramConn,
  KeptResults<[Uint8Array<ArrayBuffer>, Deno.Addr]>
>();

const datagrams = new Greenery<Deno.DatagramConn>((native) => ({
  async receive(buffer) {
    let kept = receives.get(this);
    if (adoptingScope() === undefined && (kept === undefined || kept.idle)) {
      return await native.receive.call(this, buffer);
    }
    if (kept === undefined) receives.set(this, kept = new KeptResults());
    const begin = (): Promise<[Uint8Array<ArrayBuffer>, Deno.Addr]> =>
      native.receive.call(this, new Uint8Array(LARGEST_DATAGRAM));
    const [data, address] = await kept.take(begin, RECEIVE);
    if (buffer === undefined) return [data, address];
    const size = Math.min(data.length, buffer.length);
    buffer.set(data.subarray(0, size));
    return [buffer.subarray(0, size) as Uint8Array<ArrayBuffer>, address];
  },

  send(data, address) {
    return adopted(() => native.send.call(this, data, address), SEND);
  },
}));

/** Makes a datagram socket wait cooperatively. */
export function greenDatagrams(socket: Deno.DatagramConn): Deno.DatagramConn {
  return datagrams.apply(socket);
}
