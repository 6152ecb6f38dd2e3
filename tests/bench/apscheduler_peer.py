"""The same work done by APScheduler 3, for the ratios: one `name<TAB>value<TAB>unit` line each.

    apscheduler_peer.py SCRATCH_FOLDER SCALE

Needs python3-apscheduler and python3-sqlalchemy. Its SQLite store runs as it ships (rollback
journal, synchronous=FULL), which is as durable as ours.
"""

import os
import sys
import threading
import time
from datetime import datetime, timedelta, timezone

from apscheduler.events import EVENT_JOB_EXECUTED
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler


def nothing():
    """The job."""


def report(name, value, unit):
    print(f"{name}\t{value:.2f}\t{unit}", flush=True)


def make(folder, durable):
    stores = {}
    if durable:
        path = os.path.join(folder, "apscheduler.db")
        if os.path.exists(path):
            os.remove(path)
        stores["default"] = SQLAlchemyJobStore(url="sqlite:///" + path)
    return BackgroundScheduler(
        jobstores=stores,
        executors={"default": ThreadPoolExecutor(10)},
        job_defaults={"misfire_grace_time": None},
        timezone=timezone.utc,
    )


def drain(folder, durable, count, name):
    done = threading.Semaphore(0)
    scheduler = make(folder, durable)
    scheduler.add_listener(lambda event: done.release(), EVENT_JOB_EXECUTED)
    scheduler.start(paused=True)
    begun = time.monotonic()
    due = datetime.now(timezone.utc) + timedelta(seconds=1)
    for i in range(count):
        scheduler.add_job(nothing, "date", run_date=due, id=str(i))
    if durable:
        report("APScheduler: add_job, file", count / (time.monotonic() - begun), "jobs/s")
    time.sleep(max(0, due.timestamp() - time.time()))
    begun = time.monotonic()
    scheduler.resume()
    for _ in range(count):
        done.acquire()
    report(name, count / (time.monotonic() - begun), "runs/s")
    scheduler.shutdown()


def main():
    folder, scale = sys.argv[1], int(sys.argv[2])
    drain(folder, False, 10000 // scale, "APScheduler: drain, memory")
    drain(folder, True, 1000 // scale, "APScheduler: drain, file, FULL")


main()
