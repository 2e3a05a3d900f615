"""The workloads of sync/ on asyncio."""

import asyncio

from contestant import run, shuffled

QUEUE_SIZE = RIVALS = 100
PERMITS = 10


async def event(operations, watch):
    there, back = asyncio.Event(), asyncio.Event()

    async def ping():
        done = 0
        for _ in range(operations // 2):
            there.set()
            done += await back.wait()
            back.clear()
        return done

    async def pong():
        done = 0
        for _ in range(operations // 2):
            done += await there.wait()
            there.clear()
            back.set()
        return done

    return sum(await asyncio.gather(ping(), pong()))


async def event_waiters(operations, watch):
    flag = asyncio.Event()
    tasks = [asyncio.create_task(flag.wait()) for _ in range(operations)]
    await asyncio.sleep(0)
    watch.start()
    flag.set()
    results = await asyncio.gather(*tasks)
    watch.stop()
    return sum(results)


async def async_result(operations, watch):
    loop = asyncio.get_running_loop()
    results = [loop.create_future() for _ in range(operations)]

    async def ping():
        done = 0
        for i in range(0, operations, 2):
            results[i].set_result(i)
            done += await results[i + 1] == i + 1
        return done

    async def pong():
        done = 0
        for i in range(0, operations, 2):
            done += await results[i] == i
            results[i + 1].set_result(i + 1)
        return done

    return sum(await asyncio.gather(ping(), pong()))


def take_turns(make, tasks):
    async def workload(operations, watch):
        permits = make()

        async def work():
            done = 0
            for _ in range(operations // tasks):
                done += await permits.acquire()
                if tasks > 1:
                    await asyncio.sleep(0)
                permits.release()
            return done

        return sum(await asyncio.gather(*[work() for _ in range(tasks)]))

    return workload


async def unbounded_queue(operations, watch):
    queue = asyncio.Queue()
    for i in range(operations):
        await queue.put(i)
    done = 0
    for i in range(operations):
        done += await queue.get() == i
    return done


def through(make):
    async def workload(operations, watch):
        queue = make(QUEUE_SIZE)
        done = missing = 0

        async def produce():
            nonlocal missing
            for i in range(operations):
                missing += shuffled(i)
                await queue.put(shuffled(i))

        async def consume():
            nonlocal done, missing
            for _ in range(operations):
                item = await queue.get()
                missing -= item
                done += 1

        await asyncio.gather(produce(), consume())
        return done if missing == 0 else None

    return workload


async def joinable_queue(operations, watch):
    queue = asyncio.Queue()

    async def produce():
        for i in range(0, operations, QUEUE_SIZE):
            for j in range(QUEUE_SIZE):
                await queue.put(i + j)
            await queue.join()

    async def consume():
        done = 0
        for i in range(operations):
            done += await queue.get() == i
            queue.task_done()
        return done

    _, done = await asyncio.gather(produce(), consume())
    return done


def blocking(workload):
    return lambda *args: asyncio.run(workload(*args))


run({
    "event": blocking(event),
    "eventWaiters": blocking(event_waiters),
    "asyncResult": blocking(async_result),
    "semaphore": blocking(take_turns(lambda: asyncio.Semaphore(PERMITS), 1)),
    "semaphoreContended": blocking(take_turns(lambda: asyncio.Semaphore(PERMITS), RIVALS)),
    "lock": blocking(take_turns(asyncio.Lock, 1)),
    "lockContended": blocking(take_turns(asyncio.Lock, RIVALS)),
    "unboundedQueue": blocking(unbounded_queue),
    "boundedQueue": blocking(through(asyncio.Queue)),
    "lifoQueue": blocking(through(asyncio.LifoQueue)),
    "priorityQueue": blocking(through(asyncio.PriorityQueue)),
    "joinableQueue": blocking(joinable_queue),
})
