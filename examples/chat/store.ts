/**
 * The rooms and their messages, in SQLite.
 *
 * @module
 */

import { DatabaseSync } from "node:sqlite";
import { MAX_HISTORY } from "./limits.ts";

/** A message as it is kept, and as clients get it. */
export interface Message {
  readonly type: "message";
  /** Greater than that of every earlier message. */
  readonly id: number;
  /** What its sender called it before it had an id. */
  readonly key: string;
  readonly user: string;
  readonly text: string;
  /** When it was stored, in ms since 1970. */
  readonly at: number;
}

const SCHEMA = `
  PRAGMA locking_mode = EXCLUSIVE;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  CREATE TABLE IF NOT EXISTS meta (epoch TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS rooms (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    dropped INTEGER NOT NULL DEFAULT 0 -- the last message that is not kept any more
  );
  CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    room INTEGER NOT NULL REFERENCES rooms,
    user TEXT NOT NULL,
    key TEXT NOT NULL,
    text TEXT NOT NULL,
    at INTEGER NOT NULL,
    UNIQUE (room, user, key)
  );
  CREATE INDEX IF NOT EXISTS messages_by_room ON messages (room, id);
`;

const COLUMNS = "'message' AS type, id, key, user, text, at";

/** What is known of the past. */
export class Store implements Disposable {
  /** Identifies the database: ids of messages mean nothing in another one. */
  readonly epoch: string;
  readonly #db: DatabaseSync;
  readonly #sql: ReturnType<typeof prepare>;

  /** Opens or makes a database; `:memory:` is forgotten in the end. */
  constructor(path = ":memory:") {
    this.#db = new DatabaseSync(path);
    this.#db.exec(SCHEMA);
    this.#sql = prepare(this.#db);
    let row = this.#sql.epoch.get();
    if (row === undefined) {
      this.#sql.setEpoch.run(crypto.randomUUID());
      row = this.#sql.epoch.get();
    }
    this.epoch = row!["epoch"] as string;
  }

  /** All rooms, the oldest first. */
  rooms(): { id: number; name: string }[] {
    return this.#sql.rooms.all() as { id: number; name: string }[];
  }

  /** Makes a room and returns its id. */
  addRoom(name: string): number {
    return Number(this.#sql.addRoom.run(name).lastInsertRowid);
  }

  /** Stores a message; `fresh` is false for one that was stored before, which happens when a client sends it again. */
  add(room: number, user: string, key: string, text: string): { message: Message; fresh: boolean } {
    const known = this.#sql.find.get(room, user, key) as unknown as Message | undefined;
    if (known !== undefined) return { message: known, fresh: false };
    const at = Date.now();
    const id = Number(this.#sql.add.run(room, user, key, text, at).lastInsertRowid);
    const old = this.#sql.oldest.get(room, MAX_HISTORY);
    if (old !== undefined) {
      this.#sql.setDropped.run(old["id"] as number, room);
      this.#sql.drop.run(room, old["id"] as number);
    }
    return { message: { type: "message", id, key, user, text, at }, fresh: true };
  }

  /** The first messages of a room that are newer than `after`; `undefined` if some of those are not kept any more. */
  newer(room: number, after: number, limit: number): Message[] | undefined {
    if (after < (this.#sql.dropped.get(room)?.["dropped"] as number)) return undefined;
    return this.#sql.newer.all(room, after, limit) as unknown as Message[];
  }

  /** The last messages of a room. */
  latest(room: number, limit: number): Message[] {
    return this.#sql.latest.all(room, limit).reverse() as unknown as Message[];
  }

  /** Closes the database. */
  [Symbol.dispose](): void {
    this.#db.close();
  }
}

function prepare(db: DatabaseSync) {
  return {
    epoch: db.prepare("SELECT epoch FROM meta"),
    setEpoch: db.prepare("INSERT INTO meta (epoch) VALUES (?)"),
    rooms: db.prepare("SELECT id, name FROM rooms ORDER BY id"),
    addRoom: db.prepare("INSERT INTO rooms (name) VALUES (?)"),
    find: db.prepare(`SELECT ${COLUMNS} FROM messages WHERE room = ? AND user = ? AND key = ?`),
    add: db.prepare("INSERT INTO messages (room, user, key, text, at) VALUES (?, ?, ?, ?, ?)"),
    oldest: db.prepare("SELECT id FROM messages WHERE room = ? ORDER BY id DESC LIMIT 1 OFFSET ?"),
    drop: db.prepare("DELETE FROM messages WHERE room = ? AND id <= ?"),
    dropped: db.prepare("SELECT dropped FROM rooms WHERE id = ?"),
    setDropped: db.prepare("UPDATE rooms SET dropped = ? WHERE id = ?"),
    newer: db.prepare(
      `SELECT ${COLUMNS} FROM messages WHERE room = ? AND id > ? ORDER BY id LIMIT ?`,
    ),
    latest: db.prepare(`SELECT ${COLUMNS} FROM messages WHERE room = ? ORDER BY id DESC LIMIT ?`),
  };
}
