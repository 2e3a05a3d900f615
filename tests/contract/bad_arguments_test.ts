/**
 * That everything public of core/ and sync/ refuses what it cannot use, at once, with an error that shows the value. What
 * calls that wait do with their options is part of the blocking contract.
 */

import { assert, assertEquals, assertInstanceOf, assertNotEquals } from "@std/assert";
import * as gevent from "../../core/mod.ts";
import * as sync from "../../sync/mod.ts";
import { PublicApi } from "../helpers/public_api.ts";

const {
  Greenlet,
  Group,
  Loop,
  Pool,
  RawGreenlet,
  TaskGroup,
  Timeout,
} = gevent;

/** Values that the argument must not have, and a call with one of them. */
interface Refusal {
  readonly bad: readonly unknown[];
  // deno-lint-ignore no-explicit-any -- the point is to pass what the types do not allow
  call(value: any): unknown;
}

const NO_FUNCTION = [undefined, null, 5, "x", {}];
const NO_OPTIONS = [null, 5, true, "x"];
const NO_ITERABLE = [undefined, null, 5, {}];
const NO_GREENLET = [undefined, null, 5, {}, () => {}];
const NO_NUMBER = [null, NaN, "5", {}];
const NO_COUNT = [-1, 1.5, NaN, "5", {}];
const NO_AMOUNT = [0, -1, NaN, "5", {}];

const refuses = (bad: readonly unknown[], call: Refusal["call"]): Refusal => ({ bad, call });

class Echo extends sync.Actor<number> {
  override receive(): void {}
}

class Keeper extends sync.SimpleQueue<number> {
  constructor(store: sync.ItemStore<number>) {
    super({}, store);
  }
}

const queueOptions = (
  Class: new (options: sync.JoinableQueueOptions<number>) => unknown,
): Record<string, Refusal> => ({
  [`new ${Class.name}(options)`]: refuses(NO_OPTIONS, (options) => new Class(options)),
  [`new ${Class.name}(options.maxsize)`]: refuses(NO_COUNT, (maxsize) => new Class({ maxsize })),
  [`new ${Class.name}(options.items)`]: refuses([null, 5, {}], (items) => new Class({ items })),
});

const unfinished = (
  Class: new (options: sync.JoinableQueueOptions<number>) => unknown,
): Record<string, Refusal> => ({
  ...queueOptions(Class),
  [`new ${Class.name}(options.unfinishedTasks)`]: refuses(
    [null, ...NO_COUNT],
    (unfinishedTasks) => new Class({ unfinishedTasks }),
  ),
});

/** An argument, and what it must not be. Those of the options are `options.name`. */
const REFUSED: Readonly<Record<string, Refusal>> = {
  "assertSwitches(fn)": refuses(NO_FUNCTION, (fn) => gevent.assertSwitches(fn)),
  "assertSwitches(options)": refuses(
    NO_OPTIONS,
    (options) => gevent.assertSwitches(() => {}, options),
  ),
  "assertSwitches(options.maxBlockingTime)": refuses(
    NO_AMOUNT,
    (maxBlockingTime) => gevent.assertSwitches(() => {}, { maxBlockingTime }),
  ),
  "new BlockingMonitor(options)": refuses(
    NO_OPTIONS,
    (options) => new gevent.BlockingMonitor(options),
  ),
  "new BlockingMonitor(options.maxBlockingTime)": refuses(
    NO_AMOUNT,
    (maxBlockingTime) => new gevent.BlockingMonitor({ maxBlockingTime }),
  ),
  "new BlockingMonitor(options.onBlocked)": refuses(
    [null, 5],
    (onBlocked) => new gevent.BlockingMonitor({ onBlocked }),
  ),
  "green(target)": refuses([undefined, null, 5, "x"], (target) => gevent.green(target)),
  "green(options)": refuses(NO_OPTIONS, (options) => gevent.green({}, options)),
  "new Greenlet(fn)": refuses([null, 5, "x", {}], (fn) => new Greenlet(fn)),
  "Greenlet.startLater(ms)": refuses(NO_NUMBER, (ms) => new Greenlet().startLater(ms)),
  "Greenlet.name(name)": refuses([undefined, null, 5], (name) => new Greenlet().name = name),
  "Greenlet.spawn(fn)": refuses([null, 5, "x", {}], (fn) => Greenlet.spawn(fn)),
  "Greenlet.spawnLater(ms)": refuses(NO_NUMBER, (ms) => Greenlet.spawnLater(ms, () => {})),
  "Greenlet.spawnLater(fn)": refuses([null, 5], (fn) => Greenlet.spawnLater(1, fn)),
  "Greenlet.addSpawnCallback(callback)": refuses(
    NO_FUNCTION,
    (callback) => Greenlet.addSpawnCallback(callback),
  ),
  "Greenlet.join(options)": refuses(NO_OPTIONS, (options) => new Greenlet().join(options)),
  "Greenlet.get(options)": refuses(NO_OPTIONS, (options) => new Greenlet().get(options)),
  "Greenlet.kill(options)": refuses(NO_OPTIONS, async (options) => {
    const greenlet = new Greenlet();
    try {
      await greenlet.kill(undefined, options);
    } finally {
      assert(!greenlet.dead, "It has been killed all the same");
    }
  }),
  "Greenlet.throw(options)": refuses(
    NO_OPTIONS,
    (options) => new Greenlet().throw(undefined, options),
  ),
  "Greenlet.link(target)": refuses(NO_FUNCTION, (target) => new Greenlet().link(target)),
  "Greenlet.linkValue(target)": refuses(NO_FUNCTION, (target) => new Greenlet().linkValue(target)),
  "Greenlet.linkException(target)": refuses(
    NO_FUNCTION,
    (target) => new Greenlet().linkException(target),
  ),
  "Greenlet.rawlink(callback)": refuses(
    NO_FUNCTION,
    (callback) => new Greenlet().rawlink(callback),
  ),
  "new Group(greenlets)": refuses([null, 5, {}, [5]], (greenlets) => new Group(greenlets)),
  "new Group(options)": refuses(NO_OPTIONS, (options) => new Group([], options)),
  "new Group(options.greenletClass)": refuses(
    [5, class {}],
    (greenletClass) => new Group([], { greenletClass }),
  ),
  "Group.add(greenlet)": refuses(NO_GREENLET, (greenlet) => new Group().add(greenlet)),
  "Group.discard(greenlet)": refuses(NO_GREENLET, (greenlet) => new Group().discard(greenlet)),
  "Group.start(greenlet)": refuses(NO_GREENLET, (greenlet) => new Group().start(greenlet)),
  "Group.tryStart(greenlet)": refuses(NO_GREENLET, (greenlet) => new Group().tryStart(greenlet)),
  "Group.spawn(fn)": refuses(NO_FUNCTION, (fn) => new Group().spawn(fn)),
  "Group.join(options)": refuses(NO_OPTIONS, (options) => new Group().join(options)),
  "Group.kill(options)": refuses(NO_OPTIONS, (options) => new Group().kill(undefined, options)),
  "Group.killOne(greenlet)": refuses(NO_GREENLET, (greenlet) => new Group().killOne(greenlet)),
  "Group.killOne(options)": refuses(NO_OPTIONS, (options) => {
    const group = new Group([new Greenlet()]);
    for (const greenlet of group) group.killOne(greenlet, undefined, options);
  }),
  "Group.apply(fn)": refuses(NO_FUNCTION, (fn) => new Group().apply(fn)),
  "Group.applyAsync(fn)": refuses(NO_FUNCTION, (fn) => new Group().applyAsync(fn)),
  "Group.map(fn)": refuses(NO_FUNCTION, (fn) => new Group().map(fn, [])),
  "Group.map(items)": refuses(NO_ITERABLE, (items) => new Group().map(() => {}, items)),
  "Group.map(options)": refuses(NO_OPTIONS, (options) => new Group().map(() => {}, [], options)),
  "Group.mapAsync(fn)": refuses(NO_FUNCTION, (fn) => new Group().mapAsync(fn, [])),
  "Group.mapAsync(items)": refuses(NO_ITERABLE, (items) => new Group().mapAsync(() => {}, items)),
  "Group.mapAsync(options)": refuses(
    NO_OPTIONS,
    (options) => new Group().mapAsync(() => {}, [], options),
  ),
  "Group.imap(fn)": refuses(NO_FUNCTION, (fn) => new Group().imap(fn, [])),
  "Group.imap(items)": refuses(NO_ITERABLE, (items) => new Group().imap(() => {}, items)),
  "Group.imap(options)": refuses(NO_OPTIONS, (options) => new Group().imap(() => {}, [], options)),
  "Group.imap(options.maxsize)": refuses(
    NO_COUNT,
    (maxsize) => new Group().imap(() => {}, [], { maxsize }),
  ),
  "Group.imapUnordered(fn)": refuses(NO_FUNCTION, (fn) => new Group().imapUnordered(fn, [])),
  "Group.imapUnordered(items)": refuses(
    NO_ITERABLE,
    (items) => new Group().imapUnordered(() => {}, items),
  ),
  "Group.imapUnordered(options)": refuses(
    NO_OPTIONS,
    (options) => new Group().imapUnordered(() => {}, [], options),
  ),
  "GreenletTree.format(options)": refuses(
    NO_OPTIONS,
    (options) => gevent.GreenletTree.current().format(options),
  ),
  "joinAll(greenlets)": refuses([...NO_ITERABLE, [5]], (greenlets) => gevent.joinAll(greenlets)),
  "joinAll(options)": refuses(NO_OPTIONS, (options) => gevent.joinAll([], options)),
  "joinAll(options.count)": refuses([null, ...NO_COUNT], (count) => gevent.joinAll([], { count })),
  "killAll(greenlets)": refuses([...NO_ITERABLE, [5]], (greenlets) => gevent.killAll(greenlets)),
  "killAll(options)": refuses(NO_OPTIONS, async (options) => {
    const greenlet = new Greenlet();
    try {
      await gevent.killAll([greenlet], undefined, options);
    } finally {
      assert(!greenlet.dead, "It has been killed all the same");
    }
  }),
  "new Local(init)": refuses([null, 5, {}], (init) => new gevent.Local(init)),
  "local(init)": refuses([null, 5, {}], (init) => gevent.local(init)),
  "Loop.timer(after)": refuses(NO_NUMBER, (after) => new Loop().timer(after)),
  "Loop.timer(repeat)": refuses([-1, ...NO_NUMBER], (repeat) => new Loop().timer(1, repeat)),
  "Loop.callback(fn)": refuses(NO_FUNCTION, (fn) => new Loop().callback(fn)),
  "Loop.signal(signal)": refuses(
    [undefined, 5, "SIGNO"],
    (signal) => new Loop().signal(signal).start(() => {}),
  ),
  "Loop.stat(path)": refuses([undefined, 5, {}], (path) => new Loop().stat(path)),
  "Loop.stat(interval)": refuses(
    [null, ...NO_AMOUNT],
    (interval) => new Loop().stat(".", interval),
  ),
  "Loop.run(options)": refuses(NO_OPTIONS, (options) => new Loop().run(options)),
  "main(fn)": refuses(NO_FUNCTION, (fn) => gevent.main(fn)),
  "new MemoryMonitor(options)": refuses(
    [undefined, ...NO_OPTIONS],
    (options) => new gevent.MemoryMonitor(options),
  ),
  "new MemoryMonitor(options.maxUsage)": refuses(
    [null, ...NO_AMOUNT],
    (maxUsage) => new gevent.MemoryMonitor({ maxUsage }),
  ),
  "new Pool(size)": refuses(NO_COUNT, (size) => new Pool(size)),
  "new Pool(options)": refuses(NO_OPTIONS, (options) => new Pool(1, options)),
  "Pool.add(greenlet)": refuses(NO_GREENLET, (greenlet) => new Pool(0).add(greenlet)),
  "Pool.add(options)": refuses(NO_OPTIONS, (options) => new Pool(0).add(new Greenlet(), options)),
  "Pool.start(greenlet)": refuses(NO_GREENLET, (greenlet) => new Pool(0).start(greenlet)),
  "Pool.start(options)": refuses(
    NO_OPTIONS,
    (options) => new Pool(0).start(new Greenlet(), options),
  ),
  "Pool.tryStart(greenlet)": refuses(NO_GREENLET, (greenlet) => new Pool(0).tryStart(greenlet)),
  "Pool.waitAvailable(options)": refuses(
    NO_OPTIONS,
    (options) => new Pool(0).waitAvailable(options),
  ),
  "new RawGreenlet(fn)": refuses(NO_FUNCTION, (fn) => new RawGreenlet(fn)),
  "new RawGreenlet(parent)": refuses(
    [null, 5, {}],
    (parent) => new RawGreenlet(() => {}, parent),
  ),
  "RawGreenlet.parent(parent)": refuses(
    [undefined, null, 5, {}],
    (parent) => new RawGreenlet(() => {}).parent = parent,
  ),
  "shield(fn)": refuses(NO_FUNCTION, (fn) => gevent.shield(fn)),
  "onSignal(signal)": refuses(
    [undefined, 5, "SIGNO"],
    (signal) => gevent.onSignal(signal, () => {}),
  ),
  "onSignal(fn)": refuses(NO_FUNCTION, (fn) => gevent.onSignal("SIGUSR2", fn)),
  "idle(options)": refuses(NO_OPTIONS, (options) => gevent.idle(options)),
  "sleep(ms)": refuses(NO_NUMBER, (ms) => gevent.sleep(ms)),
  "sleep(options)": refuses(NO_OPTIONS, (options) => gevent.sleep(1, options)),
  "kill(greenlet)": refuses(NO_GREENLET, (greenlet) => gevent.kill(greenlet)),
  "spawn(fn)": refuses(NO_FUNCTION, (fn) => gevent.spawn(fn)),
  "spawnLater(ms)": refuses(NO_NUMBER, (ms) => gevent.spawnLater(ms, () => {})),
  "spawnLater(fn)": refuses(NO_FUNCTION, (fn) => gevent.spawnLater(1, fn)),
  "suspend(park)": refuses(NO_FUNCTION, (park) => gevent.suspend(park)),
  "suspend(options)": refuses(NO_OPTIONS, (options) => gevent.suspend(() => {}, options)),
  "TaskGroup.run(fn)": refuses(NO_FUNCTION, (fn) => TaskGroup.run(fn)),
  "TaskGroup.spawn(fn)": refuses(NO_FUNCTION, (fn) => new TaskGroup().spawn(fn)),
  "TaskGroup.join(options)": refuses(NO_OPTIONS, (options) => new TaskGroup().join(options)),
  "new Timeout(ms)": refuses([NaN, "5", {}], (ms) => new Timeout(ms)),
  "new Timeout(exception)": refuses(
    [false, 5, {}, () => {}, class {}],
    (exception) => new Timeout(1, exception),
  ),
  "Timeout.start(ms)": refuses([NaN, "5", {}], (ms) => Timeout.start(ms)),
  "Timeout.start(exception)": refuses([false, 5], (exception) => Timeout.start(1, exception)),
  "withTimeout(ms)": refuses([NaN, "5", {}], (ms) => gevent.withTimeout(ms, () => {})),
  "withTimeout(fn)": refuses(NO_FUNCTION, (fn) => gevent.withTimeout(1, fn)),
  "withTimeout(options)": refuses(
    NO_OPTIONS,
    (options) => gevent.withTimeout(1, () => {}, options),
  ),
  "each(items)": refuses([undefined, null, 5, []], (items) => gevent.each(items).next()),
  "each(options)": refuses(NO_OPTIONS, (options) => gevent.each(items(), options).next()),
  "until(promise)": refuses([undefined, null, 5, {}], (promise) => gevent.until(promise)),
  "until(options)": refuses(
    NO_OPTIONS,
    (options) => gevent.until(new Promise(() => {}), options),
  ),
  "until(options.orphan)": refuses(
    [null, 5, {}],
    (orphan) => gevent.until(new Promise(() => {}), { orphan }),
  ),
  "until(options.abandon)": refuses(
    [null, 5, {}],
    (abandon) => gevent.until(new Promise(() => {}), { abandon }),
  ),
  "iwait(objects)": refuses([...NO_ITERABLE, [5]], (objects) => gevent.iwait(objects).next()),
  "iwait(options)": refuses(NO_OPTIONS, (options) => gevent.iwait([], options).next()),
  "iwait(options.count)": refuses(
    [null, ...NO_COUNT],
    (count) => gevent.iwait([], { count }).next(),
  ),
  "wait(objects)": refuses([null, 5, {}, [5]], (objects) => gevent.wait(objects)),
  "wait(options.count)": refuses([null, ...NO_COUNT], (count) => gevent.wait([], { count })),
  "wait(options)": refuses(NO_OPTIONS, (options) => gevent.wait([], options)),
  "wait(undefined, options)": refuses(NO_OPTIONS, (options) => gevent.wait(undefined, options)),
  "TimerWatcher.again(fn)": refuses(NO_FUNCTION, (fn) => new Loop().timer(1, 1).again(fn)),
  "Watcher.ref(ref)": refuses([undefined, null, 1], (ref) => new Loop().timer(1).ref = ref),
  "Watcher.start(fn)": refuses(NO_FUNCTION, (fn) => new Loop().timer(1).start(fn)),

  "new Actor(options)": refuses(NO_OPTIONS, (options) => new Echo(options)),
  "new Actor(options.inboxSize)": refuses(NO_COUNT, (inboxSize) => new Echo({ inboxSize })),
  "new Actor(options.supervise)": refuses([5, {}], (supervise) => new Echo({ supervise })),
  "new Actor(options.maxRestarts)": refuses(NO_COUNT, (maxRestarts) => new Echo({ maxRestarts })),
  "new Actor(options.within)": refuses(NO_AMOUNT, (within) => new Echo({ within })),
  "Actor.send(options)": refuses(NO_OPTIONS, (options) => new Echo().send(1, options)),
  "Actor.supervise(child)": refuses(
    [...NO_GREENLET, new Greenlet()],
    (child) => new Echo().supervise(child),
  ),
  "Actor.stop(options)": refuses(NO_OPTIONS, (options) => new Echo().stop(options)),
  "AsyncResult.setFrom(source)": refuses(
    [...NO_GREENLET, new Greenlet()],
    (source) => new sync.AsyncResult().setFrom(source),
  ),
  "AsyncResult.get(options)": refuses(NO_OPTIONS, (options) => new sync.AsyncResult().get(options)),
  "AsyncResult.wait(options)": refuses(
    NO_OPTIONS,
    (options) => new sync.AsyncResult().wait(options),
  ),
  "AsyncResult.rawlink(callback)": refuses(
    NO_FUNCTION,
    (callback) => new sync.AsyncResult().rawlink(callback),
  ),
  "new Barrier(parties)": refuses([undefined, 0, ...NO_COUNT], (n) => new sync.Barrier(n)),
  "new Barrier(action)": refuses([null, 5, {}], (action) => new sync.Barrier(1, action)),
  "Barrier.wait(options)": refuses(NO_OPTIONS, (options) => new sync.Barrier(2).wait(options)),
  "Channel.put(options)": refuses(NO_OPTIONS, (options) => new sync.Channel().put(1, options)),
  "Channel.get(options)": refuses(NO_OPTIONS, (options) => new sync.Channel().get(options)),
  "new Condition(lock)": refuses(
    [null, 5, {}, new sync.Semaphore(1)],
    (lock) => new sync.Condition(lock),
  ),
  "Condition.acquire(options)": refuses(
    NO_OPTIONS,
    (options) => new sync.Condition().acquire(options),
  ),
  "Condition.hold(options)": refuses(NO_OPTIONS, (options) => new sync.Condition().hold(options)),
  "Condition.wait(options)": refuses(NO_OPTIONS, async (options) => {
    const condition = new sync.Condition();
    using _ = await condition.hold();
    await condition.wait(options);
  }),
  "Condition.waitFor(predicate)": refuses(NO_FUNCTION, async (predicate) => {
    const condition = new sync.Condition();
    using _ = await condition.hold();
    await condition.waitFor(predicate);
  }),
  "Condition.waitFor(options)": refuses(NO_OPTIONS, async (options) => {
    const condition = new sync.Condition();
    using _ = await condition.hold();
    await condition.waitFor(() => true, options);
  }),
  "Condition.notify(count)": refuses([null, ...NO_COUNT], async (count) => {
    const condition = new sync.Condition();
    using _ = await condition.hold();
    condition.notify(count);
  }),
  "Event.wait(options)": refuses(NO_OPTIONS, (options) => new sync.Event().wait(options)),
  "Event.rawlink(callback)": refuses(
    NO_FUNCTION,
    (callback) => new sync.Event().rawlink(callback),
  ),
  ...queueOptions(sync.SimpleQueue),
  ...unfinished(sync.Queue),
  ...unfinished(sync.LifoQueue),
  ...unfinished(sync.PriorityQueue),
  "new PriorityQueue(options.compare)": refuses(
    [null, 5, {}],
    (compare) => new sync.PriorityQueue({ compare }),
  ),
  "new Queue(items)": refuses([null, 5, {}], (store) => new sync.Queue({}, store)),
  "new SimpleQueue(items)": refuses([null, 5, {}], (store) => new Keeper(store)),
  "SimpleQueue.maxsize(maxsize)": refuses(
    NO_COUNT,
    (maxsize) => new sync.SimpleQueue().maxsize = maxsize,
  ),
  "SimpleQueue.put(options)": refuses(
    NO_OPTIONS,
    (options) => new sync.SimpleQueue({ maxsize: 1, items: [1] }).put(2, options),
  ),
  "SimpleQueue.get(options)": refuses(NO_OPTIONS, (options) => new sync.SimpleQueue().get(options)),
  "SimpleQueue.peek(options)": refuses(
    NO_OPTIONS,
    (options) => new sync.SimpleQueue().peek(options),
  ),
  "Queue.join(options)": refuses(NO_OPTIONS, (options) => new sync.Queue().join(options)),
  "Queue.shutdown(options)": refuses(NO_OPTIONS, (options) => new sync.Queue().shutdown(options)),
  "RLock.acquire(options)": refuses(NO_OPTIONS, (options) => new sync.RLock().acquire(options)),
  "RLock.hold(options)": refuses(NO_OPTIONS, (options) => new sync.RLock().hold(options)),
  "RLock.restore(count)": refuses(
    [undefined, 0, ...NO_COUNT],
    (count) => new sync.RLock().restore(count),
  ),
  "new Semaphore(value)": refuses(NO_COUNT, (value) => new sync.Semaphore(value)),
  "new BoundedSemaphore(value)": refuses(NO_COUNT, (value) => new sync.BoundedSemaphore(value)),
  "Semaphore.acquire(options)": refuses(
    NO_OPTIONS,
    (options) => new sync.Semaphore(0).acquire(options),
  ),
  "Semaphore.hold(options)": refuses(NO_OPTIONS, (options) => new sync.Semaphore(0).hold(options)),
  "Semaphore.wait(options)": refuses(NO_OPTIONS, (options) => new sync.Semaphore(0).wait(options)),
  "Semaphore.rawlink(callback)": refuses(
    NO_FUNCTION,
    (callback) => new sync.Semaphore().rawlink(callback),
  ),
  "DummySemaphore.acquire(options)": refuses(
    NO_OPTIONS,
    (options) => new sync.DummySemaphore().acquire(options),
  ),
  "DummySemaphore.hold(options)": refuses(
    NO_OPTIONS,
    (options) => new sync.DummySemaphore().hold(options),
  ),
};

const ANY_VALUE = "any value may be handed over";
const UNKNOWN = "what is not linked is not missed, as in gevent";
const INTERNAL = "made by the library itself";

/** Arguments that may be anything, and why. */
const TAKEN: Readonly<Record<string, string>> = {
  "Greenlet.removeSpawnCallback(callback)": UNKNOWN,
  "Greenlet.unlink(target)": UNKNOWN,
  "Greenlet.kill(exception)": "what is not an error becomes the cause of one",
  "Greenlet.throw(exception)": "see kill",
  "Group.kill(exception)": "see Greenlet.kill",
  "Group.killOne(exception)": "see Greenlet.kill",
  "killAll(exception)": "see Greenlet.kill",
  "kill(exception)": "see Greenlet.kill",
  "Group.has(greenlet)": "nothing else is in it",
  "Group.add(_options)": "a plain group never has to wait",
  "Group.start(options)": "a plain group never has to wait",
  "new GreenletTree(greenlet)": INTERNAL,
  "new GreenletTree(children)": INTERNAL,
  "new SignalWatcher(hooks)": INTERNAL,
  "new SignalWatcher(signal)": "see Loop.signal",
  "new StatWatcher(hooks)": INTERNAL,
  "new StatWatcher(path)": "see Loop.stat",
  "new StatWatcher(interval)": "see Loop.stat",
  "new TimerWatcher(hooks)": INTERNAL,
  "new TimerWatcher(after)": "see Loop.timer",
  "new TimerWatcher(repeat)": "see Loop.timer",
  "new Watcher(hooks)": INTERNAL,
  "ungreen(value)": "what is not green is given as it is",
  "new LoopExit(blocked)": INTERNAL,
  "new FailedToSwitch(blocked)": INTERNAL,
  "RawGreenlet.switch(value)": ANY_VALUE,
  "RawGreenlet.throw(error)": ANY_VALUE,
  "suspend(kind)": "for the library itself",
  "Actor.receive(message)": "what a subclass overrides",
  "Actor.restarted(_error)": "what a subclass overrides",
  "Actor.send(message)": ANY_VALUE,
  "AsyncResult.set(value)": ANY_VALUE,
  "AsyncResult.setException(error)": "anything can be thrown",
  "AsyncResult.unlink(callback)": UNKNOWN,
  "Event.unlink(callback)": UNKNOWN,
  "Semaphore.unlink(callback)": UNKNOWN,
  "Channel.put(item)": ANY_VALUE,
  "Channel.putNowait(item)": ANY_VALUE,
  "SimpleQueue.put(item)": ANY_VALUE,
  "SimpleQueue.putNowait(item)": ANY_VALUE,
};

async function* items(): AsyncGenerator<number> {
  yield 1;
}

/** What a call with a bad value gives or throws, at once or by a promise. */
async function outcome(call: () => unknown): Promise<unknown> {
  try {
    return await call();
  } catch (error) {
    return error;
  }
}

for (const [argument, { bad, call }] of Object.entries(REFUSED)) {
  Deno.test({
    name: `${argument} refuses what it cannot use`,
    async fn() {
      for (const value of bad) {
        const error = await outcome(() => call(value));
        const shown = Array.isArray(value) && value.length > 0 ? value[0] : value;
        const isError = error instanceof TypeError || error instanceof RangeError;
        assert(isError, `${Deno.inspect(value)}: ${Deno.inspect(error)}`);
        const isShown = error.message.includes(Deno.inspect(shown)) ||
          error.message.endsWith(`: ${shown}`);
        assert(isShown, `${Deno.inspect(value)} is not in the message: ${error.message}`);
      }
    },
    timeout: 10_000,
  });
}

Deno.test("Each argument of core/ and sync/ is refused when it is wrong, or may be anything", async () => {
  const known = new Set([...Object.keys(REFUSED), ...Object.keys(TAKEN)]);
  const api = await PublicApi.of("core/mod.ts", "sync/mod.ts");
  const missing = api.parameters
    .filter(({ name }) => !["args", "message", "this"].includes(name)) // which may be anything
    .map(({ callee, name }) => `${callee}(${name})`)
    .filter((argument) => !known.has(argument));
  assertEquals(missing, []);
});

/** Calls of what has been ended, and what they throw. */
const ENDED: Readonly<Record<string, [call: () => unknown, error: new () => Error]>> = {
  "Timeout.start()": [() => closed(new Timeout(1)).start(), TypeError],
  "Timeout.start(timeout)": [() => Timeout.start(closed(new Timeout(1))), TypeError],
  "withTimeout(timeout)": [() => gevent.withTimeout(closed(new Timeout(1)), () => {}), TypeError],
  "Event.wait({ timeout })": [
    () => new sync.Event().wait({ timeout: closed(new Timeout(1)) }),
    TypeError,
  ],
  "Group.kill({ timeout })": [
    () => new Group([new Greenlet()]).kill(undefined, { timeout: closed(new Timeout(1)) }),
    TypeError,
  ],
  "Watcher.start()": [() => closed(new Loop().idle()).start(() => {}), TypeError],
  "TimerWatcher.again()": [() => closed(new Loop().timer(1, 1)).again(() => {}), TypeError],
  "TaskGroup.spawn()": [async () => {
    let ended!: gevent.TaskGroup;
    await TaskGroup.run((group) => void (ended = group));
    ended.spawn(() => {});
  }, TypeError],
  "Queue.put()": [() => shutDown().put(1), gevent.ShutDown],
  "Queue.putNowait()": [() => shutDown().putNowait(1), gevent.ShutDown],
  "Queue.get()": [() => shutDown().get(), gevent.ShutDown],
  "Queue.getNowait()": [() => shutDown().getNowait(), gevent.ShutDown],
  "Queue.peek()": [() => shutDown().peek(), gevent.ShutDown],
  "Queue.peekNowait()": [() => shutDown().peekNowait(), gevent.ShutDown],
  "Actor.send()": [async () => {
    const actor = new Echo();
    actor.start();
    await actor.stop();
    await actor.send(1);
  }, gevent.ShutDown],
};

function closed<T extends { close(): void }>(closable: T): T {
  closable.close();
  return closable;
}

function shutDown(): sync.Queue<number> {
  const queue = new sync.Queue<number>();
  queue.shutdown();
  return queue;
}

for (const [name, [call, expected]] of Object.entries(ENDED)) {
  Deno.test(`${name} throws ${expected.name} after the end`, async () => {
    const error = await outcome(call);
    assertInstanceOf(error, expected);
    assertNotEquals(error.message, "");
  });
}
