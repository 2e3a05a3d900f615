/**
 * Host names and addresses.
 *
 * @module
 */

import { requireCount, requireOptions } from "../core/arguments.ts";
import { Greenlet } from "../core/greenlet.ts";
import { checkpoint, completed, type WaitOptions } from "../core/suspend.ts";
import type { WaitKind } from "../core/waiter.ts";
import { checkName, isDomainName, loopback, parseNameServer, reverseName } from "./_dns_names.ts";
import { familyOf } from "./_ip.ts";
import { lookupSlots } from "./_lookup_slots.ts";
import { lookUpHost, queryRecords, type ServerAddress } from "./_runtime_dns.ts";
import { type Answer, type Query, SharedQueries } from "./_shared_queries.ts";
import {
  type DnsRecords,
  type HostAddress,
  type NameServer,
  RECORD_TYPES,
  type RecordsAnswer,
} from "./dns_records.ts";

// deno-lint-ignore no-explicit-any -- one constant serves all types of records
const RESOLVE: WaitKind<any> = { name: "Resolver.resolve" };
// deno-lint-ignore no-explicit-any -- see above
const LOOKUP: WaitKind<any> = { name: "Resolver.lookup" };

/**
 * What `new Resolver()` takes.
 *
 * @example
 * ```ts
 * import { Resolver, type ResolverOptions } from "@gevent/deno/net";
 *
 * const options: ResolverOptions = { nameServer: "127.0.0.1:5353", maxTtl: 60_000 };
 * console.assert(new Resolver(options).cached === 0);
 * ```
 */
export interface ResolverOptions {
  /** The name server that `resolve` asks; by default that of the system. */
  readonly nameServer?: NameServer;
  /** How many answers are kept at most; default 1000, 0 keeps none. */
  readonly cacheSize?: number;
  /**
   * The longest time, in ms, that an answer is kept, whatever its lifetime; default 5 minutes. It is not longer because a
   * CNAME on the way to an address may have a shorter lifetime than the address, and the runtime does not tell that one.
   */
  readonly maxTtl?: number;
  /**
   * How long, in ms, answers are kept whose lifetime the runtime does not tell; default 30 seconds. It tells that of `A` and
   * `AAAA` records, but with a `nameServer` only if the program has the permission `--allow-sys=networkInterfaces`.
   */
  readonly defaultTtl?: number;
  /**
   * How long, in ms, it is remembered that there is no answer; default 5 seconds. The runtime does not tell for how long that
   * is good, nor whether it was the name server that failed.
   */
  readonly negativeTtl?: number;
}

/**
 * What `resolve` takes.
 *
 * @example
 * ```ts
 * import { type ResolveOptions, Resolver } from "@gevent/deno/net";
 *
 * const options: ResolveOptions = { nameServer: "127.0.0.1:5353", timeout: 1000 };
 * console.assert((await new Resolver().resolve("localhost", "A", options)).join() === "127.0.0.1");
 * ```
 */
export interface ResolveOptions extends WaitOptions {
  /** The name server to ask; by default that of the resolver. */
  readonly nameServer?: NameServer;
}

/**
 * What `lookup` takes.
 *
 * @example
 * ```ts
 * import { lookup, type LookupOptions } from "@gevent/deno/net";
 *
 * const options: LookupOptions = { family: 4, timeout: 1000 };
 * console.assert((await lookup("localhost", options)).address === "127.0.0.1");
 * ```
 */
export interface LookupOptions extends WaitOptions {
  /** Only addresses of this family; by default, or with 0, those of both. */
  readonly family?: 0 | 4 | 6;
  /** Return all addresses, in the order in which the system would try them, and not only the first. */
  readonly all?: boolean;
}

/**
 * Resolves names, and remembers what came of it: gevent's resolvers.
 *
 * Who asks what is being asked already waits for the same answer; a kill or a timeout ends that wait at once and leaves the
 * question to the others. When nobody is left, a question to a name server is taken back. A lookup of the system cannot be:
 * it goes on, and its answer is kept for whoever asks next. No more than 16 of those run at a time, as they take up threads
 * of the runtime; the others stand in line.
 *
 * A class that extends it can ask somebody else, by overriding {@link Resolver.askSystem} or {@link Resolver.askServer}.
 *
 * @example
 * ```ts
 * import { Resolver } from "@gevent/deno/net";
 *
 * class Fixed extends Resolver {
 *   protected override askServer() {
 *     return Promise.resolve({ records: ["192.0.2.1"], ttl: 60_000 });
 *   }
 * }
 *
 * const resolver = new Fixed();
 * console.assert((await resolver.resolve("example.com", "A"))[0] === "192.0.2.1");
 * console.assert(resolver.cached === 1);
 * ```
 */
export class Resolver {
  /** The resolver of {@link resolve}, of {@link lookup}, and of whatever connects to host names, with the default settings. */
  static readonly default: Resolver = new Resolver();

  readonly #nameServer: ServerAddress | undefined;
  readonly #maxTtl: number;
  readonly #defaultTtl: number;
  readonly #negativeTtl: number;
  readonly #queries: SharedQueries<readonly unknown[]>;

  /**
   * Makes a resolver that has not asked anything yet.
   *
   * @throws {TypeError} When the name server is not given by its IP address.
   * @throws {RangeError} When a number is negative, or `cacheSize` no integer.
   */
  constructor(options: ResolverOptions = {}) {
    requireOptions(options);
    const { nameServer, cacheSize = 1000 } = options;
    requireCount(cacheSize, "cacheSize");
    this.#nameServer = nameServer === undefined ? undefined : parseNameServer(nameServer);
    this.#maxTtl = lifetime("maxTtl", options.maxTtl ?? 300_000);
    this.#defaultTtl = lifetime("defaultTtl", options.defaultTtl ?? 30_000);
    this.#negativeTtl = lifetime("negativeTtl", options.negativeTtl ?? 5000);
    this.#queries = new SharedQueries(cacheSize);
  }

  /** How many answers are kept; some may be too old to be used. */
  get cached(): number {
    return this.#queries.size;
  }

  /** Forgets all answers. */
  clear(): void {
    this.#queries.clear();
  }

  /**
   * Asks a name server for the records of a name. The hosts file is not looked at; for addresses to connect to, that is what
   * {@link Resolver.lookup} is for.
   *
   * An IP address is its own `A` or `AAAA` record, and `localhost` is always the local host. A name may have letters of any
   * script. A name server that is silent is asked again for 8 seconds (`A` and `AAAA`) or 15 seconds (the others).
   *
   * @param type The type of the records; default `"A"`.
   * @returns At least one record.
   * @throws {Deno.errors.NotFound} When there are none, or when there can be no such name.
   * @throws {Deno.errors.TimedOut} When the name server does not answer.
   * @throws {Timeout} When it takes longer than `timeout`.
   * @throws {TypeError} When an argument has the wrong form.
   */
  async resolve<T extends keyof DnsRecords = "A">(
    hostname: string,
    type: T = "A" as T,
    options: ResolveOptions = {},
  ): Promise<DnsRecords[T][]> {
    requireOptions(options);
    const name = checkName(hostname);
    if (!Object.hasOwn(RECORD_TYPES, type)) {
      throw new TypeError(
        `Cannot resolve as 'type' must be a type of DNS records: received ${Deno.inspect(type)}`,
      );
    }
    const server = options.nameServer === undefined
      ? this.#nameServer
      : parseNameServer(options.nameServer);
    const family = type === "A" ? 4 : type === "AAAA" ? 6 : undefined;
    if (family !== undefined) {
      const own = familyOf(name) === 0
        ? loopback(name, family)
        : familyOf(name) === family
        ? name
        : null;
      if (own === null) throw notFound(name, `there are no ${type} records`);
      if (own !== undefined) return await immediate([own as DnsRecords[T]], options);
    }
    if (!isDomainName(name)) throw notFound(name, "it is no domain name");
    const where = server === undefined ? "" : `${server.ipAddr} ${server.port}`;
    const ask = (): Query<readonly unknown[]> => this.#queryServer(name, type, server);
    const records = await this.#queries.get(`${type} ${name} ${where}`, ask, options, RESOLVE);
    return structuredClone(records) as DnsRecords[T][]; // the kept ones are for others, too
  }

  /** Finds all addresses of a host; see the other form. */
  lookup(
    hostname: string,
    options: LookupOptions & { readonly all: true },
  ): Promise<HostAddress[]>;
  /**
   * Finds the address of a host the way the system does it: hosts file, name servers, whatever it is set up for. This is
   * `getaddrinfo`.
   *
   * An IP address is returned as it is, and so is the scope of an IPv6 address.
   *
   * @throws {Deno.errors.NotFound} When the host is not known, or has no address of the family.
   * @throws {Timeout} When it takes longer than `timeout`.
   * @throws {TypeError} When an argument has the wrong form.
   */
  lookup(hostname: string, options?: LookupOptions): Promise<HostAddress>;
  async lookup(
    hostname: string,
    options: LookupOptions = {},
  ): Promise<HostAddress | HostAddress[]> {
    requireOptions(options);
    const name = checkName(hostname);
    const { family = 0, all = false } = options;
    if (family !== 0 && family !== 4 && family !== 6) {
      throw new TypeError(
        `Cannot look up as 'family' must be 0, 4 or 6: received ${Deno.inspect(family)}`,
      );
    }
    const addresses = await this.#addresses(name, family, options);
    return all ? addresses.map((address) => ({ ...address })) : { ...addresses[0]! };
  }

  /**
   * Finds the names of an IP address: its `PTR` records, without the final dot; gevent's `gethostbyaddr`. The hosts file is
   * not looked at.
   *
   * @throws {Deno.errors.NotFound} When it has none.
   * @throws {TypeError} When it is not an IP address.
   */
  async reverse(address: string, options?: ResolveOptions): Promise<string[]> {
    const names = await this.resolve(reverseName(address), "PTR", options);
    return names.map((name) => name.replace(/\.$/, ""));
  }

  /** For example `<Resolver 127.0.0.1:53 cached=3>`. */
  toString(): string {
    const server = this.#nameServer;
    const where = server === undefined ? "" : ` ${server.ipAddr}:${server.port}`;
    return `<${this.constructor.name}${where} cached=${this.cached}>`;
  }

  /**
   * Has the system look a host up, in a greenlet of its own. Must reject with `Deno.errors.NotFound` when the host is not known,
   * and only then.
   *
   * @param family 0 for both.
   * @returns At least one address.
   */
  protected askSystem(hostname: string, family: 0 | 4 | 6): Promise<readonly HostAddress[]> {
    return lookUpHost(hostname, family);
  }

  /**
   * Asks a name server, in a greenlet of its own. Must reject with `Deno.errors.NotFound` when there are no such records, and
   * only then. When nobody wants to know any more the greenlet is killed, and `signal` is aborted.
   *
   * @param server `undefined` for that of the system.
   */
  protected askServer(
    hostname: string,
    type: keyof DnsRecords,
    server: { readonly ipAddr: string; readonly port: number } | undefined,
    signal: AbortSignal,
  ): Promise<RecordsAnswer> {
    return queryRecords(hostname, type, server, signal);
  }

  async #addresses(
    name: string,
    family: 0 | 4 | 6,
    options: WaitOptions,
  ): Promise<readonly HostAddress[]> {
    const own = familyOf(name);
    if (own !== 0) {
      if (family !== 0 && family !== own) throw notFound(name, `it is no IPv${family} address`);
      return await immediate([{ address: name, family: own }], options);
    }
    if (!isDomainName(name)) throw notFound(name, "it is no host name");
    const ask = (): Query<readonly unknown[]> => this.#querySystem(name, family);
    const found = await this.#queries.get(`lookup ${name} ${family}`, ask, options, LOOKUP);
    return found as readonly HostAddress[];
  }

  #queryServer(
    name: string,
    type: keyof DnsRecords,
    server: ServerAddress | undefined,
  ): Query<readonly unknown[]> {
    const abort = new AbortController();
    const asking = apart(name, () => this.askServer(name, type, server, abort.signal));
    return {
      answer: this.#answer(asking.result.then(({ records, ttl }) => ({ value: records, ttl }))),
      cancel(): boolean {
        abort.abort();
        asking.greenlet.throw();
        return true;
      },
    };
  }

  #querySystem(name: string, family: 0 | 4 | 6): Query<readonly unknown[]> {
    const slot = lookupSlots.run(() => apart(name, () => this.askSystem(name, family)).result);
    const asked = slot.result.then((value) => ({ value, ttl: undefined }));
    return { answer: this.#answer(asked), cancel: () => slot.leave() };
  }

  /** For how long which result is kept. */
  async #answer(
    asked: Promise<{ value: readonly unknown[]; ttl: number | undefined }>,
  ): Promise<Answer<readonly unknown[]>> {
    try {
      const { value, ttl = this.#defaultTtl } = await asked;
      return { value, ttl: Math.min(ttl, this.#maxTtl) };
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      const { message } = error;
      return { makeError: () => new Deno.errors.NotFound(message), ttl: this.#negativeTtl };
    }
  }
}

/**
 * Runs a function in a greenlet of its own: whatever it waits for must not depend on the life of whoever happens to ask first.
 */
function apart<T>(
  name: string,
  fn: () => Promise<T>,
): { greenlet: Greenlet<void>; result: Promise<T> } {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const greenlet = new Greenlet(async () => {
    try {
      resolve(await fn());
    } catch (error) {
      reject(error);
    }
  });
  greenlet.name = `question for ${name}`;
  greenlet.start();
  return { greenlet, result: promise };
}

function lifetime(option: string, ms: number): number {
  if (typeof ms === "number" && ms >= 0) return ms;
  throw new RangeError(
    `Cannot create a resolver as '${option}' must be a number of ms and not negative: received ${ms}`,
  );
}

function notFound(name: string, why: string): Error {
  return new Deno.errors.NotFound(`Cannot resolve '${name}': ${why}`);
}

/** The result of a blocking call that has nothing to wait for. */
function immediate<T>(value: T, options: WaitOptions): Promise<T> {
  return checkpoint(options) ?? completed(value);
}
