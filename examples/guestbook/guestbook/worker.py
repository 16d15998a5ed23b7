"""The worker: answers each new entry. The table is its queue, so an entry is never lost, whoever dies when."""

import signal
from threading import Event

from sqlalchemy import Engine, select, update
from sqlalchemy.exc import OperationalError

from guestbook.database import connect, entries

#: Seconds between two looks at an empty queue.
PAUSE = 1.0


def main() -> None:
    stopping = Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    signal.signal(signal.SIGINT, lambda *_: stopping.set())
    store = connect()
    print("waiting for entries")
    while not stopping.is_set():
        try:
            if not answer_one(store):
                stopping.wait(PAUSE)
        except OperationalError as error:
            print(f"the database is away: {error.orig}")
            stopping.wait(5 * PAUSE)
    print("stopped, nothing left half done")


def answer_one(store: Engine) -> bool:
    """Answer the oldest entry that has no answer; False when there is none.

    Read and answer are one transaction: a worker that dies in between leaves the entry to the next. On PostgreSQL
    `SKIP LOCKED` lets several workers share the queue; on SQLite the condition on the update does.
    """
    waiting = select(entries).where(entries.c.answer.is_(None)).order_by(entries.c.id).limit(1)
    with store.begin() as connection:
        entry = connection.execute(waiting.with_for_update(skip_locked=True)).first()
        if entry is None:
            return False
        answered = update(entries).where(entries.c.id == entry.id, entries.c.answer.is_(None))
        connection.execute(answered.values(answer=answer(entry.name, entry.message)))
    print(f"answered {entry.name}")
    return True


def answer(name: str, message: str) -> str:
    words = len(message.split())
    return f"Thank you, {name}, for {words} {'word' if words == 1 else 'words'}."


if __name__ == "__main__":
    main()
