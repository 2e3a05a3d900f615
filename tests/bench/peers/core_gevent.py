"""The workloads on gevent."""

import gevent
from gevent.event import Event
from gevent.queue import Queue

from core_contestant import run, timer_delay


def switch(operations):
    def give_way():
        for _ in range(operations // 2):
            gevent.sleep(0)

    gevent.joinall([gevent.spawn(give_way), gevent.spawn(give_way)])


def spawn(operations):
    gevent.joinall([gevent.spawn(lambda n: n, n) for n in range(operations)])


def spawn_waiting(operations):
    gevent.joinall([gevent.spawn(gevent.sleep, 0) for _ in range(operations)])


def queue(operations):
    there, back = Queue(), Queue()

    def ping():
        for n in range(operations // 2):
            there.put(n)
            back.get()

    def pong():
        for _ in range(operations // 2):
            back.put(there.get())

    gevent.joinall([gevent.spawn(ping), gevent.spawn(pong)])


def timer(operations):
    loop = gevent.get_hub().loop
    timers = []
    for n in range(operations):
        one = loop.timer(timer_delay(n))
        one.start(print)
        timers.append(one)
    for one in timers:
        one.stop()
        one.close()


def timeout(operations):
    timeouts = [gevent.Timeout.start_new(timer_delay(n)) for n in range(operations)]
    for one in timeouts:
        one.close()


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
    "park": park,
})
