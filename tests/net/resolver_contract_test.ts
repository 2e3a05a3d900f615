import type { WaitOptions } from "../../core/suspend.ts";
import type { HostAddress, RecordsAnswer } from "../../net/dns_records.ts";
import { Resolver } from "../../net/resolver.ts";
import { Event } from "../../sync/event.ts";
import { type Primitive, testBlockingContract } from "../contract/blocking_contract.ts";

/** Gets its answers from the test, and keeps none. */
class Asking extends Resolver {
  readonly #answered = new Event();

  constructor() {
    super({ cacheSize: 0 });
  }

  /** Answers the questions that are under way, and those that come. */
  answer(): void {
    this.#answered.set();
  }

  protected override async askServer(): Promise<RecordsAnswer> {
    await this.#answered.wait();
    return { records: ["name."], ttl: 0 };
  }

  protected override async askSystem(): Promise<HostAddress[]> {
    await this.#answered.wait();
    return [{ address: "192.0.2.1", family: 4 }];
  }
}

function asking(
  name: string,
  waitsFor: string,
  value: unknown,
  call: (resolver: Resolver, options?: WaitOptions) => Promise<unknown>,
): Primitive {
  return {
    name: `Resolver.${name}`,
    waitsFor,
    linked: true, // answers come by promises, which are slower than a timer that is due
    except: {
      "gives its value when killed after the wake-up": "the answer goes through several promises",
      "ignores its signal when that is aborted after the wake-up": "see above",
    },
    make() {
      const resolver = new Asking();
      return {
        call: (options) => call(resolver, options),
        value,
        expired: "timeout",
        wake: () => resolver.answer(),
        cleanUp: () => resolver.answer(), // a question to the system goes on without those who have asked
      };
    },
  };
}

const ADDRESS = { address: "192.0.2.1", family: 4 };
const RESOLVE = "Resolver.resolve";
const LOOKUP = "Resolver.lookup";

const PRIMITIVES: readonly Primitive[] = [
  asking("resolve()", RESOLVE, ["name."], (r, options) => r.resolve("a.test", "NS", options)),
  asking("reverse()", RESOLVE, ["name"], (r, options) => r.reverse("192.0.2.1", options)),
  asking("lookup()", LOOKUP, ADDRESS, (r, options) => r.lookup("a.test", options)),
];

for (const primitive of PRIMITIVES) testBlockingContract(primitive);
