// The echo server of those who have neither threads nor greenlets: a loop calls back whoever can go on.
import {
  each,
  Interrupt,
  main,
  type Readiness,
  select,
  type Selectable,
  Socket,
  spawn,
} from "../../mod.ts";

type Callback = () => unknown;

class EventLoop {
  readonly readHandlers = new Map<Selectable, Callback>();
  readonly writeHandlers = new Map<Selectable, Callback>();

  async run(): Promise<void> {
    while (true) {
      const [readable, writable] = await select(
        this.readHandlers.keys(),
        this.writeHandlers.keys(),
      );
      for (const object of readable) await this.readHandlers.get(object)?.();
      for (const object of writable) await this.writeHandlers.get(object)?.();
    }
  }

  close(): void {
    for (const object of [...this.readHandlers.keys(), ...this.writeHandlers.keys()]) {
      if (object instanceof Socket) object.close();
    }
  }
}

/** Reads when something has come, writes when it may, and remembers what is between the two. */
class EchoHandler {
  readonly #loop: EventLoop;
  readonly #socket: Socket;
  readonly #unsent: Uint8Array[] = [];
  #ended = false;

  constructor(loop: EventLoop, socket: Socket) {
    this.#loop = loop;
    this.#socket = socket;
    loop.readHandlers.set(socket, () => this.#onReadable());
  }

  async #onReadable(): Promise<void> {
    try {
      const data = await this.#socket.recv(4096); // there is something, so this does not wait
      if (data.length === 0) this.#ended = true;
      else this.#unsent.push(data);
      this.#update();
    } catch (error) {
      if (error instanceof Interrupt) throw error;
      this.#close(); // the connection was reset
    }
  }

  #onWritable(): void {
    // Nobody waits for it: the socket is not writable again before all of this has left.
    this.#socket.sendAll(this.#unsent.shift()!).catch(() => this.#close());
    this.#update();
  }

  #update(): void {
    const { readHandlers, writeHandlers } = this.#loop;
    if (this.#ended) readHandlers.delete(this.#socket);
    if (this.#unsent.length > 0) writeHandlers.set(this.#socket, () => this.#onWritable());
    else if (this.#ended) writeHandlers.set(this.#socket, () => this.#close());
    else writeHandlers.delete(this.#socket);
  }

  #close(): void {
    this.#loop.readHandlers.delete(this.#socket);
    this.#loop.writeHandlers.delete(this.#socket);
    this.#socket.close();
  }
}

/** Can be asked whether somebody wants to connect. */
class ServerHandler implements Selectable {
  readonly #waiting: Socket[] = [];
  #changed: () => void = () => {};

  constructor(loop: EventLoop) {
    loop.readHandlers.set(this, () => {
      for (const socket of this.#waiting.splice(0)) new EchoHandler(loop, socket);
    });
  }

  get readiness(): Readiness {
    return {
      readable: this.#waiting.length > 0,
      writable: false,
      failed: false,
      closed: false,
      watch: (_direction, changed) => {
        this.#changed = changed;
        return () => this.#changed = () => {};
      },
    };
  }

  /** Deno's listeners cannot be asked; so this accepts whoever comes, and then says so. */
  async accept(listener: Deno.Listener): Promise<void> {
    for await (const conn of each(listener)) {
      this.#waiting.push(new Socket(conn));
      this.#changed();
    }
  }
}

export default async function echoCallbacks(listener: Deno.Listener): Promise<void> {
  const loop = new EventLoop();
  const server = new ServerHandler(loop);
  await using _acceptor = spawn(() => server.accept(listener));
  try {
    await loop.run();
  } finally {
    loop.close();
  }
}

if (import.meta.main) main(() => echoCallbacks(Deno.listen({ port: 4000 })));
