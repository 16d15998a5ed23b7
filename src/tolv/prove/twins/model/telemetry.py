"""What can be seen of the app from outside: events on stdout, counts for Prometheus, spans for OpenTelemetry."""

import json
import os
import sys
from collections import Counter
from datetime import UTC, datetime
from queue import Empty, Full, Queue
from threading import Lock, Thread
from urllib.request import Request, urlopen

from config import LEVELS, LOG_LEVEL, OTLP_ENDPOINT, SERVICE_NAME


def log(level: str, event: str, **fields: object) -> None:
    """One event, one line of JSON on stdout, there at once."""
    if LEVELS.index(level) >= LEVELS.index(LOG_LEVEL):
        time = datetime.now(UTC).isoformat(timespec="milliseconds")
        process = os.environ.get("TOLV_PROCESS", "")
        line = {"time": time, "level": level, "event": event, "service": SERVICE_NAME, "process": process, **fields}
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


class Metrics:
    """Requests and their seconds, of this process alone: who scrapes it adds them up."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._requests: Counter[tuple[str, int]] = Counter()
        self._seconds = 0.0

    def count(self, method: str, status: int, seconds: float) -> None:
        with self._lock:
            self._requests[method, status] += 1
            self._seconds += seconds

    def text(self) -> str:
        """In Prometheus's format."""
        with self._lock:
            lines = ["# TYPE http_requests_total counter"]
            for (method, status), number in sorted(self._requests.items()):
                lines.append(f'http_requests_total{{method="{method}",status="{status}"}} {number}')
            lines += ["# TYPE http_request_duration_seconds summary"]
            lines += [f"http_request_duration_seconds_sum {self._seconds:.6f}"]
            lines += [f"http_request_duration_seconds_count {sum(self._requests.values())}"]
        return "\n".join(lines) + "\n"


class Spans:
    """Sends spans on from a thread. They are dropped rather than that a request waits, or fails, for them."""

    def __init__(self) -> None:
        self._waiting: Queue[dict[str, object] | None] = Queue(1000)
        self._thread = Thread(target=self._send, daemon=True)
        if OTLP_ENDPOINT:
            self._thread.start()

    def add(self, name: str, ids: dict[str, str], start: int, end: int, attributes: dict[str, str | int]) -> None:
        """A request that was answered. `ids` has traceId, spanId and parentSpanId; times are nanoseconds."""
        described = [
            {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}
            for key, value in attributes.items()
        ]
        times = {"startTimeUnixNano": str(start), "endTimeUnixNano": str(end)}
        if OTLP_ENDPOINT:
            self._put({"name": name, "kind": 2, **ids, **times, "attributes": described})

    def close(self) -> None:
        """Send what waits, for a second at most."""
        if OTLP_ENDPOINT:
            self._put(None)
            self._thread.join(1)

    def _put(self, span: dict[str, object] | None) -> None:
        try:
            self._waiting.put_nowait(span)
        except Full:
            log("warning", "a span is dropped")

    def _send(self) -> None:
        service = {"attributes": [{"key": "service.name", "value": {"stringValue": SERVICE_NAME}}]}
        while (span := self._waiting.get()) is not None:
            batch = [span]
            try:
                while len(batch) < 100 and (span := self._waiting.get_nowait()) is not None:
                    batch.append(span)
            except Empty:
                pass
            spans = {"resource": service, "scopeSpans": [{"scope": {"name": "notes"}, "spans": batch}]}
            body = json.dumps({"resourceSpans": [spans]}).encode()
            headers = {"Content-Type": "application/json"}
            try:
                urlopen(Request(f"{OTLP_ENDPOINT}/v1/traces", body, headers), timeout=2).close()
            except OSError as error:
                log("warning", "spans are dropped", spans=len(batch), reason=str(error))
            if span is None:
                return


metrics = Metrics()
spans = Spans()
