"""Calls over the network, and how long they may take."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tolv.check.look import Look
from tolv.check.looks.stage import for_development
from tolv.check.source import Call, Source, Value


@dataclass(frozen=True, slots=True)
class Outbound:
    """One outbound call, or the making of a client."""

    what: str
    """`requests.get`, `axios.post`."""
    limited: bool
    """A timeout is set, here or on the client."""
    certain: bool
    """Without it there is none: the library waits for ever."""
    line: int
    column: int
    function: str | None
    owner: str | None
    default: float | None = None
    """Seconds that the library waits by itself."""
    options: str | None = None
    """The function that gives the options of the call."""
    developing: bool = False
    """Only where the app is worked on."""


outbound: Look[Outbound] = Look("outbound calls")

_VERBS = ("get", "post", "put", "patch", "delete", "head", "options", "request")
_LIMITS = re.compile(r"time_?out|deadline|signal|max_?time", re.IGNORECASE)


def _seen(call: Call, what: str, *, limited: bool, certain: bool = True, default: float | None = None) -> Outbound:
    names = [n for n, k in zip(call.scope.names, call.scope.kinds, strict=True) if k == "function"]
    function = names[-1] if names else None
    where = (call.line, call.column, function, call.scope.owner)
    return Outbound(what, limited, certain, *where, default, developing=for_development(call.scope))


def _text(source: Source, call: Call) -> str:
    return "\n".join(source.lines[call.line - 1 : call.end_line])


@outbound.reads("python", words=("requests", "urlopen", "urllib3", "httplib2", "httpx", "aiohttp"))
def _python(source: Source) -> Iterator[Outbound]:
    names = [f"requests.{verb}" for verb in _VERBS]
    sessions = [f"requests.{maker}.{verb}" for maker in ("Session", "session", "sessions.Session") for verb in _VERBS]
    guarded = _mounted(source)
    for call in source.calls(*names, *sessions):
        if not call.name.startswith("requests."):
            continue
        by_session = call.name.count(".") > 1
        none = _is_none(call.keywords.get("timeout"))
        limited = ("timeout" in call.keywords and not none) or "**" in _text(source, call) or (by_session and guarded)
        yield _seen(call, f"requests.{call.last}", limited=limited)
    for call in source.calls("urllib.request.urlopen", "urllib2.urlopen"):
        if call.name.startswith("urllib"):
            limited = "timeout" in call.keywords or len(call.arguments) > 2 or "setdefaulttimeout" in str(source.data)
            yield _seen(call, "urlopen", limited=limited)
    for call in source.calls("httpx.Client", "httpx.AsyncClient", *(f"httpx.{verb}" for verb in _VERBS)):
        if call.name.startswith("httpx.") and call.name.count(".") == 1:
            none = _is_none(call.keywords.get("timeout"))
            yield _seen(call, call.name, limited=not none)
    for call in source.calls("aiohttp.ClientSession"):
        given = call.keywords.get("timeout")
        yield _seen(
            call, "aiohttp.ClientSession", limited=not _is_none(given), default=300.0 if given is None else None
        )


def _mounted(source: Source) -> bool:
    """Sessions of this file carry a timeout by an adapter or a wrapper."""
    return bool(re.search(rb"\.mount\(|functools\.partial\(|TimeoutHTTPAdapter|def send\(", source.data))


def _is_none(value: Value | None) -> bool:
    return value is not None and value.kind == "literal" and value.name == "null"


_SCRIPT = ("axios", "got", "request", "needle", "superagent", "http", "https", "fetch", "ky", "undici")
_NAMED = re.compile(r"^(axios|request|request-promise(?:-native)?|needle|got|superagent)(?:\.default)?(\.[a-z]+)?$")


@outbound.reads("javascript", words=_SCRIPT)
def _javascript(source: Source) -> Iterator[Outbound]:
    if {b"window", b"document"} <= source.words or b"XMLHttpRequest" in source.words or _is_browser(source):
        return
    libraries = ("axios", "request", "request-promise", "request-promise-native", "needle", "got", "superagent")
    verbs = [f"{library}.{verb}" for library in libraries for verb in (*_VERBS, "del", "stream")]
    default = (
        bool(re.search(rb"(axios|needle|superagent|request)\.default[s(]", source.data)) and b"timeout" in source.data
    )
    asked = {one.module for one in source.imports()}
    for call in source.calls(*libraries, *verbs):
        match = _NAMED.match(call.name)
        # A handler's parameter may be called `request` too.
        if match and call.arguments and match[1] in asked:
            maker = _maker(call)
            limited = default or (maker is None and _is_limited(source, call))
            certain = maker is None or maker.startswith("this.")
            seen = _seen(call, call.name.removesuffix(".default"), limited=limited, certain=certain)
            yield replace(seen, options=None if maker is None else maker.rpartition(".")[2])
    for call in source.calls("http.get", "http.request", "https.get", "https.request"):
        if re.match(r"(node:)?https?\.(get|request)$", call.name):
            around = "\n".join(source.lines[call.line - 1 : call.end_line + 12])
            yield _seen(call, call.name, limited=bool(_LIMITS.search(around)) or _named_limit(source, call))


def _named_limit(source: Source, call: Call) -> bool:
    """Whether options that were put aside under a name have a limit: `const options = { timeout: 2000 }`."""
    names = {one.via or one.name or "" for one in call.arguments}
    limits = (one for one in source.bindings("timeout", "signal") if one.how == "key")
    return any(
        re.search(rf"\b{re.escape(name)}\b[^=\n]*=\s*\{{", "\n".join(source.lines[max(one.line - 12, 0) : one.line]))
        for one in limits
        for name in names
        if name.isidentifier()
    )


def _is_browser(source: Source) -> bool:
    return any(one.module in ("react", "vue", "react-dom", "svelte", "@angular/core") for one in source.imports())


def _is_limited(source: Source, call: Call) -> bool:
    """A timeout among its options; what is spread or named may hold one."""
    if any(_LIMITS.search(key) for key in call.keywords) or "..." in _text(source, call):
        return True
    tail = "\n".join(source.lines[call.line - 1 : call.end_line + 3])
    if re.search(r"\.timeout\(|timeout\s*:|AbortSignal", tail):
        return True
    # `axios(options)` and `axios.request(options)` have the address among their options.
    options = call.arguments if "." not in call.name or call.last in ("request", "default") else call.arguments[1:]
    return any(
        one.kind == "name" and re.search(r"opt|conf|param|setting", one.name or "", re.IGNORECASE) for one in options
    )


def _maker(call: Call) -> str | None:
    """The function that gives axios its options."""
    at = 2 if call.last in ("post", "put", "patch") else 0 if call.last in ("axios", "request", "default") else 1
    if not call.name.startswith("axios") or len(call.arguments) <= at or call.arguments[at].kind != "call":
        return None
    return call.arguments[at].name


limiting: Look[str] = Look("functions that set a limit of time")
"""By name."""


@limiting.reads("javascript", words=("timeout", "AbortSignal", "signal"))
def _limiting(source: Source) -> Iterator[str]:
    for function in source.functions():
        if re.search(r"timeout|AbortSignal", "\n".join(source.lines[function.line - 1 : function.end_line])):
            yield function.name


@outbound.reads("go", words=("http", "oauth2", "oidc"))
def _go(source: Source) -> Iterator[Outbound]:
    simple = ("Get", "Post", "Head", "PostForm")
    for call in source.calls(*(f"net/http.{name}" for name in simple), *(f"http.{name}" for name in simple)):
        if re.match(r"(net/)?http\.\w+$", call.name) and call.written.startswith("http."):
            yield _seen(call, f"http.{call.last}", limited=False)
    for call in source.calls("net/http.Client"):
        if call.name == "net/http.Client":
            later = bool(re.search(r"\.Timeout\s*=", _after(source, call)))
            # A transport of its own may limit each connection.
            transport = "Transport" in call.keywords
            limited = (
                "Timeout" in call.keywords
                or later
                or _by_context(source, call)
                or (transport and b"Timeout" in b" ".join(source.words))
            )
            yield _seen(call, "http.Client", limited=limited, certain=not transport)

    # The context carries the client: without oauth2.HTTPClient, or a deadline, it is the default one.
    given = re.search(rb"oauth2\.HTTPClient|oidc\.ClientContext|context\.WithTimeout|WithDeadline", source.data)
    if not given and not source.words.isdisjoint((b"oauth2", b"oidc")):
        names = (".Exchange", "oidc.NewProvider", ".Client", ".UserInfo")
        own = tuple(f"{one.module}." for one in source.imports() if not _OAUTH_LIBRARY.search(one.module))
        for call in source.calls(*names):
            if call.name.startswith(own):
                continue  # a package of the app's that is called like the library
            if re.search(r"oauth2|oidc", call.name) or _makes_oauth(source, call):
                yield _seen(call, f"{call.written}", limited=False)


_OAUTH_LIBRARY = re.compile(r"^golang\.org/x/oauth2(?:/|$)|/(?:go-)?oidc(?:/|$)")


def _by_context(source: Source, call: Call) -> bool:
    """The function that makes the client gives its requests a context with a deadline."""
    around = [one for one in source.functions() if one.line <= call.line <= one.end_line]
    if not around:
        return False
    function = max(around, key=lambda one: one.line)
    text = "\n".join(source.lines[function.line - 1 : function.end_line])
    return bool(re.search(r"context\.With(?:Timeout|Deadline)\(", text)) and bool(
        re.search(r"NewRequestWithContext\(|\.WithContext\(", text)
    )


def _makes_oauth(source: Source, call: Call) -> bool:
    """A configuration of a helper in the same file: `conf := p.Config()`, `conf.Exchange(ctx, code)`."""
    return call.last in ("Exchange", "Client") and len(call.arguments) > 1 and b"oauth2.Config" in source.data


def _after(source: Source, call: Call) -> str:
    return "\n".join(source.lines[call.line - 1 : call.end_line + 10])


_RUBY_LIMITS = re.compile(r"time_?out|:open_timeout|max_time", re.IGNORECASE)


@outbound.reads("ruby", words=("HTTParty", "Net", "RestClient", "Faraday", "URI", "Excon", "HTTP", "Typhoeus"))
def _ruby(source: Source) -> Iterator[Outbound]:
    names = [f"{library}.{verb}" for library in ("HTTParty", "RestClient", "Excon", "Typhoeus") for verb in _VERBS]
    own = ("Net.HTTP.get", "Net.HTTP.get_response", "Net.HTTP.post", "Net.HTTP.post_form", "Net.HTTP.start")
    default = bool(re.search(rb"default_timeout|default_options|Excon\.defaults", source.data))
    for call in source.calls(*names, *own, "Faraday.new", "Faraday.get", "Faraday.post"):
        if not re.match(r"(HTTParty|RestClient|Excon|Typhoeus|Net\.HTTP|Faraday)\.", call.name):
            continue
        around = "\n".join(source.lines[call.line - 1 : call.end_line + 4])
        limited = default or bool(_RUBY_LIMITS.search(around)) or "**" in _text(source, call)
        made = call.written.partition(".")[0] not in ("HTTParty", "RestClient", "Excon", "Typhoeus", "Net", "Faraday")
        endless = call.last == "start" and _says_limit(source, call, _RUBY_STREAMS)
        said = made and (_says_limit(source, call, _RUBY_LIMITS) or _made_with_limit(source, call))
        yield _seen(call, call.written, limited=limited or endless or said)


def _made_with_limit(source: Source, call: Call) -> bool:
    """Whether the client of a call is an object's own, and made with a limit elsewhere in the file."""
    name = call.written.partition(".")[0]
    if not name.startswith("@"):
        return False
    made = re.compile(rf"^\s*{re.escape(name)}\s*(?:\|\|)?=\s")
    rows = [row for row, line in enumerate(source.lines) if made.match(line)]
    return any(_RUBY_LIMITS.search("\n".join(source.lines[row : row + 5])) for row in rows)


#: What is read for as long as the other side has something to say.
_RUBY_STREAMS = re.compile(r"text/event-stream|\bread_body\s+(?:do\b|\{)")


def _says_limit(source: Source, call: Call, limit: re.Pattern[str]) -> bool:
    """Whether the function around names a limit: for the client that it made, or among options that it put aside."""
    around = [one for one in source.functions() if one.line <= call.line <= one.end_line]
    function = max(around, key=lambda one: one.line, default=None)
    return (
        function is not None
        and limit.search("\n".join(source.lines[function.line - 1 : function.end_line])) is not None
    )


@outbound.reads("php", words=("curl_init", "curl_exec", "Guzzle", "GuzzleHttp", "SoapClient"))
def _php(source: Source) -> Iterator[Outbound]:
    functions = source.functions()
    for call in source.calls("curl_exec"):
        spans = [(one.end_line - one.line, one.line, one.end_line) for one in functions]
        holding = [one for one in spans if one[1] <= call.line <= one[2]]
        first, last = min(holding)[1:] if holding else (1, len(source.lines))
        text = "\n".join(source.lines[first - 1 : last])
        limited = bool(re.search(r"CURLOPT_TIMEOUT|CURLOPT_LOW_SPEED_TIME|curl_setopt_array\([^,]+,\s*\$", text))
        yield _seen(call, "curl_exec", limited=limited or b"CURLOPT_TIMEOUT" in source.data)
    for call in source.calls("GuzzleHttp.Client"):
        if call.name == "GuzzleHttp.Client":
            named = any(one.kind in ("name", "call", "unknown") for one in call.arguments)
            yield _seen(
                call,
                "GuzzleHttp\\Client",
                limited="timeout" in call.keywords or named or _says_limit(source, call, _PHP_LIMITS),
            )


_PHP_LIMITS = re.compile(r"['\"](?:connect_)?timeout['\"]\s*=>|RequestOptions::(?:CONNECT_)?TIMEOUT")


@outbound.reads("java", words=("RestTemplate", "HttpClient", "OkHttpClient", "HttpClients"))
def _java(source: Source) -> Iterator[Outbound]:
    limits = re.search(
        rb"setConnectTimeout|setReadTimeout|connectTimeout|readTimeout|callTimeout|\.timeout\(", source.data
    )
    for call in source.calls("RestTemplate", "HttpClient.newHttpClient"):
        if call.written.startswith("new RestTemplate") or call.last in ("RestTemplate", "newHttpClient"):
            bare = not call.arguments
            yield _seen(call, call.last, limited=bool(limits) or not bare)
