/**
 * Getting what somebody types ready to be evaluated.
 *
 * It is evaluated by `eval` in a function that stays, whose variables are what was declared so far. For that, `let`, `const` and
 * `class` become `var` at the outermost level, and what has an `await` is put into an async function, with its declarations left
 * outside. No parser is at hand, so this goes by tokens, and only by those outside all brackets.
 *
 * @module
 */

/** A piece of source code that belongs together. */
interface Token {
  /** `word`: names, keywords, numbers; `text`: strings, templates, regular expressions; `sign`: all else. */
  readonly kind: "word" | "text" | "sign";
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** In how many brackets it is; brackets themselves count as outside. */
  readonly depth: number;
  /** Whether it is a brace around statements, not around properties. */
  readonly block: boolean;
}

/** What was typed, taken apart. */
export interface Typed {
  /** The text. */
  readonly source: string;
  /** Whether there must be more to come: a bracket, a template or a comment is open, or an operand is missing. */
  readonly incomplete: boolean;
  /** See {@link Token}. */
  readonly tokens: readonly Token[];
}

const SPACE = /(?:\s+|\/\/.*)+/y;
const COMMENT = /\/\*[^]*?(?:\*\/|$)/y;
const WORD = /[\p{ID_Start}\p{ID_Continue}$_#\\]+/uy;
const NUMBER = /\.?\d(?:[\w.]|(?<=[eE])[+-])*/y;
const STRING = /"(?:[^"\\\n]|\\[^])*"?|'(?:[^'\\\n]|\\[^])*'?/y;
const REGEXP = /\/(?![*/])(?:[^[/\\\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/\w*/y;
const SIGN =
  /=>|\.\.\.|\?\.|[=!]==?|\+\+|--|&&=?|\|\|=?|\?\?=?|\*\*=?|<<=?|>>>?=?|[-+*/%&|^<>]=?|[^]/y;

/** After these a slash begins a regular expression, though a name stands before it. */
const BEFORE_REGEXP = new Set(
  "return typeof case in of delete void throw new instanceof else do yield await".split(" "),
);
/** After these a brace is around statements. */
const BEFORE_BLOCK = new Set(["else", "do", "try", "finally"]);
/** These do not begin an expression. */
const STATEMENTS = new Set(
  "break class const continue debugger do for function if import let return switch throw try var while with"
    .split(" "),
);
/** Keywords that cannot be the name of a variable. */
const RESERVED = new Set([
  ...STATEMENTS,
  ..."case catch default delete else enum export extends false finally in instanceof new null super this true typeof void yield await"
    .split(" "),
]);

/** Takes apart what was typed. */
export function read(source: string): Typed {
  const tokens: Token[] = [];
  /** The brackets that are open: `${` for a place in a template. */
  const open: { text: string; block: boolean }[] = [];
  let at = 0;
  let unclosed = false;

  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(source)?.[0];
  };
  const add = (kind: Token["kind"], text: string, block = false): void => {
    tokens.push({ kind, text, start: at, end: at + text.length, depth: open.length, block });
    at += text.length;
  };
  /** Goes on in a template up to its end, or to the next place in it. */
  const template = (from: number): void => {
    let end = from;
    while (end < source.length && source[end] !== "`" && !source.startsWith("${", end)) {
      end += source[end] === "\\" ? 2 : 1;
    }
    const isPlace = source.startsWith("${", end);
    if (end >= source.length) unclosed = true;
    add("text", source.slice(at, isPlace ? end + 2 : end + 1));
    if (isPlace) open.push({ text: "${", block: false });
  };

  while (at < source.length) {
    const skipped = match(SPACE) ?? match(COMMENT);
    if (skipped !== undefined) {
      at += skipped.length;
      unclosed ||= skipped.startsWith("/*") && !/^\/\*[^]*\*\/$/.test(skipped);
      continue;
    }
    const last = tokens.at(-1);
    const number = match(NUMBER);
    const word = match(WORD);
    if (number !== undefined) add("word", number);
    else if (word !== undefined) add("word", word);
    else if (source[at] === "`") template(at + 1);
    else if (source[at] === "}" && open.at(-1)?.text === "${") {
      open.pop();
      template(at + 1);
    } else {
      const text = match(STRING) ?? (mayBeRegExp(last) ? match(REGEXP) : undefined);
      if (text !== undefined) {
        add("text", text);
        continue;
      }
      const sign = match(SIGN)!;
      const closes = /^[)\]}]$/.test(sign) ? open.pop() : undefined;
      const block = closes?.block ?? (sign === "{" && beginsBlock(last));
      add("sign", sign, block);
      if (/^[([{]$/.test(sign)) open.push({ text: sign, block });
    }
  }
  const incomplete = unclosed || open.length > 0 || wantsOperand(tokens.at(-1));
  return { source, incomplete, tokens };
}

function mayBeRegExp(last: Token | undefined): boolean {
  if (last === undefined) return true;
  if (last.kind === "word") return BEFORE_REGEXP.has(last.text);
  return last.kind === "sign" &&
    (last.text === "}" ? last.block : !/^(?:[)\]]|\+\+|--)$/.test(last.text));
}

function beginsBlock(last: Token | undefined): boolean {
  if (last === undefined) return true;
  if (last.kind === "word") return BEFORE_BLOCK.has(last.text);
  return last.kind === "sign" &&
    (last.text === "}" ? last.block : /^(?:[;{)]|=>)$/.test(last.text));
}

/** Whether an expression cannot end with a token. */
function wantsOperand(last: Token | undefined): boolean {
  return last?.kind === "sign" && !/^(?:[)\]};@#\\]|\+\+|--)$/.test(last.text);
}

/** Whether something is awaited, as far as tokens tell: if that is in a function only, it does no harm to await that, too. */
export function awaits({ tokens }: Typed): boolean {
  return tokens.some(({ kind, text }) => kind === "word" && text === "await");
}

/** The source for `eval` in the function that stays; what it gives is the value. */
export function toScript(typed: Typed): string {
  const edits = new Edits(typed.source);
  for (const { tokens } of statementsOf(typed)) {
    const [first, second] = tokens;
    if (isDeclaration(tokens) && first!.text !== "var") {
      edits.replace(first!.start, first!.end, "var");
    } else if (first!.text === "class" && second?.kind === "word") {
      edits.replace(first!.start, first!.start, `var ${second.text} = `);
      endDeclaration(edits, tokens);
    } else if (isAssignment(tokens)) {
      edits.replace(first!.start, first!.start, "var "); // or it would be one of the whole program
    }
  }
  return edits.apply();
}

/** The same as a promise of the value, for what has an `await`. */
export function toAsyncScript(typed: Typed): string {
  const edits = new Edits(typed.source);
  const names: string[] = [];
  const statements = statementsOf(typed);
  for (const [index, { tokens }] of statements.entries()) {
    const [first] = tokens;
    if (isDeclaration(tokens)) {
      names.push(...declaredNames(tokens.slice(1)));
      edits.replace(first!.start, first!.end, "void (");
      edits.replace(endOf(tokens), endOf(tokens), "\n)");
    } else if (isNamedBody(tokens)) {
      const named = tokens.slice(first!.text === "async" ? 2 : 1);
      const name = isSign(named[0], "*") ? named[1] : named[0];
      if (name?.kind !== "word") continue;
      names.push(name.text);
      edits.replace(first!.start, first!.start, `${name.text} = `);
      endDeclaration(edits, tokens);
    } else {
      if (isAssignment(tokens)) names.push(first!.text);
      const isExpression = !STATEMENTS.has(first!.text) && !first!.block;
      if (index < statements.length - 1 || !isExpression) continue;
      edits.replace(first!.start, first!.start, "return (");
      edits.replace(endOf(tokens), endOf(tokens), "\n)");
    }
  }
  const hoisted = names.length === 0 ? "" : `var ${[...new Set(names)].join(", ")}; `;
  return `${hoisted}(async () => {\n${edits.apply()}\n})()`;
}

interface Statement {
  /** Its tokens, without the semicolon. */
  readonly tokens: readonly Token[];
}

/** The statements outside all brackets; declarations of functions and classes end with their bodies. */
function statementsOf({ tokens }: Typed): Statement[] {
  const statements: Statement[] = [];
  let current: Token[] = [];
  const end = (): void => {
    if (current.length > 0) statements.push({ tokens: current });
    current = [];
  };
  for (const [i, token] of tokens.entries()) {
    const isOutside = token.depth === 0;
    if (isOutside && isSign(token, ";")) {
      end();
      continue;
    }
    current.push(token);
    if (!isOutside || !isSign(token, "}")) continue;
    const next = tokens[i + 1];
    const goesOn = next?.kind === "word" && /^(?:else|catch|finally|while)$/.test(next.text);
    if (isNamedBody(current) || token.block && !goesOn && !continues(next)) end();
  }
  end();
  return statements;
}

/** Whether a statement declares a function or a class. */
function isNamedBody([first, second]: readonly Token[]): boolean {
  return first?.text === "class" || first?.text === "function" ||
    first?.text === "async" && second?.text === "function";
}

/** Whether a token can only go on with the expression before it. */
function continues(token: Token | undefined): boolean {
  return token?.kind === "sign" && /^(?:[.,([*%&|^<>=?:]|[^!~{;}+-]{2,})$/.test(token.text);
}

function isSign(token: Token | undefined, ...texts: string[]): boolean {
  return token?.kind === "sign" && texts.includes(token.text);
}

function isDeclaration(tokens: readonly Token[]): boolean {
  const [first, second] = tokens;
  return first?.kind === "word" && /^(?:let|const|var)$/.test(first.text) &&
    (second?.kind === "word" || isSign(second, "{", "["));
}

function isAssignment(tokens: readonly Token[]): boolean {
  const [first, second] = tokens;
  return first?.kind === "word" && /^[\p{ID_Start}$_]/u.test(first.text) &&
    !RESERVED.has(first.text) && isSign(second, "=");
}

function endOf(tokens: readonly Token[]): number {
  return tokens.at(-1)!.end;
}

/** What was a declaration is a part of an expression now, and has to end like one. */
function endDeclaration(edits: Edits, tokens: readonly Token[]): void {
  edits.replace(endOf(tokens), endOf(tokens), ";");
}

/** The names that `a, { b, c: [d] = [], ...e } = f` declares. */
function declaredNames(tokens: readonly Token[]): string[] {
  const names: string[] = [];
  let at = 0;
  const is = (...texts: string[]): boolean => isSign(tokens[at], ...texts);
  /** Goes to the comma or the bracket after what is in so many brackets. */
  const skip = (depth: number): void => {
    for (; at < tokens.length; at++) {
      const token = tokens[at]!;
      if (token.depth < depth || token.depth === depth && isSign(token, ",")) return;
    }
  };
  const binding = (): void => {
    if (is("...")) at++;
    const token = tokens[at++];
    if (token === undefined) return;
    if (token.kind === "word") names.push(token.text);
    else if (isSign(token, "{", "[")) pattern(token);
    if (is("=")) skip(token.depth);
  };
  const pattern = ({ text, depth }: Token): void => {
    while (at < tokens.length && tokens[at]!.depth > depth) {
      if (is(",")) at++;
      else if (text === "[" || is("...")) binding();
      else property(depth + 1);
    }
    at++;
  };
  const property = (depth: number): void => {
    const key = tokens[at]!;
    while (at < tokens.length && tokens[at]!.depth >= depth) {
      if (tokens[at]!.depth === depth && is(":", ",", "=")) break;
      at++;
    }
    if (is(":")) {
      at++;
      return binding();
    }
    if (key.kind === "word") names.push(key.text);
    if (is("=")) skip(depth);
  };
  for (; at < tokens.length; at++) {
    binding();
    skip(0);
  }
  return names;
}

/** Changes to a text, by the positions in it. */
class Edits {
  readonly #source: string;
  readonly #edits: { start: number; end: number; text: string }[] = [];

  constructor(source: string) {
    this.#source = source;
  }

  replace(start: number, end: number, text: string): void {
    this.#edits.push({ start, end, text });
  }

  apply(): string {
    let result = "";
    let at = 0;
    for (const { start, end, text } of this.#edits.toSorted((a, b) => a.start - b.start)) {
      result += this.#source.slice(at, start) + text;
      at = end;
    }
    return result + this.#source.slice(at);
  }
}
