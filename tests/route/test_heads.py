"""What is refused because two servers could read it in two ways, and what is passed on."""

from __future__ import annotations

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tolv.route.fields import BadMessage
from tolv.route.heads import read_request, read_response

HOST = b"Host: app.localhost\r\n"
LIMIT = 16 * 1024

REFUSED = {
    "content-length and transfer-encoding": b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
    "transfer-encoding and content-length": b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
    "two transfer-encodings": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    "transfer-encoding identity": b"Transfer-Encoding: identity\r\n",
    "transfer-encoding of two codings": b"Transfer-Encoding: gzip, chunked\r\n",
    "chunked not last": b"Transfer-Encoding: chunked, identity\r\n",
    "transfer-encoding misspelt": b"Transfer-Encoding: xchunked\r\n",
    "transfer-encoding with vertical tab": b"Transfer-Encoding: \x0bchunked\r\n",
    "transfer-encoding quoted": b'Transfer-Encoding: "chunked"\r\n',
    "duplicate differing content-length": b"Content-Length: 3\r\nContent-Length: 4\r\n",
    "duplicate equal content-length": b"Content-Length: 3\r\nContent-Length: 3\r\n",
    "list of content-lengths": b"Content-Length: 3, 3\r\n",
    "signed content-length": b"Content-Length: +3\r\n",
    "negative content-length": b"Content-Length: -3\r\n",
    "hexadecimal content-length": b"Content-Length: 0x3\r\n",
    "content-length with underscore": b"Content-Length: 1_0\r\n",
    "empty content-length": b"Content-Length: \r\n",
    "content-length beyond 64 bits": b"Content-Length: 99999999999999999999\r\n",
    "space before the colon": b"Content-Length : 3\r\n",
    "tab before the colon": b"Transfer-Encoding\t: chunked\r\n",
    "space before the name": b" Content-Length: 3\r\n",
    "folded line": b"X-A: 1\r\n folded\r\n",
    "folded line with tab": b"X-A: 1\r\n\tfolded\r\n",
    "bare line feed": b"X-A: 1\nContent-Length: 3\r\n",
    "bare carriage return": b"X-A: 1\rContent-Length: 3\r\n",
    "NUL in a value": b"X-A: a\x00b\r\n",
    "NUL in a name": b"X-\x00A: b\r\n",
    "control character in a value": b"X-A: a\x01b\r\n",
    "DEL in a value": b"X-A: a\x7fb\r\n",
    "no colon": b"X-A\r\n",
    "empty name": b": x\r\n",
    "name with a non-ASCII byte": b"X-\xc3\xa9: x\r\n",
    "second host": b"Host: other.localhost\r\n",
    "same host twice": HOST,
    "underscore twin of content-length": b"Content_Length: 3\r\n",
    "underscore twin of transfer-encoding": b"Transfer_Encoding: chunked\r\n",
    "underscore twin of x-forwarded-for": b"X_Forwarded_For: 10.0.0.1\r\n",
    "form feed in a value": b"X-A: a\x0cb\r\n",
    "escape in a value": b"X-A: a\x1bb\r\n",
    "brackets in a name": b"X[A]: b\r\n",
    "colon alone": b":\r\n",
    "content-length with a comma": b"Content-Length: 3,\r\n",
    "content-length with a fraction": b"Content-Length: 3.0\r\n",
    "content-length in other digits": "Content-Length: \u0663\r\n".encode(),
    "transfer-encoding with a parameter": b"Transfer-Encoding: chunked;q=1\r\n",
    "transfer-encoding empty": b"Transfer-Encoding: \r\n",
    "transfer-encoding with NUL": b"Transfer-Encoding: chunked\x00\r\n",
    "underscore twin of host": b"Transfer_Encoding: chunked\r\nX_Forwarded_Host: a\r\n",
    "connection that names transfer-encoding": b"Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n",
    "connection that names host": b"Connection: close, Host\r\n",
    "connection that names content-length": b"Connection: content-length\r\nContent-Length: 3\r\n",
}


@pytest.mark.parametrize("fields", REFUSED.values(), ids=REFUSED.keys())
def test_ambiguous_fields_are_refused_with_400(fields: bytes) -> None:
    with pytest.raises(BadMessage) as refusal:
        read_request(b"POST / HTTP/1.1\r\n" + HOST + fields + b"\r\n", LIMIT)
    assert refusal.value.status == 400


BAD_LINES = {
    "no version": (b"GET /", 400),
    "HTTP/0.9": (b"GET / HTTP/0.9", 505),
    "HTTP/2": (b"GET / HTTP/2.0", 505),
    "lower-case version": (b"GET / http/1.1", 400),
    "two spaces": (b"GET  / HTTP/1.1", 400),
    "space in target": (b"GET /a b HTTP/1.1", 400),
    "tab as separator": (b"GET\t/ HTTP/1.1", 400),
    "trailing space": (b"GET / HTTP/1.1 ", 400),
    "leading space": (b" GET / HTTP/1.1", 400),
    "NUL in target": (b"GET /\x00 HTTP/1.1", 400),
    "fragment": (b"GET /a#b HTTP/1.1", 400),
    "bare line feed": (b"GET / HTTP/1.1\nX: y", 400),
    "relative target": (b"GET index.html HTTP/1.1", 400),
    "star for GET": (b"GET * HTTP/1.1", 400),
    "absolute form of another host": (b"GET http://other.localhost/ HTTP/1.1", 400),
    "absolute form with user": (b"GET http://u@app.localhost/ HTTP/1.1", 400),
    "absolute form of another scheme": (b"GET ftp://app.localhost/ HTTP/1.1", 400),
    "CONNECT": (b"CONNECT app.localhost:443 HTTP/1.1", 405),
    "TRACE": (b"TRACE / HTTP/1.1", 405),
    "DEL in target": (b"GET /\x7f HTTP/1.1", 400),
    "backslash host": (b"GET \\\\other.localhost/ HTTP/1.1", 400),
    "absolute form without a host": (b"GET http:/// HTTP/1.1", 400),
    "absolute form of another port": (b"GET http://app.localhost:81/ HTTP/1.1", 400),
    "authority form for GET": (b"GET app.localhost:80 HTTP/1.1", 400),
    "version with two digits": (b"GET / HTTP/1.10", 400),
    "version without a minor": (b"GET / HTTP/1", 400),
    "nothing": (b"", 400),
    "unknown method": (b"BREW / HTTP/1.1", 501),
    "lower-case method": (b"get / HTTP/1.1", 501),
    "HTTP/2 preface": (b"PRI * HTTP/2.0", 505),
}


@pytest.mark.parametrize(("line", "status"), BAD_LINES.values(), ids=BAD_LINES.keys())
def test_a_bad_request_line_is_refused(line: bytes, status: int) -> None:
    with pytest.raises(BadMessage) as refusal:
        read_request(line + b"\r\n" + HOST + b"\r\n", LIMIT)
    assert refusal.value.status == status


@pytest.mark.parametrize("control", [*range(0x21), 0x7F])
def test_no_control_character_and_no_space_passes_in_a_target(control: int) -> None:
    with pytest.raises(BadMessage) as refusal:
        read_request(b"GET /a%cb HTTP/1.1\r\n" % control + HOST + b"\r\n", LIMIT)
    assert refusal.value.status == 400


@pytest.mark.parametrize("control", [*range(9), *range(10, 0x20), 0x7F])
def test_no_control_character_passes_in_a_value(control: int) -> None:
    with pytest.raises(BadMessage) as refusal:
        read_request(b"GET / HTTP/1.1\r\n" + HOST + b"X-A: a%cb\r\n\r\n" % control, LIMIT)
    assert refusal.value.status == 400


@pytest.mark.parametrize(
    "host",
    [
        b"",
        b"a b",
        b"a/b",
        b"a@b",
        b"a:b",
        b"a:123456",
        b"[::1",
        b"::1",
        b"a,b.localhost:1:2",
        b"a\x80",
        b"user@app.localhost",
        b"app.localhost:",
        b"app.localhost:80:80",
        b"app.localhost:-1",
        b"[::1]x",
        b"[::g]",
        b"app\\.localhost",
        b"#",
        b"?",
    ],
)
def test_a_malformed_host_is_refused(host: bytes) -> None:
    with pytest.raises(BadMessage):
        read_request(b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n", LIMIT)


def test_a_request_without_host_is_refused() -> None:
    for version in (b"1.0", b"1.1"):
        with pytest.raises(BadMessage):
            read_request(b"GET / HTTP/" + version + b"\r\nAccept: */*\r\n\r\n", LIMIT)


def test_http_1_0_with_transfer_encoding_is_refused() -> None:
    with pytest.raises(BadMessage):
        read_request(b"POST / HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n", LIMIT)


def test_more_than_100_fields_are_431() -> None:
    few = b"".join(b"X-%d: 1\r\n" % number for number in range(99))
    read_request(b"GET / HTTP/1.1\r\n" + HOST + few + b"\r\n", LIMIT)
    with pytest.raises(BadMessage) as refusal:
        read_request(b"GET / HTTP/1.1\r\n" + HOST + few + b"X: 1\r\n\r\n", LIMIT)
    assert refusal.value.status == 431


def test_a_target_that_is_too_long_is_414() -> None:
    with pytest.raises(BadMessage) as refusal:
        read_request(b"GET /" + b"a" * LIMIT + b" HTTP/1.1\r\n" + HOST + b"\r\n", LIMIT)
    assert refusal.value.status == 414


def test_the_host_is_matched_without_port_case_and_final_dot() -> None:
    for host in (b"App.LocalHost:8080", b"app.localhost", b"APP.localhost.", b"app.localhost.:80"):
        assert read_request(b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n", LIMIT).name == "app.localhost"
    assert read_request(b"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", LIMIT).name == "[::1]"


def test_an_absolute_target_goes_on_in_origin_form() -> None:
    for target, origin in (
        (b"http://app.localhost/a?b", b"/a?b"),
        (b"http://APP.localhost", b"/"),
        (b"http://app.localhost?q", b"/?q"),
    ):
        assert read_request(b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"\r\n", LIMIT).target == origin


def test_fields_of_one_hop_end_here_and_all_others_keep_name_value_and_order() -> None:
    request = read_request(
        b"GET / HTTP/1.1\r\nX-Zeta:  1 \r\n" + HOST + b"Connection: keep-alive, X-Secret\r\nKeep-Alive: timeout=5\r\n"
        b"TE: trailers\r\nProxy-Connection: keep-alive\r\nX-Secret: 1\r\nUpgrade: h2c\r\nCookie: a=b\r\n"
        b"x-alpha: \xff\r\n"
        b"X-Forwarded-For: 10.0.0.1\r\nX-Request-ID: abc\r\nForwarded: for=10.0.0.1\r\nCookie: c=d\r\n\r\n",
        LIMIT,
    )
    assert (
        request.sent == b"GET / HTTP/1.1\r\nX-Zeta: 1\r\n" + HOST + b"Cookie: a=b\r\nx-alpha: \xff\r\nCookie: c=d\r\n"
    )
    assert request.request_id == b"abc"
    assert not request.upgrade


def test_an_offer_of_http_2_in_clear_text_is_not_passed_on() -> None:
    head = (
        b"GET / HTTP/1.1\r\n"
        + HOST
        + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: %b\r\nHTTP2-Settings: AA\r\n\r\n"
    )
    assert not read_request(head % b"h2c", LIMIT).upgrade
    assert not read_request(head % b"websocket, h2c", LIMIT).upgrade
    assert read_request(head % b"websocket", LIMIT).upgrade == b"websocket"
    assert b"HTTP2-Settings" not in read_request(head % b"h2c", LIMIT).sent


def test_what_connection_names_cannot_take_away_what_the_router_says() -> None:
    request = read_request(
        b"GET / HTTP/1.1\r\n" + HOST + b"Connection: X-Forwarded-For, X-Request-ID, X-A, close\r\nX-A: 1\r\n"
        b"X-Forwarded-For: 10.0.0.1\r\nX-Request-ID: abc\r\nX-B: 2\r\n\r\n",
        LIMIT,
    )
    assert request.sent == b"GET / HTTP/1.1\r\n" + HOST + b"X-B: 2\r\n"
    assert request.forwarded == {b"x-forwarded-for": b"10.0.0.1"}
    assert request.request_id == b"abc"


def test_a_proxy_field_does_not_reach_an_app_that_would_take_it_for_its_environment() -> None:
    head = b"GET / HTTP/1.1\r\n" + HOST + b"Proxy: http://evil.example\r\n\r\n"
    assert b"evil" not in read_request(head, LIMIT).sent


def test_an_upgrade_with_a_body_or_in_http_1_0_is_an_ordinary_request() -> None:
    fields = HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
    for head in (
        b"POST / HTTP/1.1\r\n" + fields + b"Content-Length: 3\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + fields + b"Transfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.0\r\n" + fields + b"\r\n",
    ):
        request = read_request(head, LIMIT)
        assert not request.upgrade
        assert b"pgrade" not in request.sent


def test_an_expectation_of_http_1_0_is_ignored() -> None:
    head = b"POST / HTTP/1.%d\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: 3\r\n\r\n"
    assert b"Expect" not in read_request(head % 0, LIMIT).sent
    assert b"Expect" in read_request(head % 1, LIMIT).sent


@pytest.mark.parametrize("status", [b"100 Continue", b"103 Early Hints", b"204 No Content"])
def test_a_response_that_can_have_no_content_says_nothing_of_it(status: bytes) -> None:
    for framing in (b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n"):
        response = read_response(b"HTTP/1.1 " + status + b"\r\n" + framing + b"X-A: 1\r\n\r\n")
        assert response.whole == b"HTTP/1.1 " + status + b"\r\nX-A: 1\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\nY: b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX : a\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: a\r\n folded\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nSet-Cookie: a=\x00\r\n\r\n",
        b"HTTP/1.1 200 \x1bOK\r\n\r\n",
        b"HTTP/1.1 000 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"ICY 200 OK\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_an_ambiguous_response_is_a_bad_gateway(head: bytes) -> None:
    with pytest.raises(BadMessage) as refusal:
        read_response(head)
    assert refusal.value.status == 502


TOKENS = st.sampled_from(
    [b"Host", b"Content-Length", b"Transfer-Encoding", b"Connection", b"X-A", b"chunked", b"3", b"close", b":", b": ",
     b" ", b"\t", b"\r\n", b"\n", b"\r", b"\x00", b"\xff", b",", b"a.localhost", b"GET / HTTP/1.1\r\n", b"_"]
)  # fmt: skip


@given(st.lists(st.one_of(TOKENS, st.binary(max_size=4)), max_size=30).map(b"".join))
def test_whatever_is_accepted_means_the_same_to_llhttp(block: bytes) -> None:
    head = b"POST / HTTP/1.1\r\nHost: app.localhost\r\n" + block + b"\r\n\r\n"
    head = head[: head.index(b"\r\n\r\n") + 4]
    try:
        request = read_request(head, LIMIT)
    except BadMessage:
        return
    seen: list[tuple[bytes, bytes]] = []
    complete: list[bool] = []

    class Second:
        def on_header(self, name: bytes, value: bytes) -> None:
            seen.append((name.lower(), value))

        def on_message_complete(self) -> None:
            complete.append(True)

    try:
        httptools.HttpRequestParser(Second()).feed_data(head)
    except httptools.HttpParserUpgrade:
        complete.append(True)
    lengths = [value for name, value in seen if name == b"content-length"]
    assert request.length == (int(lengths[0]) if lengths else 0)
    assert bool(complete) == (not request.length and not request.chunked)
