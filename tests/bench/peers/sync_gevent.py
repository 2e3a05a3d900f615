"""The workloads of sync/ on gevent."""

import gevent
from gevent.event import AsyncResult, Event
from gevent.lock import BoundedSemaphore, Semaphore
from gevent.queue import Channel, JoinableQueue, LifoQueue, PriorityQueue, Queue, SimpleQueue

from contestant import run, shuffled

QUEUE_SIZE = RIVALS = 100
PERMITS = 10


def side_by_side(*functions):
    gevent.joinall([gevent.spawn(function) for function in functions], raise_error=True)


def event(operations, watch):
    there, back = Event(), Event()
    done = 0

    def ping():
        nonlocal done
        for _ in range(operations // 2):
            there.set()
            if back.wait():
                done += 1
            back.clear()

    def pong():
        nonlocal done
        for _ in range(operations // 2):
            if there.wait():
                done += 1
            there.clear()
            back.set()

    side_by_side(ping, pong)
    return done


def event_waiters(operations, watch):
    flag = Event()
    tasks = [gevent.spawn(flag.wait) for _ in range(operations)]
    gevent.sleep(0)
    watch.start()
    flag.set()
    gevent.joinall(tasks)
    watch.stop()
    return sum(task.value for task in tasks)


def async_result(operations, watch):
    results = [AsyncResult() for _ in range(operations)]
    done = 0

    def ping():
        nonlocal done
        for i in range(0, operations, 2):
            results[i].set(i)
            if results[i + 1].get() == i + 1:
                done += 1

    def pong():
        nonlocal done
        for i in range(0, operations, 2):
            if results[i].get() == i:
                done += 1
            results[i + 1].set(i + 1)

    side_by_side(ping, pong)
    return done


def take_turns(make, tasks):
    def workload(operations, watch):
        permits = make()
        done = 0

        def work():
            nonlocal done
            for _ in range(operations // tasks):
                permits.acquire()
                done += 1
                if tasks > 1:
                    gevent.sleep(0)
                permits.release()

        side_by_side(*[work] * tasks)
        return done

    return workload


def unbounded_queue(operations, watch):
    queue = Queue()
    done = 0

    def produce():
        for i in range(operations):
            queue.put(i)

    def consume():
        nonlocal done
        for i in range(operations):
            if queue.get() == i:
                done += 1

    side_by_side(produce)
    side_by_side(consume)
    return done


def through(make):
    def workload(operations, watch):
        queue = make()
        done = missing = 0

        def produce():
            nonlocal missing
            for i in range(operations):
                missing += shuffled(i)
                queue.put(shuffled(i))

        def consume():
            nonlocal done, missing
            for _ in range(operations):
                item = queue.get()
                missing -= item
                done += 1

        side_by_side(produce, consume)
        return done if missing == 0 else None

    return workload


def joinable_queue(operations, watch):
    queue = JoinableQueue()
    done = 0

    def produce():
        for i in range(0, operations, QUEUE_SIZE):
            for j in range(QUEUE_SIZE):
                queue.put(i + j)
            queue.join()

    def consume():
        nonlocal done
        for i in range(operations):
            if queue.get() == i:
                done += 1
            queue.task_done()

    side_by_side(produce, consume)
    return done


run({
    "event": event,
    "eventWaiters": event_waiters,
    "asyncResult": async_result,
    "semaphore": take_turns(lambda: Semaphore(PERMITS), 1),
    "semaphoreContended": take_turns(lambda: Semaphore(PERMITS), RIVALS),
    "lock": take_turns(BoundedSemaphore, 1),
    "lockContended": take_turns(BoundedSemaphore, RIVALS),
    "unboundedQueue": unbounded_queue,
    "simpleQueue": through(SimpleQueue),
    "boundedQueue": through(lambda: Queue(QUEUE_SIZE)),
    "lifoQueue": through(lambda: LifoQueue(QUEUE_SIZE)),
    "priorityQueue": through(lambda: PriorityQueue(QUEUE_SIZE)),
    "channel": through(Channel),
    "joinableQueue": joinable_queue,
})
