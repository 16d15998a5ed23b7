"""The server's API, as the commands call it: one HTTP request over the home's unix socket each.

A server that is not there is started first; two commands at once start one.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from tolv.cli.http import CutShort, Response, connect, request
from tolv.errors import PlatformError, TolvError, error_from_dict
from tolv.home import Home, socket_address

#: Seconds that a question may take; acts and streams last as long as they last.
_ANSWER_DEADLINE = 60.0

Event = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """How an act ended: what it made, and the error when the app fell short of it. A failed release has both."""

    value: Any
    error: TolvError | None


class Api:
    """The server of one home. `announce` hears that a server had to be started."""

    def __init__(self, home: Home, announce: Callable[[str], None]) -> None:
        self.home = home
        self._announce = announce

    def get(self, path: str, /, **query: Any) -> Any:
        """The JSON at `path`. Raises the `TolvError` that the server answers with."""
        response = self._send("GET", path, query, deadline=_ANSWER_DEADLINE)
        return _parsed(self._body(response))

    def post(self, path: str, body: Any) -> Any:
        """Send `body` to `path` and return the JSON that answers it. Raises as `get` does."""
        return _parsed(self._body(self._send("POST", path, {}, body=body, deadline=_ANSWER_DEADLINE)))

    def act(
        self,
        method: str,
        path: str,
        body: Any,
        progress: Callable[[Event], None],
        /,
        *,
        start: bool = True,
        **query: Any,
    ) -> Outcome:
        """Have something done: each event of its progress goes to `progress`, the result is returned."""
        for event in self._stream(self._send(method, path, query, body=body, start=start)):
            if event.get("event") == "result":
                error = event.get("error")
                return Outcome(event.get("value"), error_from_dict(error) if error else None)
            progress(event)
        raise self._lost()

    def lines(self, path: str, /, **query: Any) -> Iterator[Event]:
        """A stream of JSON lines, each as it comes. Raises `CutShort` when the server goes away."""
        return self._stream(self._send("GET", path, query), raw=True)

    def status(self) -> dict[str, Any] | None:
        """What the server says of itself; None when none runs. Starts nothing."""
        try:
            connection = connect(socket_address(self.home.server_socket))
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        except OSError as error:
            raise self._refused(error) from None
        connection.settimeout(_ANSWER_DEADLINE)
        try:
            answer: dict[str, Any] = _parsed(self._body(request(connection, "GET", "/v1/server")))
        except OSError as error:
            raise self._lost() from error
        return answer

    def _send(
        self,
        method: str,
        path: str,
        query: dict[str, Any],
        *,
        body: Any = None,
        deadline: float | None = None,
        start: bool = True,
    ) -> Response:
        asked = {name: _word(value) for name, value in query.items() if value is not None}
        connection = self._connect(start)
        connection.settimeout(deadline)
        try:
            return request(connection, method, f"{path}?{urlencode(asked)}" if asked else path, body)
        except OSError as error:
            raise self._lost() from error

    def _connect(self, start: bool) -> socket.socket:
        try:
            try:
                return connect(socket_address(self.home.server_socket))
            except (FileNotFoundError, ConnectionRefusedError):
                if not start:
                    raise PlatformError("the Tolv server does not run", remedy="tolv server start") from None
                from tolv.cli.start import start_server

                if pid := start_server(self.home, self.status):
                    self._announce(f"started the Tolv server (pid {pid})")
                return connect(socket_address(self.home.server_socket))
        except OSError as error:
            raise self._refused(error) from None

    def _body(self, response: Response) -> bytes:
        try:
            body = response.body()
        except OSError as error:
            raise self._lost() from error
        if response.status >= 400:
            raise _error(response.status, body)
        return body

    def _stream(self, response: Response, *, raw: bool = False) -> Iterator[Event]:
        if response.status >= 400:
            self._body(response)
        try:
            for line in response.lines():
                if line:
                    yield _parsed(line)
        except OSError as error:
            if raw:
                raise CutShort(str(error)) from error
            raise self._lost() from error

    def _lost(self) -> PlatformError:
        return PlatformError(
            "the Tolv server went away before it answered",
            where=str(self.home.server_log),
            remedy="`tolv ps` starts it again and shows where things stand; the log says what happened",
        )

    def _refused(self, error: OSError) -> PlatformError:
        return PlatformError(
            f"the Tolv server cannot be reached: {error.strerror or error}",
            where=str(self.home.server_socket),
            remedy="run tolv as the user who owns this home, or set TOLV_HOME to your own",
        )


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        text = content.decode("utf-8", "backslashreplace").strip()[:100]
        raise PlatformError(
            f"what answers is no Tolv server: it said {text!r}", remedy="see what has the socket: `tolv server status`"
        ) from None


def _error(status: int, body: bytes) -> TolvError:
    try:
        described = json.loads(body)["error"]
        return error_from_dict(described)
    except (ValueError, KeyError, TypeError, AttributeError):
        text = body.decode("utf-8", "backslashreplace").strip()[:500]
        return PlatformError(f"the Tolv server answered {status}: {text}", remedy="`tolv server status` shows its log")
