"""The workloads of the core on gevent."""

import gevent
from gevent.event import Event
from gevent.local import local as Local
from gevent.pool import Group, Pool
from gevent.queue import Queue

from contestant import run, timer_delay

GROUP_SIZE = POOL_SIZE = 10
LIMIT = 60


def echo(n):
    gevent.sleep(0)
    return n


def switch(operations, watch):
    done = []

    def give_way():
        count = 0
        for _ in range(operations // 2):
            gevent.sleep(0)
            count += 1
        done.append(count)

    gevent.joinall([gevent.spawn(give_way), gevent.spawn(give_way)])
    return sum(done)


def spawn(operations, watch):
    tasks = [gevent.spawn(lambda n: n, n) for n in range(operations)]
    gevent.joinall(tasks)
    return sum(task.value == n for n, task in enumerate(tasks))


def spawn_waiting(operations, watch):
    tasks = [gevent.spawn(echo, n) for n in range(operations)]
    gevent.joinall(tasks)
    return sum(task.value == n for n, task in enumerate(tasks))


def queue(operations, watch):
    there, back = Queue(), Queue()
    done = 0

    def ping():
        nonlocal done
        for n in range(operations // 2):
            there.put(n)
            if back.get() == n:
                done += 1

    def pong():
        nonlocal done
        for _ in range(operations // 2):
            back.put(there.get())
            done += 1

    gevent.joinall([gevent.spawn(ping), gevent.spawn(pong)])
    return done


def timer(operations, watch):
    loop = gevent.get_hub().loop
    timers = []
    for n in range(operations):
        one = loop.timer(timer_delay(n))
        one.start(print)
        timers.append(one)
    done = 0
    for one in timers:
        done += one.active
        one.stop()
        one.close()
    return done


def timeout(operations, watch):
    timeouts = [gevent.Timeout.start_new(timer_delay(n)) for n in range(operations)]
    done = 0
    for one in timeouts:
        done += one.pending
        one.close()
    return done


def busy_timeout(operations, watch):
    others = [gevent.Timeout.start_new(timer_delay(n)) for n in range(operations)]
    done = 0
    watch.start()
    for n in range(operations):
        one = gevent.Timeout.start_new(timer_delay(n))
        done += one.pending
        one.close()
    watch.stop()
    for other in others:
        other.close()
    return done


def with_timeout(operations, watch):
    def work():
        return sum(gevent.with_timeout(LIMIT, echo, n) == n for n in range(operations))

    return gevent.spawn(work).get()


def local(operations, watch):
    own = Local()

    def work():
        own.n = 0
        for _ in range(operations):
            own.n += 1
        return own.n

    return gevent.spawn(work).get()


def local_tasks(operations, watch):
    own = Local()

    def work(n):
        own.n = n
        gevent.sleep(0)
        return own.n == n

    tasks = [gevent.spawn(work, n) for n in range(operations)]
    gevent.joinall(tasks)
    return sum(task.value for task in tasks)


def pool_map(operations, watch):
    results = Pool(POOL_SIZE).map(echo, range(operations))
    return sum(result == n for n, result in enumerate(results))


def pool_imap(operations, watch):
    results = Pool(POOL_SIZE).imap(echo, range(operations))
    return sum(result == n for n, result in enumerate(results))


def pool_imap_unordered(operations, watch):
    results = Pool(POOL_SIZE).imap_unordered(echo, range(operations))
    return sum(result < operations for result in results)


def task_group(operations, watch):
    done = 0

    def work():
        nonlocal done
        gevent.sleep(0)
        done += 1

    for _ in range(operations // GROUP_SIZE):
        group = Group()
        for _ in range(GROUP_SIZE):
            group.spawn(work)
        group.join()
    return done


def park(tasks, measure):
    event = Event()
    measure()
    parked = [gevent.spawn(event.wait) for _ in range(tasks)]
    gevent.sleep(0)
    measure()
    event.set()
    gevent.joinall(parked)


run({
    "switch": switch,
    "spawn": spawn,
    "spawnWaiting": spawn_waiting,
    "queue": queue,
    "timer": timer,
    "timeout": timeout,
    "busyTimeout": busy_timeout,
    "withTimeout": with_timeout,
    "local": local,
    "localTasks": local_tasks,
    "poolMap": pool_map,
    "poolImap": pool_imap,
    "poolImapUnordered": pool_imap_unordered,
    "taskGroup": task_group,
    "park": park,
})
