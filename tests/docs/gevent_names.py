"""Prints, as JSON, the public names of the gevent that is installed, by the section of the page that has to mention them.

Those are what the modules export, and the attributes of the classes among it, also those that only instances have.
"""
import importlib
import inspect
import json
import os
import re

# gevent prints deprecation warnings at import time: they are none of ours.
os.environ.setdefault("PYTHONWARNINGS", "ignore")

import greenlet
import gevent
from gevent import core, event, hub, lock, pool, queue, timeout, util
from gevent.resolver import AbstractResolver

SECTIONS = {
    "gevent.greenlet": ["gevent.greenlet"],
    "gevent.hub": ["gevent.hub", "gevent.exceptions"],
    "gevent.timeout": ["gevent.timeout"],
    "gevent.event": ["gevent.event"],
    "gevent.lock": ["gevent.lock"],
    "gevent.queue": ["gevent.queue"],
    "gevent.pool": ["gevent.pool"],
    "gevent.local": ["gevent.local"],
    "gevent.signal": ["gevent.signal"],
    "gevent.core": ["gevent.core", "gevent._ident", "gevent._tracer"],
    "gevent.events": ["gevent.events"],
    "gevent.monkey": ["gevent.monkey"],
    "gevent.util and gevent._monitor": ["gevent.util", "gevent._monitor"],
    "gevent.baseserver and gevent.server": ["gevent.baseserver", "gevent.server"],
    "gevent._config": [],
    "gevent.contextvars": ["gevent.contextvars"],
    "gevent.socket": ["gevent.socket"],
    "gevent.select and gevent.selectors": ["gevent.select", "gevent.selectors"],
    "gevent.resolver": ["gevent.resolver"],
    "gevent.backdoor": ["gevent.backdoor"],
    "gevent.pywsgi": ["gevent.pywsgi"],
}

# Attributes that are only there once an object is.
INSTANCES = {
    "gevent.hub": [gevent.get_hub(), hub.Waiter(), hub.linkproxy(len, None)],
    "gevent.timeout": [timeout.Timeout(1)],
    "gevent.event": [event.Event(), event.AsyncResult()],
    "gevent.lock": [lock.Semaphore(), lock.RLock(), lock.DummySemaphore()],
    "gevent.queue": [queue.JoinableQueue(), queue.Channel()],
    "gevent.pool": [pool.Group(), pool.Pool(1)],
    "gevent.util and gevent._monitor": [
        util.GreenletTree(gevent.getcurrent()),
        util.wrap_errors(ValueError, len),
    ],
}

WATCHERS = "io timer signal idle prepare check fork async_ child stat callback".split()

EVERYBODY_HAS = set(dir(object)) | set(dir(BaseException)) | set(dir(type))


def attributes(thing):
    """The public attributes of a class or an instance, without those of the greenlet package, which has its own section."""
    cls = thing if inspect.isclass(thing) else type(thing)
    names = set(dir(thing))
    if issubclass(cls, greenlet.greenlet):
        own = [base.__dict__ for base in cls.__mro__ if base.__module__.startswith("gevent")]
        names -= set(dir(greenlet.greenlet)) - set().union(*own)
    return {name for name in names if not name.startswith("_")} - EVERYBODY_HAS


def exported(module):
    names = set(module.__all__)
    for name in module.__all__:
        value = getattr(module, name)
        # Classes of Python that are exported again are what they are everywhere.
        if inspect.isclass(value) and value.__module__.startswith("gevent"):
            names |= attributes(value)
    return names


found = {}
for section, modules in SECTIONS.items():
    names = set()
    for module in modules:
        names |= exported(importlib.import_module(module))
    for instance in INSTANCES.get(section, []):
        names |= attributes(instance)
    found[section] = names

# Its classes have sections of their own, but for one.
found["gevent"] = set(gevent.__all__) | attributes(gevent.signal_handler)
found["gevent.core"] |= {name for watcher in WATCHERS for name in attributes(getattr(core, watcher))}
found["gevent._config"] |= {name for name in dir(gevent.config) if not name.startswith("_")}
found["gevent._config"] |= attributes(type(gevent.config))
# Without the constants of the system, such as AF_INET.
found["gevent.socket"] = {name for name in found["gevent.socket"] if not re.match("[A-Z][A-Z0-9]+(_|$)", name)}
found["gevent.resolver"] |= attributes(AbstractResolver)
found["gevent.backdoor"] -= found["gevent.baseserver and gevent.server"]
found["gevent.pywsgi"] -= found["gevent.baseserver and gevent.server"] | set(dir(dict))
found["greenlet"] = {name for name in dir(greenlet.greenlet) if not name.startswith("_")}
found["greenlet"] -= {"GreenletExit"}  # a class that is there twice

print(json.dumps({section: sorted(names) for section, names in found.items()}))
