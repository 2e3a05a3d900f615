/**
 * The names that users can use, as `deno doc` knows them.
 *
 * @module
 */

const ROOT = new URL("../../", import.meta.url);

interface Member {
  readonly name: string;
  readonly accessibility?: "protected" | "private";
}

interface Parameter {
  readonly kind: string;
  readonly name?: string;
  /** With a default value. */
  readonly left?: Parameter;
  /** The rest of the arguments. */
  readonly arg?: Parameter;
}

interface Method extends Member {
  readonly functionDef?: { readonly params: Parameter[] };
}

interface Definition {
  readonly extends?: string | { readonly repr: string }[];
  readonly properties?: Member[];
  readonly methods?: Method[];
  readonly constructors?: { readonly params: Parameter[] }[];
  /** Of a function. */
  readonly params?: Parameter[];
}

interface Declaration {
  readonly kind: string;
  readonly def: Definition;
}

/** What is exported by some modules, with the members of classes and interfaces. */
export class PublicApi {
  readonly #symbols = new Map<string, Declaration[]>();

  /** Reads what modules export; their paths are relative to the root of the repository. */
  static async of(...paths: string[]): Promise<PublicApi> {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["doc", "--json", ...paths],
      cwd: ROOT,
    }).output();
    if (code !== 0) throw new Error(new TextDecoder().decode(stderr));
    const { nodes } = JSON.parse(new TextDecoder().decode(stdout));
    const api = new PublicApi();
    for (const path of paths) {
      for (const { name, declarations } of nodes[new URL(path, ROOT).href].symbols) {
        api.#symbols.set(name, declarations);
      }
    }
    return api;
  }

  /** Whether a name is exported. */
  has(name: string): boolean {
    return this.#symbols.has(name);
  }

  /** Whether an exported class or interface, or one of the runtime, has a member, of its own or inherited. */
  hasMember(owner: string, member: string): boolean {
    const declarations = this.#symbols.get(owner);
    if (declarations === undefined) {
      const platform = (globalThis as Record<string, unknown>)[owner];
      return typeof platform === "function" && member in platform.prototype;
    }
    return declarations.some(({ def }) =>
      [...def.properties ?? [], ...def.methods ?? []].some((one) =>
        one.name === member && one.accessibility === undefined
      ) || basesOf(def).some((base) => this.hasMember(base, member))
    );
  }

  /** The parameters of functions, and of constructors, methods and setters of classes: `Pool.add` has a `greenlet`. */
  get parameters(): { callee: string; name: string }[] {
    const found: { callee: string; name: string }[] = [];
    for (const [symbol, declarations] of this.#symbols) {
      for (const { kind, def } of declarations) {
        const callables = [{ callee: symbol, params: def.params ?? [] }];
        if (kind === "class") {
          for (const { params } of def.constructors ?? []) {
            callables.push({ callee: `new ${symbol}`, params });
          }
          for (const { name, accessibility, functionDef } of def.methods ?? []) {
            if (accessibility !== undefined) continue;
            callables.push({ callee: `${symbol}.${name}`, params: functionDef?.params ?? [] });
          }
        }
        for (const { callee, params } of callables) {
          for (const param of params) found.push({ callee, name: nameOf(param) });
        }
      }
    }
    return found;
  }

  /** All names of options, whatever they are for. */
  get optionNames(): Set<string> {
    const names = new Set<string>();
    for (const [symbol, declarations] of this.#symbols) {
      for (const { def } of declarations) {
        const properties = symbol.endsWith("Options") ? def.properties ?? [] : [];
        for (const { name } of [...properties, ...inlineProperties(def)]) names.add(name);
      }
    }
    return names;
  }
}

function nameOf({ kind, name, left, arg }: Parameter): string {
  const inner = left ?? arg;
  return inner !== undefined ? nameOf(inner) : name ?? kind;
}

/** The properties of types that are written where they are used, and have no name. */
function inlineProperties(part: unknown): Member[] {
  if (typeof part !== "object" || part === null) return [];
  const { kind, value } = part as { kind?: unknown; value?: Definition };
  const own = kind === "typeLiteral" ? value?.properties ?? [] : [];
  return [...own, ...Object.values(part).flatMap(inlineProperties)];
}

function basesOf(def: Definition): string[] {
  if (typeof def.extends === "string") return [def.extends];
  return (def.extends ?? []).map((base) => base.repr);
}
