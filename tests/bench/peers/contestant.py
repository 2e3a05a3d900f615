"""Runs one workload of a Python contestant, as run_workload.ts does: core_gevent.py switch 200000.

With `check` instead of a workload it runs all of them, and prints how many operations each has done.
"""

import gc
import json
import os
import sys
import time

PAGE = os.sysconf("SC_PAGE_SIZE")
UNIT = 100


def timer_delay(index):
    """The seconds after which the timers of a workload are due."""
    return 60 + shuffled(index) / 1000


def shuffled(index):
    """Numbers below 10 007 that are not in order."""
    return (index * 7919) % 10_007


class Stopwatch:
    """What may leave out the beginning and the end of a workload; without a call, all of it counts."""

    def __init__(self):
        self.stopped = None
        self.start()

    def start(self):
        self.started = time.perf_counter()

    def stop(self):
        self.stopped = time.perf_counter()


def _time(workload, operations):
    watch = Stopwatch()
    done = workload(operations, watch)
    if watch.stopped is None:
        watch.stop()
    if done != operations:
        raise ValueError(f"Did {done} operations instead of {operations}")
    return watch.stopped - watch.started


def _resident():
    gc.collect()
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * PAGE


def _weigh(park, tasks):
    measured = []

    def measure():
        measured.append(_resident())

    park(tasks, measure)
    return {"residentBytes": (measured[1] - measured[0]) / tasks}


def _check(workloads, operations):
    names = [name for name in workloads if name != "park"]
    return {name: workloads[name](operations, Stopwatch()) for name in names}


def run(workloads):
    name, operations = sys.argv[1], int(sys.argv[2])
    if name == "check":
        result = _check(workloads, operations)
    elif name == "park":
        result = _weigh(workloads[name], operations)
    else:
        _time(workloads[name], -(-operations // 10 // UNIT) * UNIT)
        result = {"seconds": _time(workloads[name], operations)}
    print(json.dumps(result), flush=True)
    os._exit(0)  # no contestant's leftovers may delay the end
