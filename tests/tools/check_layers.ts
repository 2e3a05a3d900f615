/**
 * Checks that the library's files import only what `LAYERS` allows, and that they do not import each
 * other in circles, since with a circle the order in which modules run depends on who comes first.
 *
 * Type imports must respect the layers too, but cannot make a circle: they are gone at run time.
 *
 * @module
 */

import { join, relative, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { LAYERS, libraryFolder } from "./layers.ts";

interface ImportEdge {
  from: string;
  to: string;
  /** Whether `to` runs before `from`, which neither a type import nor an `import()` asks for. */
  eager: boolean;
}

/** The part of the output of `deno info --json` that is needed here. */
interface ModuleGraph {
  modules: {
    specifier: string;
    dependencies?: {
      code?: { specifier?: string };
      type?: { specifier?: string };
      isDynamic?: boolean;
    }[];
  }[];
}

/** Returns one line for each forbidden import and each circle in the library at `root`. */
export async function checkLayers(root: string): Promise<string[]> {
  const edges = await readImports(root);
  return [
    ...edges.filter((edge) => !isAllowed(edge)).map(({ from, to }) =>
      `${from} must not import ${to}`
    ),
    ...findCircles(edges).map((circle) => `Circular import: ${circle.join(" -> ")}`),
  ];
}

function isAllowed({ from, to }: ImportEdge): boolean {
  const source = libraryFolder(from);
  const target = libraryFolder(to);
  // Whatever is not a library folder is not published, and mod.ts is at the top.
  if (source === undefined || !target) return false;
  return source === "" || source === target || LAYERS[source]?.includes(target) === true;
}

function findCircles(edges: readonly ImportEdge[]): string[][] {
  const targets = new Map<string, string[]>();
  for (const { from, to, eager } of edges) {
    if (eager) targets.set(from, [...targets.get(from) ?? [], to]);
  }
  const circles: string[][] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    const start = path.indexOf(file);
    if (start >= 0) circles.push([...path.slice(start), file]);
    if (start >= 0 || done.has(file)) return;
    for (const target of targets.get(file) ?? []) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of targets.keys()) visit(file, []);
  return circles;
}

/** All imports between local files that start in the library, with paths relative to `root`. */
async function readImports(root: string): Promise<ImportEdge[]> {
  const files = await listLibraryFiles(root);
  const graph = await readGraph(files);
  const path = (specifier: string): string =>
    relative(root, fileURLToPath(specifier)).replaceAll(sep, "/");

  const starts = new Set(files.map((file) => pathToFileURL(file).href));
  const edges: ImportEdge[] = [];
  for (const module of graph.modules) {
    if (!starts.has(module.specifier)) continue;
    for (const { code, type, isDynamic } of module.dependencies ?? []) {
      const target = code?.specifier ?? type?.specifier;
      if (!target?.startsWith("file:")) continue;
      const eager = code !== undefined && isDynamic !== true;
      edges.push({ from: path(module.specifier), to: path(target), eager });
    }
  }
  return edges;
}

async function listLibraryFiles(root: string): Promise<string[]> {
  const files: string[] = [];
  const walk = async (folder: string): Promise<void> => {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      if (isDirectory) await walk(join(folder, name));
      else if (name.endsWith(".ts")) files.push(join(folder, name));
    }
  };
  for await (const { name, isDirectory } of Deno.readDir(root)) {
    if (isDirectory && Object.hasOwn(LAYERS, name)) await walk(join(root, name));
    else if (name === "mod.ts") files.push(join(root, name));
  }
  return files.sort();
}

/** Lets Deno itself find the imports: one run over a module that imports all the files. */
async function readGraph(files: readonly string[]): Promise<ModuleGraph> {
  const entry = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    const lines = files.map((file) => `import ${JSON.stringify(pathToFileURL(file).href)};\n`);
    await Deno.writeTextFile(entry, lines.join(""));
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", "--no-config", "--no-lock", entry],
    }).output();
    if (!success) throw new Error(`deno info failed: ${new TextDecoder().decode(stderr)}`);
    return JSON.parse(new TextDecoder().decode(stdout));
  } finally {
    await Deno.remove(entry);
  }
}

if (import.meta.main) {
  const problems = await checkLayers(fileURLToPath(new URL("../../", import.meta.url)));
  for (const problem of problems) console.error(problem);
  if (problems.length > 0) Deno.exit(1);
}
