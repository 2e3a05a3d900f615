import { assert, assertEquals } from "@std/assert";
import {
  BlockingSwitchOutError,
  ConcurrentObjectUseError,
  Empty,
  Full,
  GreenletExit,
  Interrupt,
  LoopExit,
  PoolFull,
  ShutDown,
} from "../../core/errors.ts";
import { Timeout } from "../../core/timeout.ts";

Deno.test("Errors carry the names of their classes", () => {
  const errors = {
    BlockingSwitchOutError: new BlockingSwitchOutError(),
    ConcurrentObjectUseError: new ConcurrentObjectUseError("busy"),
    Empty: new Empty(),
    Full: new Full(),
    GreenletExit: new GreenletExit(),
    LoopExit: new LoopExit([]),
    PoolFull: new PoolFull(),
    ShutDown: new ShutDown(),
    Timeout: new Timeout(1),
  };
  for (const [name, error] of Object.entries(errors)) {
    assertEquals(error.name, name);
    assertEquals(error.constructor.name, name);
    assert(error instanceof Error);
  }
});

Deno.test("Interrupt is the base of what is thrown into a greenlet, and of nothing else", () => {
  assert(new GreenletExit() instanceof Interrupt);
  assert(new Timeout(1) instanceof Interrupt);
  for (const error of [new Empty(), new Full(), new ShutDown(), new LoopExit([])]) {
    assert(!(error instanceof Interrupt));
  }
});

Deno.test("PoolFull is a Full", () => {
  assert(new PoolFull() instanceof Full);
});

Deno.test("Errors take a message of the caller's", () => {
  for (const Class of [BlockingSwitchOutError, Empty, Full, PoolFull, ShutDown, GreenletExit]) {
    assertEquals(new Class("because").message, "because");
  }
});

Deno.test("LoopExit.message lists who is blocked", () => {
  const error = new LoopExit(["one waits", "two waits"]);
  assertEquals(error.message, "This operation would block forever:\n  one waits\n  two waits");
  assertEquals(error.blocked, ["one waits", "two waits"]);
  assertEquals(new LoopExit([]).message, "This operation would block forever");
});
