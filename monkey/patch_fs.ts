/**
 * Patching files.
 *
 * @module
 */

import { type AdoptedKind, adoptingScope } from "../core/adopt.ts";
import { adopted, adoptedAbortable, withArgument, type WithSignal } from "./_adopted.ts";
import { AdoptedIterator } from "./_iterator.ts";
import { KeptReads, KeptResults, streamOfReads } from "./_kept.ts";
import { Patcher, type Patches, type PatchOptions } from "./registry.ts";

type AnyFunction = (...args: unknown[]) => Promise<unknown>;
type Unpatched = Record<string, AnyFunction>;

/** Functions that take a signal, and where: interrupting them ends the operation. */
const ABORTABLE: Readonly<Record<string, number>> = {
  readFile: 1,
  readTextFile: 1,
  writeFile: 2,
  writeTextFile: 2,
};

/** Functions that go on when nobody waits for them any more; a file that is opened too late is closed. */
const OTHERS: readonly string[] = [
  "chmod",
  "chown",
  "copyFile",
  "create",
  "link",
  "lstat",
  "makeTempDir",
  "makeTempFile",
  "mkdir",
  "open",
  "readLink",
  "realPath",
  "remove",
  "rename",
  "stat",
  "symlink",
  "truncate",
  "utime",
];

/** Methods of files that have nothing to do with the position in it. */
const FILE_METHODS = ["stat", "sync", "syncData", "unlock", "utime"] as const;

/** Who has tried last to lock a file. */
const attempts = new WeakMap<Deno.FsFile, object>();

/**
 * Patches the functions of `Deno` for files, `Deno.FsFile` and `Deno.stdin`: all that waits can be interrupted.
 *
 * `readFile`, `readTextFile`, `writeFile` and `writeTextFile` are ended by that, the other operations go on in the
 * background; a lock that comes too late is given back. What comes for a read that was killed goes to the next read; of a
 * file that can be sought in, the position is put back. An event that comes for a killed step of a loop over `watchFs` goes
 * to the next step. Operations on pipes block a thread of the runtime each, of which there are 32, until they come to an
 * end: after as many that were given up, no operation on files comes to its end any more.
 *
 * @returns What was replaced, and takes it back.
 *
 * @example
 * ```ts
 * import { spawn } from "@gevent/deno";
 * import { isPatched, patchFs } from "@gevent/deno/monkey";
 *
 * using _patch = patchFs();
 * const text = spawn(() => Deno.readTextFile(new URL(import.meta.resolve("@gevent/deno"))));
 * console.assert((await text.get()).includes("greenlets") && isPatched("Deno.stdin.read"));
 * ```
 */
export function patchFs(options: PatchOptions = {}): Patches {
  const patcher = new Patcher("fs", options);
  const functions = Deno as unknown as Unpatched;
  for (const [name, at] of Object.entries(ABORTABLE)) {
    const kind = { name: `Deno.${name}` };
    patcher.method(functions, name, kind.name, (fn) => (...args) => {
      const options = args[at] as WithSignal | undefined;
      return adoptedAbortable(options, (all) => fn(...withArgument(args, at, all)), kind);
    });
  }
  for (const name of OTHERS) {
    const kind = { name: `Deno.${name}` };
    patcher.method(
      functions,
      name,
      kind.name,
      (fn) => (...args) => adopted(() => fn(...args), kind),
    );
  }
  patchIterables(patcher);
  patchFiles(patcher);
  patchStdin(patcher);
  return patcher.patches;
}

function patchIterables(patcher: Patcher): void {
  const list: AdoptedKind = { name: "Deno.readDir" };
  patcher.method(Deno, "readDir", list.name, (readDir) => (path: string | URL) => {
    const entries = readDir(path);
    return {
      [Symbol.asyncIterator]: () => new AdoptedIterator(entries[Symbol.asyncIterator](), list),
    };
  });
  const watch: AdoptedKind = { name: "Deno.watchFs" };
  patcher.method(
    Deno,
    "watchFs",
    watch.name,
    (watchFs) => (paths: string | string[], options?: { recursive: boolean }) => {
      const watcher = watchFs(paths, options);
      const iterate = watcher[Symbol.asyncIterator];
      // Not closed by an interrupt: it is the program's, which may go on watching.
      const kept = new KeptResults<IteratorResult<Deno.FsEvent>>();
      return Object.defineProperty(watcher, Symbol.asyncIterator, {
        value: (): AsyncIterableIterator<Deno.FsEvent> => {
          const iterator = iterate.call(watcher);
          return {
            next: () => kept.take(() => iterator.next(), watch),
            return(value) {
              kept.drop();
              return iterator.return!(value);
            },
            [Symbol.asyncIterator]() {
              return this;
            },
          };
        },
        configurable: true,
        writable: true,
      });
    },
  );
}

/** What was read for nobody, by file. */
const reads = new WeakMap<object, KeptReads>();

const streams = new WeakMap<object, ReadableStream<Uint8Array<ArrayBuffer>>>();

interface Reader {
  read(buffer: Uint8Array): Promise<number | null>;
  readSync(buffer: Uint8Array): number | null;
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
}

/** What is particular to a kind of {@link Reader}. */
interface ReaderKind<T> {
  /** How much one read brings at most. */
  readonly most?: number;
  /** Tries to make as if what is kept had not been read. */
  putBack?(reader: T): void;
  /** It was read from by others than those who are in the line. */
  moved?(reader: T): void;
  /** The end of its stream has been read, or the stream has failed or was cancelled. It may be closed already. */
  end(reader: T): void;
}

/** Makes a `read` that can be killed and reads nothing then, and has what comes for it found by all others who read. */
function patchReader<T extends Reader>(
  patcher: Patcher,
  target: T,
  path: string,
  { most, putBack, moved, end }: ReaderKind<T>,
): void {
  const kind = { name: `${path}.read` };
  patcher.method(target, "read", kind.name, (read) =>
    function (this: T, buffer: Uint8Array) {
      let kept = reads.get(this);
      const isAsEver = adoptingScope() === undefined && (kept?.idle ?? true);
      // What is no buffer the runtime is to refuse.
      if (isAsEver || !(buffer instanceof Uint8Array)) return read.call(this, buffer);
      if (kept === undefined) {
        kept = new KeptReads((own) => read.call(this, own), most);
        reads.set(this, kept);
      }
      return kept.read(buffer, kind);
    });
  patcher.method(
    target,
    "readSync",
    `${path}.readSync`,
    (readSync) =>
      function (this: T, buffer: Uint8Array) {
        const kept = reads.get(this);
        if (kept !== undefined && kept.kept > 0) return kept.take(buffer);
        const count = readSync.call(this, buffer);
        moved?.(this);
        return count;
      },
  );
  patcher.accessor(target, "readable", `${path}.readable`, ({ get }) => ({
    get(this: T) {
      let stream = streams.get(this);
      if (stream !== undefined) return stream;
      putBack?.(this);
      if (reads.get(this)?.idle ?? true) return get!.call(this);
      stream = streamOfReads((buffer) => this.read(buffer), () => end(this));
      streams.set(this, stream);
      return stream;
    },
  }));
}

function patchFiles(patcher: Patcher): void {
  const { prototype } = Deno.FsFile;
  const path = "Deno.FsFile.prototype";
  const { seek, seekSync, unlock } = prototype;
  const putBackSync = (file: Deno.FsFile): void => {
    const kept = reads.get(file);
    if (kept === undefined) return;
    try {
      if (kept.kept > 0) seekSync.call(file, -kept.kept, Deno.SeekMode.Current);
      kept.drop(); // also an end that was found: it may be elsewhere next time
    } catch {
      // A pipe has no position: what was read stays for the next read.
    }
  };
  /** Has the file stay where it is now, whatever a read does to that which is still under way for nobody. */
  const stay = (file: Deno.FsFile, at?: number): void => {
    const kept = reads.get(file);
    if (kept === undefined || kept.idle) return;
    const seekQuietly = (offset: number, whence: Deno.SeekMode): number => {
      try {
        return seekSync.call(file, offset, whence);
      } catch {
        return -1; // a pipe, or closed meanwhile
      }
    };
    const position = at ?? seekQuietly(0, Deno.SeekMode.Current);
    if (position !== -1) kept.disown(() => void seekQuietly(position, Deno.SeekMode.Start));
  };
  patchReader(patcher, prototype, path, {
    putBack: putBackSync,
    moved(file) {
      if (reads.get(file)?.disowned) stay(file);
    },
    end: (file) => file[Symbol.dispose](),
  });
  patcher.accessor(prototype, "writable", `${path}.writable`, ({ get }) => ({
    get(this: Deno.FsFile) {
      putBackSync(this);
      return get!.call(this);
    },
  }));
  const replace = (
    names: readonly (keyof Deno.FsFile & string)[],
    make: (
      method: AnyFunction,
      kind: AdoptedKind,
    ) => (this: Deno.FsFile, ...args: unknown[]) => unknown,
  ): void => {
    for (const name of names) {
      const kind = { name: `Deno.FsFile.${name}` };
      const patched = (method: unknown): never => make(method as AnyFunction, kind) as never;
      patcher.method(prototype, name, `${path}.${name}`, patched);
    }
  };
  replace(["seekSync", "writeSync"], (method, kind) =>
    function (...args) {
      putBackSync(this);
      const result: unknown = Reflect.apply(method, this, args);
      // A seek says itself where the file is: the read may have moved it since.
      stay(
        this,
        typeof result === "number" && kind.name === "Deno.FsFile.seekSync" ? result : undefined,
      );
      return result;
    });
  replace(["truncateSync"], (method) =>
    function (...args) {
      putBackSync(this);
      return Reflect.apply(method, this, args);
    });
  replace(["seek", "truncate", "write"], (method, kind) =>
    function (...args) {
      return adopted(() => {
        const operate = (): Promise<unknown> => Reflect.apply(method, this, args);
        return reads.get(this)?.idle === false ? putBack(this, seek).then(operate) : operate();
      }, kind);
    });
  replace(FILE_METHODS, (method, kind) =>
    function (...args) {
      return adopted(() => Reflect.apply(method, this, args), kind);
    });
  replace(["lock", "tryLock"], (method, kind) =>
    function (...args) {
      const attempt = {};
      attempts.set(this, attempt);
      // Whoever has tried again may have got the same lock.
      const giveBack = (): unknown =>
        attempts.get(this) === attempt ? unlock.call(this).catch(() => {}) : undefined;
      return adopted(() => Reflect.apply(method, this, args), kind, { orphan: giveBack });
    });
}

/** Makes as if what was read for nobody had not been read, where the file can be sought in. */
async function putBack(file: Deno.FsFile, seek: Deno.FsFile["seek"]): Promise<void> {
  const kept = reads.get(file)!;
  await kept.settled();
  try {
    if (kept.kept > 0) await seek.call(file, -kept.kept, Deno.SeekMode.Current);
    kept.drop(); // also an end that was found: it may be elsewhere next time
  } catch {
    // A pipe has no position: what was read stays for the next read.
  }
}

function patchStdin(patcher: Patcher): void {
  const prototype = Object.getPrototypeOf(Deno.stdin) as typeof Deno.stdin;
  patchReader(patcher, prototype, "Deno.stdin", { most: 65536, end() {} });
}
