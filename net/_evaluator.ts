/**
 * Evaluating what is typed line by line, as a console does.
 *
 * @module
 */

import { awaits, read, toAsyncScript, toScript, type Typed } from "./_repl_source.ts";

/** What comes of it. */
export interface Evaluation {
  /** The value; when something was awaited, a promise of it. */
  readonly value: unknown;
  /** Whether something was awaited. */
  readonly awaited: boolean;
}

const NAME = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

/** A function that takes requests and gives outcomes, and never ends. */
type Scope = Generator<Outcome, void, Request>;

const GeneratorFunction = Object.getPrototypeOf(function* () {}).constructor as {
  new (...parts: string[]): (locals: object) => Scope;
};

/** A text to evaluate, or the value that `_` gets. */
type Request = { readonly source: string } | { readonly last: unknown };

type Outcome = { value: unknown } | { error: unknown };

/**
 * A function that stays, in whose scope everything is evaluated by a direct `eval`: what is declared there is one of its
 * variables. Only the names that begin with `__repl` are not the user's.
 */
const SCOPE = (names: readonly string[]): string => `
  var { ${names.join(", ")} } = __repl;
  var _;
  for (__repl = undefined;;) {
    var __replRequest = yield __repl;
    if ("last" in __replRequest) {
      _ = __replRequest.last;
      continue;
    }
    try {
      __repl = { value: eval(__replRequest.source) };
    } catch (__replError) {
      __repl = { error: __replError };
    }
  }
`;

/**
 * Variables of its own, and what can be done with them. Declarations last; what was declared as a constant may be declared
 * anew. `await` can be used everywhere. An assignment to a name that was not declared declares it.
 */
export class Evaluator {
  readonly #scope: Scope;

  /**
   * Begins with the values in `locals`.
   *
   * @throws {TypeError} When one of their names cannot be that of a variable.
   */
  constructor(locals: Readonly<Record<string, unknown>>) {
    const names = Object.keys(locals);
    try {
      const wrong = names.find((name) => !NAME.test(name) || name.startsWith("__repl"));
      if (wrong !== undefined) throw new SyntaxError(`'${wrong}' is no name`);
      this.#scope = new GeneratorFunction("__repl", SCOPE(names))(locals);
    } catch (cause) {
      throw new TypeError(
        `Cannot use as variables, as their names must be those of variables: received ${
          Deno.inspect(names)
        }`,
        { cause },
      );
    }
    this.#scope.next(undefined as never); // to where it waits for a request
  }

  /** Evaluates a text; throws what is wrong with it, and what it throws. */
  evaluate(source: string): Evaluation {
    const typed = preferObject(read(source));
    const awaited = awaits(typed);
    const script = awaited ? compiledAsync(typed) : compiled(typed);
    const outcome = this.#scope.next({ source: script }).value as Outcome;
    if ("error" in outcome) throw outcome.error;
    return { value: outcome.value, awaited };
  }

  /** Sets the variable `_`. */
  remember(last: unknown): void {
    this.#scope.next({ last });
  }
}

/** Whether there must be more to come. */
export function isIncomplete(source: string): boolean {
  return read(source).incomplete;
}

/** An object in braces is meant rather than a block, if it can be one. */
function preferObject(typed: Typed): Typed {
  if (!/^\s*\{[^]*\}\s*$/.test(typed.source)) return typed;
  const object = `(${typed.source}\n)`;
  return syntaxError(`async () => ${object}`) === undefined ? read(object) : typed;
}

function compiled(typed: Typed): string {
  const script = toScript(typed);
  const error = syntaxError(script);
  if (error !== undefined) throw error;
  return script;
}

function compiledAsync(typed: Typed): string {
  const script = toAsyncScript(typed);
  if (syntaxError(script) === undefined) return script;
  const plain = `(async () => {\n${typed.source}\n})()`; // nothing lasts, but it runs
  const error = syntaxError(plain);
  if (error !== undefined) throw error;
  return plain;
}

/** What is wrong with the form of a source. */
function syntaxError(source: string): Error | undefined {
  try {
    new Function(source);
    return undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return error;
    throw error;
  }
}
