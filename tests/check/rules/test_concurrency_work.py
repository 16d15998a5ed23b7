"""VIII-06, VIII-07: slow work in requests, and jobs that may run twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from check.harness import Case, bad, ok

_POST = (
    "import smtplib, subprocess, time\nfrom flask import Flask\napp = Flask(__name__)\n\n@app.post('/x')\ndef x():\n"
)
_EXPRESS = "const app = require('express')();\nconst cp = require('child_process');\n"
_STRIPE = "import stripe\nfrom celery import shared_task\n\n"

CASES = [
    bad("VIII-06", "python", {"a.py": _POST + "    smtplib.SMTP(host).send_message(m)\n"}, "a.py:7", severity="note"),
    bad("VIII-06", "python", {"a.py": _POST + "    subprocess.run(['ffmpeg', 'a'])\n"}, "a.py:7", why="a program"),
    bad("VIII-06", "python", {"a.py": _POST + "    time.sleep(5)\n"}, "a.py:7", why="a sleep"),
    ok("VIII-06", "python", {"a.py": _POST + "    time.sleep(0.1)\n"}, "a short sleep"),
    ok("VIII-06", "python", {"a.py": _POST + "    return ''\n\ndef job():\n    subprocess.run(['x'])\n"}, "no handler"),
    ok("VIII-06", "python", {"tests/a.py": _POST + "    time.sleep(5)\n"}, "a test"),
    bad(
        "VIII-06",
        "javascript",
        {"a.js": _EXPRESS + "app.post('/x', (req, res) => {\n  cp.execSync('convert a b');\n});\n"},
        "a.js:4",
    ),
    bad(
        "VIII-06",
        "javascript",
        {
            "a.js": _EXPRESS + "app.post('/x', async (req, res) => {\n"
            "  await transport.sendMail({ to: req.body.to });\n});\n"
        },
        "a.js:4",
        why="a mail",
    ),
    ok(
        "VIII-06",
        "javascript",
        {"a.js": _EXPRESS + "cp.execSync('x');\napp.get('/', (q, r) => r.send('x'));\n"},
        "at load",
    ),
    ok(
        "VIII-06",
        "javascript",
        {"a.js": _EXPRESS + "app.post('/x', (req, res) => {\n  mails.add({ to: req.body.to });\n});\n"},
        "it is queued",
    ),
    ok(
        "VIII-06",
        "javascript",
        {"test/a.js": _EXPRESS + "app.post('/x', (req) => {\n  cp.execSync('x');\n});\n"},
        "a test",
    ),
    bad(
        "VIII-07",
        "python",
        {
            "t.py": _STRIPE + "@shared_task(autoretry_for=(Exception,))\ndef pay(o):\n"
            "    stripe.Charge.create(amount=o)\n"
        },
        "t.py:6",
        severity="warning",
    ),
    bad(
        "VIII-07",
        "python",
        {"t.py": _STRIPE + "@shared_task(acks_late=True)\ndef pay(o):\n    stripe.PaymentIntent.create(amount=o)\n"},
        "t.py:6",
        why="acknowledged late",
    ),
    ok(
        "VIII-07",
        "python",
        {
            "t.py": _STRIPE + "@shared_task(acks_late=True)\ndef pay(o):\n"
            "    stripe.Charge.create(amount=o, idempotency_key=str(o))\n"
        },
        "a key",
    ),
    ok(
        "VIII-07",
        "python",
        {
            "t.py": _STRIPE + "@shared_task(acks_late=True)\ndef pay(o):\n    if o.paid:\n        return\n"
            "    stripe.Charge.create(amount=o)\n"
        },
        "a record",
    ),
    ok("VIII-07", "python", {"t.py": _STRIPE + "def pay(o):\n    stripe.Charge.create(amount=o)\n"}, "no job"),
    bad(
        "VIII-07",
        "javascript",
        {
            "w.js": "const { Worker } = require('bullmq');\nnew Worker('pay', async (job) => {\n"
            "  await stripe.charges.create({ amount: job.data });\n});\n"
        },
        "w.js:3",
    ),
    bad(
        "VIII-07",
        "javascript",
        {
            "w.ts": "import { Worker } from 'bullmq';\nnew Worker('pay', async (job) => {\n"
            "  return stripe.refunds.create({ charge: job.data });\n});\n"
        },
        "w.ts:3",
        why="a refund",
    ),
    ok(
        "VIII-07",
        "javascript",
        {
            "w.js": "const { Worker } = require('bullmq');\nnew Worker('pay', async (job) => {\n"
            "  await stripe.charges.create({ amount: 1 }, { idempotencyKey: job.id });\n});\n"
        },
        "a key",
    ),
    ok(
        "VIII-07",
        "javascript",
        {"w.js": "const { Worker } = require('bullmq');\nnew Worker('x', async (j) => read(j));\n"},
        "a read",
    ),
    ok(
        "VIII-07",
        "javascript",
        {
            "test/w.js": "const { Worker } = require('bullmq');\nnew Worker('p', async (j) => {\n"
            "  stripe.charges.create(j);\n});\n"
        },
        "a test",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_work(case: Case, tmp_path: Path) -> None:
    case.run(tmp_path)
