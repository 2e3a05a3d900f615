/**
 * Reaching ES modules that import node's modules by name.
 *
 * @module
 */

import module from "node:module";

/** Marks the modules that stand in for node's. */
const SCHEME = "gevent-node:";

interface ResolveContext {
  readonly parentURL?: string;
  readonly conditions?: readonly string[];
}

interface Resolved {
  readonly url: string;
}

interface Loaded {
  readonly format: string;
  readonly source: string;
  readonly shortCircuit: true;
}

interface Hooks {
  resolve(
    specifier: string,
    context: ResolveContext,
    next: (specifier: string, context: ResolveContext) => Resolved,
  ): Resolved & { readonly shortCircuit?: true };
  load(url: string, context: object, next: (url: string, context: object) => Loaded): Loaded;
}

/** What undoes it. */
interface Registered {
  deregister(): void;
}

type RegisterHooks = (hooks: Hooks) => Registered;

/**
 * Has ES modules that are loaded from now on get, for the given modules of node, one that exports what is in the module's
 * object now: named imports of the real ones stay what they were, whatever becomes of that object. Returns what undoes
 * it, for modules that are loaded after that.
 */
export function hookImports(names: readonly string[]): () => void {
  const { registerHooks } = module as unknown as { registerHooks?: RegisterHooks };
  if (registerHooks === undefined) {
    throw new Deno.errors.NotSupported("Cannot patch named imports as this runtime has no hooks");
  }
  const patched = new Set(names);
  const require = module.createRequire("file:///");
  const registered = registerHooks({
    resolve(specifier, context, next) {
      const resolved = next(specifier, context);
      if (
        !patched.has(resolved.url) || context.parentURL?.startsWith(SCHEME) === true ||
        context.conditions?.includes("require") === true // gets the object itself
      ) return resolved;
      return { ...resolved, url: SCHEME + resolved.url, shortCircuit: true };
    },
    load(url, context, next) {
      if (!url.startsWith(SCHEME)) return next(url, context);
      const name = url.slice(SCHEME.length);
      return { format: "module", source: sourceFor(name, require(name)), shortCircuit: true };
    },
  });
  return () => registered.deregister();
}

function sourceFor(name: string, exports: object): string {
  const names = Object.keys(exports).filter((key) =>
    /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(key)
  );
  return [
    `import module from ${JSON.stringify(name)};`,
    "export default module;",
    ...names.filter((key) => key !== "default").map((key) => `const $${key} = module.${key};`),
    `export { ${
      names.filter((key) => key !== "default").map((key) => `$${key} as ${key}`).join(", ")
    } };`,
  ].join("\n");
}
