"""The workloads on asyncio."""

import asyncio

from core_contestant import run, timer_delay


async def switch(operations):
    async def give_way():
        for _ in range(operations // 2):
            await asyncio.sleep(0)

    await asyncio.gather(give_way(), give_way())


async def spawn(operations):
    async def work(n):
        return n

    await asyncio.gather(*[asyncio.create_task(work(n)) for n in range(operations)])


async def spawn_waiting(operations):
    await asyncio.gather(*[asyncio.create_task(asyncio.sleep(0)) for _ in range(operations)])


async def queue(operations):
    there, back = asyncio.Queue(), asyncio.Queue()

    async def ping():
        for n in range(operations // 2):
            await there.put(n)
            await back.get()

    async def pong():
        for _ in range(operations // 2):
            await back.put(await there.get())

    await asyncio.gather(ping(), pong())


async def timer(operations):
    loop = asyncio.get_running_loop()
    timers = [loop.call_later(timer_delay(n), print) for n in range(operations)]
    for one in timers:
        one.cancel()


async def park(tasks, measure):
    event = asyncio.Event()
    measure()
    parked = [asyncio.create_task(event.wait()) for _ in range(tasks)]
    await asyncio.sleep(0)
    measure()
    event.set()
    await asyncio.gather(*parked)


def blocking(workload):
    return lambda *args: asyncio.run(workload(*args))


run({
    "switch": blocking(switch),
    "spawn": blocking(spawn),
    "spawnWaiting": blocking(spawn_waiting),
    "queue": blocking(queue),
    "timer": blocking(timer),
    "park": blocking(park),
})
