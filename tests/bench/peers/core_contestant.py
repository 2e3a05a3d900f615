"""Runs one workload of a Python contestant, as run_core.ts does: core_gevent.py switch 200000."""

import gc
import json
import os
import sys
import time

PAGE = os.sysconf("SC_PAGE_SIZE")


def timer_delay(index):
    """The seconds after which the timers of the timer workloads are due."""
    return 60 + (index * 7919) % 10_007 / 1000


def _time(workload, operations):
    workload(max(operations // 10, 1))
    started = time.perf_counter()
    workload(operations)
    return {"seconds": time.perf_counter() - started}


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


def run(workloads):
    name, operations = sys.argv[1], int(sys.argv[2])
    result = (_weigh if name == "park" else _time)(workloads[name], operations)
    print(json.dumps(result), flush=True)
    os._exit(0)  # no contestant's leftovers may delay the end
