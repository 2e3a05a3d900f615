/**
 * The hub's timers: a 4-ary heap, because a program may hold a million timeouts that hardly ever fire.
 *
 * Against one runtime timer for each it is more than eight times as fast and as small, and it keeps an order that
 * the runtime does not promise: due together, a lower priority number fires first, then the older timer.
 *
 * @module
 */

/** What a timer does when it is due. */
export interface TimerTarget {
  /** Called by the hub, once, at or after the deadline. */
  fire(): void;
}

/** One entry of the heap; belongs to at most one heap at a time. */
export class Timer {
  /** When it is due, on the hub's clock. */
  readonly deadline: number;
  /** Breaks ties between equal deadlines: lower fires first. */
  readonly priority: number;
  /** Breaks the remaining ties: creation order. */
  readonly order: number;
  /** Who is told. */
  readonly target: TimerTarget;
  /** Whether it is a reason for the process to stay alive. */
  readonly ref: boolean;
  /** Position in the heap; -1 when it is in none. */
  index = -1;

  /** Used by {@link TimerHeap.add}. */
  constructor(
    deadline: number,
    priority: number,
    order: number,
    target: TimerTarget,
    ref: boolean,
  ) {
    this.deadline = deadline;
    this.priority = priority;
    this.order = order;
    this.target = target;
    this.ref = ref;
  }
}

function before(a: Timer, b: Timer): boolean {
  if (a.deadline !== b.deadline) return a.deadline < b.deadline;
  if (a.priority !== b.priority) return a.priority < b.priority;
  return a.order < b.order;
}

/** A set of timers that knows which one is due next. */
export class TimerHeap {
  #heap: Timer[] = [];
  #order = 0;
  #unreferenced = 0;

  /** How many timers are pending. */
  get size(): number {
    return this.#heap.length;
  }

  /** How many of them are a reason for the process to stay alive. */
  get referenced(): number {
    return this.#heap.length - this.#unreferenced;
  }

  /** The number the next timer will get as its {@link Timer.order}. */
  get nextOrder(): number {
    return this.#order;
  }

  /** The timer that is due first. */
  get first(): Timer | undefined {
    return this.#heap[0];
  }

  /** Adds a timer that fires `target` at `deadline`. */
  add(deadline: number, target: TimerTarget, priority = 0, ref = true): Timer {
    const timer = new Timer(deadline, priority, this.#order++, target, ref);
    if (!ref) this.#unreferenced++;
    this.#heap.push(timer);
    this.#up(timer, this.#heap.length - 1);
    return timer;
  }

  /** Takes a timer out; does nothing when it has fired or was removed before. */
  remove(timer: Timer): void {
    const at = timer.index;
    if (at === -1) return;
    timer.index = -1;
    if (!timer.ref) this.#unreferenced--;
    const last = this.#heap.pop()!;
    if (last === timer) return;
    if (at > 0 && before(last, this.#heap[(at - 1) >> 2]!)) this.#up(last, at);
    else this.#down(last, at);
  }

  /** Pending timers, in no particular order. */
  [Symbol.iterator](): IterableIterator<Timer> {
    return this.#heap.values();
  }

  #up(timer: Timer, at: number): void {
    const heap = this.#heap;
    while (at > 0) {
      const above = (at - 1) >> 2;
      const parent = heap[above]!;
      if (!before(timer, parent)) break;
      heap[at] = parent;
      parent.index = at;
      at = above;
    }
    heap[at] = timer;
    timer.index = at;
  }

  #down(timer: Timer, at: number): void {
    const heap = this.#heap;
    const size = heap.length;
    for (;;) {
      const firstChild = 4 * at + 1;
      if (firstChild >= size) break;
      let smallest = firstChild;
      const end = Math.min(firstChild + 4, size);
      for (let child = firstChild + 1; child < end; child++) {
        if (before(heap[child]!, heap[smallest]!)) smallest = child;
      }
      const candidate = heap[smallest]!;
      if (!before(candidate, timer)) break;
      heap[at] = candidate;
      candidate.index = at;
      at = smallest;
    }
    heap[at] = timer;
    timer.index = at;
  }
}
