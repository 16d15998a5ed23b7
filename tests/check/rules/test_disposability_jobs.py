"""IX-05: jobs that are lost with their process."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

CASES = [
    bad(
        "IX-05",
        "python",
        {"c.py": "import pika\n\nchannel.basic_consume('jobs', work, auto_ack=True)\nchannel.start_consuming()\n"},
        "c.py:3",
        severity="warning",
    ),
    bad(
        "IX-05",
        "python",
        {
            "tasks.py": "import requests\nfrom celery import shared_task\n\n@shared_task\ndef fetch(url):\n"
            "    requests.get(url, timeout=60)\n"
        },
        "tasks.py:4",
        why="a job that takes long",
        severity="warning",
    ),
    bad(
        "IX-05",
        "python",
        {
            "app.py": "import queue\nfrom flask import Flask, request\napp = Flask(__name__)\njobs = queue.Queue()\n\n"
            "@app.post('/x')\ndef x():\n    jobs.put(request.json)\n    return ''\n"
        },
        "app.py:4",
        why="a queue in memory",
    ),
    ok("IX-05", "python", {"c.py": "import pika\n\nchannel.basic_consume('jobs', work)\n"}, "acknowledged by hand"),
    ok(
        "IX-05",
        "python",
        {
            "conf.py": "task_acks_late = True\n",
            "tasks.py": "import requests\nfrom celery import shared_task\n\n@shared_task\ndef fetch(url):\n"
            "    requests.get(url, timeout=60)\n",
        },
        "late for all",
    ),
    ok(
        "IX-05",
        "python",
        {
            "tests/tasks.py": "import requests\nfrom celery import shared_task\n\n@shared_task\ndef f(u):\n"
            "    requests.get(u)\n"
        },
        "a test",
    ),
    ok(
        "IX-05",
        "python",
        {"a.py": "import queue\n\ndef walk(tree):\n    todo = queue.Queue()\n    todo.put(tree)\n"},
        "a queue of one function",
    ),
    bad(
        "IX-05",
        "javascript",
        {"c.js": "const amqp = require('amqplib');\nchannel.consume('jobs', work, { noAck: true });\n"},
        "c.js:2",
    ),
    bad(
        "IX-05",
        "javascript",
        {
            "c.ts": "import amqp from 'amqplib';\n"
            "await ch.consume(name, async (m) => { await work(m); }, { noAck: true });\n"
        },
        "c.ts:2",
        why="typed",
    ),
    ok(
        "IX-05",
        "javascript",
        {"c.js": "const amqp = require('amqplib');\nchannel.consume('jobs', work, { noAck: false });\n"},
        "acknowledged by hand",
    ),
    ok(
        "IX-05",
        "javascript",
        {"c.js": "const amqp = require('amqplib');\nchannel.consume('jobs', (m) => { work(m); channel.ack(m); });\n"},
        "the default",
    ),
    ok("IX-05", "javascript", {"test/c.js": "channel.consume('jobs', work, { noAck: true });\n"}, "a test"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_jobs(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
