"""The spine: the twelve factors (Wiggins, Heroku, 2011, 12factor.net) and the four that came after (Hoffman, 2016)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Factor:
    """One factor: its place in the order (1 to 16), its numeral, a slug, a title and the rule in one line."""

    number: int
    numeral: str
    slug: str
    title: str
    rule: str

    @property
    def label(self) -> str:
        """What rules, probes and reports call it: its numeral, and after the twelfth API, TEL, SEC, HLT."""
        return _LABELS.get(self.slug, self.numeral)


_LABELS = {"api-first": "API", "telemetry": "TEL", "security": "SEC", "health-checks": "HLT"}

FACTORS: tuple[Factor, ...] = (
    Factor(1, "I", "codebase", "Codebase", "One codebase tracked in revision control, many deploys"),
    Factor(2, "II", "dependencies", "Dependencies", "Declare and isolate dependencies explicitly"),
    Factor(3, "III", "config", "Config", "Keep in the environment what varies between deploys"),
    Factor(4, "IV", "backing-services", "Backing services", "Treat backing services as attached resources"),
    Factor(
        5,
        "V",
        "build-release-run",
        "Build, release, run",
        "Separate the build, release and run stages strictly",
    ),
    Factor(6, "VI", "processes", "Processes", "Run the app as stateless processes that share nothing"),
    Factor(7, "VII", "port-binding", "Port binding", "Export services by binding a port"),
    Factor(8, "VIII", "concurrency", "Concurrency", "Scale out by adding processes of each type"),
    Factor(9, "IX", "disposability", "Disposability", "Start fast, stop gracefully, survive sudden death"),
    Factor(10, "X", "parity", "Dev/prod parity", "Keep development, staging and production alike"),
    Factor(11, "XI", "logs", "Logs", "Write logs as an unbuffered stream of events to stdout"),
    Factor(12, "XII", "admin-processes", "Admin processes", "Run admin tasks as one-off processes of a release"),
    Factor(13, "XIII", "api-first", "API first", "Define the service's contract before its code"),
    Factor(14, "XIV", "telemetry", "Telemetry", "Emit metrics, traces and events that an operator can read"),
    Factor(15, "XV", "security", "Security", "Authenticate, authorise and protect what the app handles"),
    Factor(16, "XVI", "health-checks", "Health checks", "Answer whether the app is ready and alive"),
)
