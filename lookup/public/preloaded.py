"""Everything a worker needs, imported once by the process that workers are forked from.

Importing this module is its use. What is frozen here is never touched by a worker's collector,
so its pages stay shared by all of them.
"""

import gc
import signal

import uvicorn.lifespan.on
import uvicorn.loops.uvloop
import uvicorn.protocols.http.httptools_impl
import uvloop

import lookup.public.app
import lookup.public.worker

__all__ = ["lookup", "uvicorn", "uvloop"]

# A signal to the whole group is the supervisor's to answer: without this process it could not
# tell how the workers ended.
for number in (signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
gc.collect()
gc.freeze()
