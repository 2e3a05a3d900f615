/**
 * PostgreSQL and MariaDB servers of a test's own.
 *
 * @module
 */

import { ChildServer, freePort, runProgram } from "./child_server.ts";
import { findProgram } from "./find_program.ts";

/** Neither server runs as root: these are the users that Debian's packages make for them. */
const asUser = (user: string): string[] =>
  Deno.uid() === 0 ? ["setpriv", `--reuid=${user}`, `--regid=${user}`, "--clear-groups"] : [];

function postgresFolder(): string | undefined {
  const versions = "/usr/lib/postgresql";
  try {
    const [newest] = [...Deno.readDirSync(versions)].map(({ name }) => name).sort().reverse();
    const folder = `${versions}/${newest}/bin`;
    return findProgram("initdb", folder) === undefined ? undefined : folder;
  } catch {
    return undefined;
  }
}

/** Why there can be no PostgreSQL server; `undefined` when there can be one. */
export const noPostgres: string | undefined = postgresFolder() === undefined
  ? "PostgreSQL is not installed"
  : undefined;

/** Starts a PostgreSQL server in which `postgres` needs no password. */
export async function startPostgres(): Promise<ChildServer> {
  const bin = postgresFolder()!;
  const folder = await Deno.makeTempDir({ prefix: "postgres_" });
  const user = asUser("postgres");
  if (user.length > 0) await runProgram("chown", "postgres:postgres", folder);
  const initdb = ["-D", `${folder}/data`, "-U", "postgres", "-A", "trust", "-N"];
  await runProgram(...command(user, `${bin}/initdb`, ...initdb));
  const port = freePort();
  const options = ["-p", `${port}`, "-h", "127.0.0.1", "-k", folder, "-c", "fsync=off"];
  const server = await ChildServer.start(
    command(user, `${bin}/postgres`, "-D", `${folder}/data`, ...options),
    port,
    folder,
    "SIGINT",
  );
  // It listens before it serves.
  while (!await isReady(`${bin}/pg_isready`, port)) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return server;
}

async function isReady(program: string, port: number): Promise<boolean> {
  return await runProgram(program, "-q", "-h", "127.0.0.1", "-p", `${port}`)
    .then(() => true, () => false);
}

/** Why there can be no MariaDB server; `undefined` when there can be one. */
export const noMariadb: string | undefined = findProgram("mariadbd") === undefined ||
    findProgram("mariadb-install-db") === undefined
  ? "MariaDB is not installed"
  : undefined;

/** Starts a MariaDB server in which `root` needs no password. */
export async function startMariadb(): Promise<ChildServer> {
  const folder = await Deno.makeTempDir({ prefix: "mariadb_" });
  const user = asUser("mysql");
  if (user.length > 0) await runProgram("chown", "mysql:mysql", folder);
  await runProgram(
    ...command(
      user,
      findProgram("mariadb-install-db")!,
      "--no-defaults",
      `--datadir=${folder}/data`,
      "--auth-root-authentication-method=normal",
      "--skip-test-db",
    ),
  );
  const port = freePort();
  return await ChildServer.start(
    command(
      user,
      findProgram("mariadbd")!,
      "--no-defaults",
      `--datadir=${folder}/data`,
      "--bind-address=127.0.0.1",
      `--port=${port}`,
      `--socket=${folder}/socket`,
      `--pid-file=${folder}/pid`,
      "--skip-name-resolve",
    ),
    port,
    folder,
  );
}

/** A command as another user. */
function command(user: string[], program: string, ...args: string[]): [string, ...string[]] {
  const [first = program, ...rest] = [...user, program, ...args];
  return [first, ...rest];
}
