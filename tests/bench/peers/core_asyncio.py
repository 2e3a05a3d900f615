"""The workloads of the core on asyncio."""

import asyncio
import contextvars

from contestant import run, timer_delay

GROUP_SIZE = 10
LIMIT = 60


async def echo(n):
    await asyncio.sleep(0)
    return n


async def switch(operations, watch):
    async def give_way():
        count = 0
        for _ in range(operations // 2):
            await asyncio.sleep(0)
            count += 1
        return count

    return sum(await asyncio.gather(give_way(), give_way()))


async def spawn(operations, watch):
    async def work(n):
        return n

    results = await asyncio.gather(*[asyncio.create_task(work(n)) for n in range(operations)])
    return sum(result == n for n, result in enumerate(results))


async def spawn_waiting(operations, watch):
    results = await asyncio.gather(*[asyncio.create_task(echo(n)) for n in range(operations)])
    return sum(result == n for n, result in enumerate(results))


async def queue(operations, watch):
    there, back = asyncio.Queue(), asyncio.Queue()

    async def ping():
        done = 0
        for n in range(operations // 2):
            await there.put(n)
            done += await back.get() == n
        return done

    async def pong():
        done = 0
        for _ in range(operations // 2):
            await back.put(await there.get())
            done += 1
        return done

    return sum(await asyncio.gather(ping(), pong()))


async def timer(operations, watch):
    loop = asyncio.get_running_loop()
    timers = [loop.call_later(timer_delay(n), print) for n in range(operations)]
    for one in timers:
        one.cancel()
    return sum(one.cancelled() for one in timers)


async def busy_timeout(operations, watch):
    loop = asyncio.get_running_loop()
    others = [loop.call_later(timer_delay(n), print) for n in range(operations)]
    done = 0
    watch.start()
    for n in range(operations):
        one = loop.call_later(timer_delay(n), print)
        one.cancel()
        done += one.cancelled()
    watch.stop()
    for other in others:
        other.cancel()
    return done


async def with_timeout(operations, watch):
    done = 0
    for n in range(operations):
        async with asyncio.timeout(LIMIT):
            done += await echo(n) == n
    return done


async def local(operations, watch):
    own = contextvars.ContextVar("own", default=0)
    for _ in range(operations):
        own.set(own.get() + 1)
    return own.get()


async def local_tasks(operations, watch):
    own = contextvars.ContextVar("own")

    async def work(n):
        own.set(n)
        await asyncio.sleep(0)
        return own.get() == n

    return sum(await asyncio.gather(*[asyncio.create_task(work(n)) for n in range(operations)]))


async def task_group(operations, watch):
    done = 0

    async def work():
        nonlocal done
        await asyncio.sleep(0)
        done += 1

    for _ in range(operations // GROUP_SIZE):
        async with asyncio.TaskGroup() as group:
            for _ in range(GROUP_SIZE):
                group.create_task(work())
    return done


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
    "busyTimeout": blocking(busy_timeout),
    "withTimeout": blocking(with_timeout),
    "local": blocking(local),
    "localTasks": blocking(local_tasks),
    "taskGroup": blocking(task_group),
    "park": blocking(park),
})
