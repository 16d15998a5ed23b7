"""VIII Concurrency: work in the wrong place, and work that is done twice (VIII-06, VIII-07)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tolv.check.looks.of_names import calls_look
from tolv.check.looks.queues import queues
from tolv.check.looks.reach import requests_of, unfollowed
from tolv.check.looks.routes import routes
from tolv.check.model import CannotTell, Finding, NotApplicable, Outcome, Severity, Witness
from tolv.check.rule import rule
from tolv.check.source import Call
from tolv.check.unit import Unit

slow_work = calls_look(
    "slow work",
    {
        "python": (
            *("smtplib.SMTP", "smtplib.SMTP_SSL", "flask_mail.Mail.send", "mail.send", "django.core.mail.send_mail"),
            *(
                "send_mass_mail",
                "subprocess.run",
                "subprocess.call",
                "subprocess.check_call",
                "subprocess.check_output",
            ),
            *(
                "os.system",
                "time.sleep",
                "weasyprint.HTML",
                "pdfkit.from_string",
                "pdfkit.from_url",
                "pdfkit.from_file",
            ),
            *("send_mail", "yagmail.SMTP", "ffmpeg.run", "moviepy.editor.VideoFileClip"),
        ),
        "javascript": (
            *(".sendMail", "puppeteer.launch", "child_process.execSync", "child_process.spawnSync", "sgMail.send"),
            *("execSync", "spawnSync", "execFileSync", "html-pdf.create", "ffmpeg", "fluent-ffmpeg"),
        ),
    },
)
_MAIL = re.compile(r"SMTP|mail", re.IGNORECASE)
_SHORTEST = 1.0


def _what(call: Call) -> str | None:
    """What takes long, in words; None: it does not."""
    name = call.name
    if name.endswith("sleep"):
        given = call.argument(0)
        text = given.text if given is not None and given.kind == "literal" else None
        try:
            return f"a sleep of {text} s" if text is not None and float(text) > _SHORTEST else None
        except ValueError:
            return None
    if _MAIL.search(name) and not re.search(r"validate|parse|queue|delay|async|enqueue", name, re.IGNORECASE):
        return "a mail" if not name.startswith(("re.", "email.")) else None
    if re.search(r"subprocess|os\.system|execSync|spawnSync|execFileSync", name):
        return "another program"
    if re.search(r"weasyprint|pdfkit|puppeteer|html-pdf", name):
        return "a document that is rendered"
    return "a conversion of media" if re.search(r"ffmpeg|moviepy", name) else None


@rule(
    "VIII-06",
    severity="note",
    materials=("python", "javascript"),
    looks=(slow_work, routes),
    title="Slow work is done while a request waits",
    why="A handful of such requests occupies every web process, and the others wait behind them.",
    fix="Queue the work, answer at once, and let a worker process do it.",
    bad="@app.post('/signup')\ndef signup():\n    smtplib.SMTP(host).send_message(welcome)",
    good="@app.post('/signup')\ndef signup():\n    queue.enqueue(send_welcome, user.id)",
    source="https://12factor.net/concurrency",
    probe="VIII-P1",
)
def slow_requests(unit: Unit) -> Iterator[Outcome]:
    requests = requests_of(unit)
    if not requests:
        yield NotApplicable("no request handler was found")
        return
    found = False
    for seen in unit.seen(slow_work, "prod"):
        call = seen.what
        what = _what(call)
        names = [n for n, k in zip(call.scope.names, call.scope.kinds, strict=True) if k == "function"]
        way = requests.way_to(seen.path, call.line, names[-1] if names else None, call.scope.owner)
        if what is None or way is None:
            continue
        found = True
        place = unit.place(seen.path, call.line, call.column)
        yield Finding(f"{way} waits for {what}", place, subject=call.name)
    if not found and (language := unfollowed(unit, slow_work)):
        yield CannotTell(f"slow work of handlers in {language.capitalize()} is not followed")
    elif not found:
        yield NotApplicable("no handler does work that is known to be slow")


@rule(
    "VIII-07",
    severity="warning",
    materials=("python", "javascript"),
    looks=(queues,),
    title="A job that may run twice does something that must happen once",
    why="Queues deliver again after a crash or a timeout: the customer pays twice.",
    fix="Give the side effect an idempotency key made of the job's id, or record that it was done before repeating it.",
    bad="@shared_task(autoretry_for=(Exception,))\ndef charge(order):\n    stripe.Charge.create(amount=order.total)",
    good="@shared_task(autoretry_for=(Exception,))\ndef charge(order):\n"
    "    stripe.Charge.create(amount=order.total, idempotency_key=f'order-{order.id}')",
    source="https://12factor.net/concurrency",
    probe="VIII-P4",
)
def done_twice(unit: Unit) -> Iterator[Outcome]:
    jobs = [one for one in unit.seen(queues, "prod") if one.what.kind == "job"]
    if not jobs:
        yield NotApplicable("no job was found")
        return
    late = any(one.what.kind == "setting" for one in unit.seen(queues, "prod"))
    found = False
    for seen in jobs:
        one = seen.what
        if one.charges is None:
            continue
        found = True
        level: Severity | None = None if one.retried or one.late or late else "note"
        name = one.name or "the job"
        place = unit.place(seen.path, one.charges)
        also = (unit.place(seen.path, one.line),)
        yield Finding(
            f"{name} takes money without a key that makes it happen once", place, level, also=also, subject=name
        )
    if not found and all(one.what.charges is None for one in jobs):
        first = jobs[0]
        yield Witness("no job that may be repeated takes money unguarded", unit.place(first.path, first.what.line))
