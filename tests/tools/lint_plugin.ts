/**
 * The house rules that a linter can see. They hold in the library folders only, since tests and
 * examples are programs of their own. An exception is made by adding the file to `ALLOWED` with the
 * reason, so that all exceptions can be read in one place.
 *
 * @module
 */

import { posix, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { libraryFolder } from "./layers.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Rule → file → why the file is exempt. */
const ALLOWED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "no-raw-timers": {
    "core/clock.ts": "the real clock: all timers of the library end here",
    "core/blocking_monitor.ts": "needs a beat that goes on whatever the hub does",
    "core/_blocking_worker.ts": "runs in a thread of its own, which has no hub",
    "net/_read_gate.ts": "keeps sockets even, by the turns of the runtime's event loop",
    "monkey/_node_modules.ts": "replaces the functions of these modules",
    "monkey/patch_timers.ts": "replaces the global timers, and what promisify makes of them",
  },
  "no-promise-race": {},
};

const TIMERS = new Set(["setTimeout", "setInterval", "setImmediate", "queueMicrotask"]);
const TIMER_MODULES = new Set(["node:timers", "node:timers/promises"]);

type Context = Deno.lint.RuleContext;
type Visitor = Deno.lint.LintVisitor;

/** A rule for library files; `path` is relative to the repository, with forward slashes. */
function libraryRule(
  create: (context: Context, path: string) => Visitor,
): Deno.lint.Rule {
  return {
    create(context) {
      const path = relative(ROOT, context.filename).replaceAll(sep, "/");
      const rule = context.id.split("/").at(-1) ?? "";
      const exempt = Object.hasOwn(ALLOWED[rule] ?? {}, path);
      return exempt || libraryFolder(path) === undefined ? {} : create(context, path);
    },
  };
}

/** Visits the module specifier of every static and dynamic import and of every re-export. */
function visitSpecifiers(check: (specifier: string, node: Deno.lint.Node) => void): Visitor {
  const visit = (source: Deno.lint.Node | null): void => {
    if (source?.type === "Literal" && typeof source.value === "string") {
      check(source.value, source);
    }
  };
  return {
    ImportDeclaration: (node) => visit(node.source),
    ImportExpression: (node) => visit(node.source),
    ExportAllDeclaration: (node) => visit(node.source),
    ExportNamedDeclaration: (node) => visit(node.source),
  };
}

const isRelative = (specifier: string): boolean => /^\.\.?\//.test(specifier);
const isBarrel = (path: string): boolean => posix.basename(path) === "mod.ts";

/** `name` for a call of `name()`, `object.name` for a call of `object.name()`. */
function calleeName(callee: Deno.lint.Node): string {
  if (callee.type === "Identifier") return callee.name;
  if (
    callee.type === "MemberExpression" && callee.object.type === "Identifier" &&
    callee.property.type === "Identifier"
  ) {
    return `${callee.object.name}.${callee.property.name}`;
  }
  return "";
}

/** The text a message literal ends with, `undefined` if that is only known at run time. */
function endOfMessage(node: Deno.lint.Node | undefined): string | undefined {
  if (node?.type === "Literal" && typeof node.value === "string") return node.value;
  if (node?.type === "TemplateLiteral") return node.quasis.at(-1)?.cooked;
  return undefined;
}

const plugin: Deno.lint.Plugin = {
  name: "house",
  rules: {
    // Our import map does not exist for somebody who imports the library from a URL.
    "library-imports": libraryRule((context) =>
      visitSpecifiers((specifier, node) => {
        if (isRelative(specifier) || specifier.startsWith("node:")) return;
        context.report({
          node,
          message: `Library code must not import '${specifier}'`,
          hint: "Import a relative path that ends in .ts, or a node: module",
        });
      })
    ),

    "no-private-imports": libraryRule((context, path) =>
      visitSpecifiers((specifier, node) => {
        if (!isRelative(specifier) || !posix.basename(specifier).startsWith("_")) return;
        const folder = posix.dirname(path);
        if (posix.dirname(posix.join(folder, specifier)) === folder) return;
        context.report({ node, message: `'${specifier}' is private to its folder` });
      })
    ),

    // Through barrels nearly every file would depend on every other one, in cycles.
    "no-barrel-imports": libraryRule((context, path) =>
      isBarrel(path) ? {} : visitSpecifiers((specifier, node) => {
        if (!isRelative(specifier) || !isBarrel(specifier)) return;
        context.report({
          node,
          message: `Library code must not import the barrel '${specifier}'`,
          hint: "Import the file that defines the name",
        });
      })
    ),

    // A timer that bypasses the hub ignores the virtual clock and survives a kill.
    "no-raw-timers": libraryRule((context) => ({
      ...visitSpecifiers((specifier, node) => {
        if (!TIMER_MODULES.has(specifier)) return;
        context.report({ node, message: `Library code must not import '${specifier}'` });
      }),
      CallExpression(node) {
        const name = calleeName(node.callee).replace(/^globalThis\./, "");
        if (!TIMERS.has(name) && name !== "AbortSignal.timeout") return;
        context.report({
          node,
          message: `Library code must not call ${name}()`,
          hint: "Use the timers and callbacks of the hub",
        });
      },
    })),

    // The losers of a race stay parked: they cannot be interrupted, and their results are lost.
    "no-promise-race": libraryRule((context) => ({
      CallExpression(node) {
        if (calleeName(node.callee) !== "Promise.race") return;
        context.report({
          node,
          message: "Library code must not call Promise.race()",
          hint: "Wait through suspend(), which undoes a wait that was interrupted",
        });
      },
    })),

    "error-message": libraryRule((context) => ({
      NewExpression(node) {
        if (!/(Error|Exception)$/.test(calleeName(node.callee))) return;
        const message = node.arguments[0];
        if (!endOfMessage(message)?.endsWith(".")) return;
        context.report({ node, message: "An error message must not end with a period" });
      },
    })),
  },
};

export default plugin;
