/**
 * Objects of the runtime that get other methods, and stay what they are.
 *
 * @module
 */

/** Methods that take the place of others. */
export type Methods<T> = Partial<T> & ThisType<T>;

/** Makes objects green by another prototype, one for each class of them. */
export class Greenery<T extends object> {
  readonly #make: (native: T) => Methods<T>;
  readonly #byClass = new WeakMap<object, object>();
  readonly #ours = new WeakSet<object>();

  /** `make` gives the methods that replace those of a class; `native` is its prototype. */
  constructor(make: (native: T) => Methods<T>) {
    this.#make = make;
  }

  /** Makes an object green, and returns it. */
  apply<O extends T>(object: O): O {
    const native: object = Object.getPrototypeOf(object);
    if (this.#ours.has(native)) return object;
    let prototype = this.#byClass.get(native);
    if (prototype === undefined) {
      prototype = Object.create(native, hidden(this.#make(native as T)));
      this.#byClass.set(native, prototype!);
      this.#ours.add(prototype!);
    }
    return Object.setPrototypeOf(object, prototype!);
  }
}

/** Properties as those of a class are: not listed by `for in`. */
function hidden(methods: object): PropertyDescriptorMap {
  const descriptors = Object.getOwnPropertyDescriptors(methods) as PropertyDescriptorMap;
  for (const key of Reflect.ownKeys(descriptors)) descriptors[key as string]!.enumerable = false;
  return descriptors;
}
