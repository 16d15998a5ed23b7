"""The worker: does jobs. Effect and mark are one transaction, so that a job is done once, or still waits."""

import signal
import sys
from threading import Event, Thread
from time import sleep

import psycopg

from database import Connection, connect, deadline
from telemetry import log

#: Signals that ask it to end.
STOPS = {signal.SIGTERM, signal.SIGINT}
#: How many jobs a worker does at once.
HANDS = 4
#: Seconds between two looks at an empty queue, and at a database that is away.
PAUSE, PAUSE_AWAY = 0.2, 1.0


def do_one(database: Connection) -> bool:
    """Do the oldest job that waits and that nobody has in hand; False if there is none.

    Should the worker die meanwhile, the transaction is rolled back, and the job waits again.
    """
    with deadline(database, 8), database.transaction():
        job = database.execute(
            "SELECT id FROM jobs WHERE NOT done ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED"
        ).fetchone()
        if job is None:
            return False
        log("info", "job is begun", job=job[0])
        sleep(0.3)  # the work
        database.execute("INSERT INTO effects (job) VALUES (%s)", job)
        database.execute("UPDATE jobs SET done = true WHERE id = %s", job)
    log("info", "job is done", job=job[0])
    return True


def work(stopping: Event) -> None:
    """Do jobs until told to stop; when the database is away, wait for it."""
    while not stopping.is_set():
        try:
            with connect() as database:
                while not stopping.is_set():
                    if not do_one(database):
                        stopping.wait(PAUSE)
        except psycopg.Error as error:
            log("warning", "jobs cannot be had", reason=str(error).partition("\n")[0])
            stopping.wait(PAUSE_AWAY)


def main() -> int:
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)  # for all threads: they wait for `sigwait` below
    stopping = Event()
    hands = [Thread(target=work, args=(stopping,)) for _ in range(HANDS)]
    for hand in hands:
        hand.start()
    log("info", "waiting for jobs")
    signal.sigwait(STOPS)
    stopping.set()
    for hand in hands:  # what is in hand is finished
        hand.join()
    log("info", "stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
