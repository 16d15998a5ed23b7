"""VI Processes: requests that must come back to the same process (VI-09)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tolv.check.model import Finding, NotApplicable, Outcome, Severity
from tolv.check.rule import rule
from tolv.check.unit import Unit

_FILES = ("*.conf", "*.cfg", "*.yml", "*.yaml", "*.tf", "*.toml", "*.conf.template", "*.tpl", "*.json", "*.nginx")
_STICKY = (
    (re.compile(r"^\s*ip_hash\s*;"), "ip_hash"),
    (re.compile(r"^\s*sticky\s+(cookie|route|learn)\b"), "sticky"),
    (re.compile(r"^\s*hash\s+\$(remote_addr|cookie_\w+|binary_remote_addr)"), "hash"),
    (re.compile(r"^\s*[\"']?sessionAffinity[\"']?:\s*[\"']?ClientIP"), "sessionAffinity"),
    (re.compile(r"ingress\.kubernetes\.io/affinity[\"']?:\s*[\"']?(cookie|true)"), "affinity"),
    (re.compile(r"traefik\.[\w.-]*sticky[\w.]*[=:]\s*[\"']?true|loadbalancer\.sticky(\.cookie)?=true", re.I), "sticky"),
    (re.compile(r"^\s*cookie\s+\S+\s+(insert|prefix|rewrite)\b"), "cookie"),
    (re.compile(r"^\s*balance\s+source\b"), "balance source"),
    (re.compile(r"^\s*type\s*=\s*\"(lb_cookie|app_cookie|source_ip)\""), "stickiness"),
    (re.compile(r"session_affinity\s*=\s*\"(CLIENT_IP|GENERATED_COOKIE)"), "session_affinity"),
)
_WORDS = re.compile(r"ip_hash|sticky|affinity|cookie|balance|hash \$", re.IGNORECASE)
#: Their first requests must meet the same process, whatever the app keeps.
_SOCKETS = ("socket.io", "flask-socketio", "python-socketio", "sockjs", "ws", "channels", "django-channels")


@rule(
    "VI-09",
    severity="warning",
    materials=("manifests",),
    title="Requests of a user are bound to one process",
    why="The app relies on what one process remembers: a deploy or a crash of that process logs its users out.",
    fix="Keep sessions in a shared store or a signed cookie, and take the affinity out.",
    bad="upstream app {\n    ip_hash;\n    server app1:8000;\n}",
    good="upstream app {\n    server app1:8000;\n}",
    source="https://12factor.net/processes",
    probe="VI-P1",
)
def sticky_sessions(unit: Unit) -> Iterator[Outcome]:
    found = False
    sockets = next((one for one in _SOCKETS if unit.uses(one)), None)
    for file in unit.named(*_FILES):
        if file.context != "prod" or file.size > 1 << 20:
            continue
        text = unit.text(file.path) or ""
        if not _WORDS.search(text):
            continue
        for number, line in enumerate(text.splitlines(), start=1):
            name = next((name for pattern, name in _STICKY if len(line) < 500 and pattern.search(line)), None)
            if name is not None:
                found = True
                level: Severity | None = "note" if sockets else None
                message = f"{name} sends each user to the same process again"
                message += f", which {sockets} needs for its handshake" if sockets else ""
                yield Finding(message, unit.place(file.path, number), level, subject=name)
    if not found:
        yield NotApplicable("no load balancer is configured to keep users on one process")
