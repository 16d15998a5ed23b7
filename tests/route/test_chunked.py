"""The chunked coding: strict, whole, and the same however the bytes are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tolv.route.chunked import ChunkedBody
from tolv.route.fields import BadMessage


def passed_on(data: bytes, cuts: list[int] | None = None, *, unframed: bool = False) -> tuple[bytes, bytes, bool]:
    body = ChunkedBody(400, unframed=unframed)
    out, rest, start = b"", b"", 0
    for cut in [*sorted(cuts or []), len(data)]:
        if body.done:
            rest += data[start:cut]
        else:
            pieces, rest = body.feed(data[start:cut])
            out += b"".join(pieces)
        start = cut
    return out, rest, body.done


@given(
    st.lists(st.binary(min_size=1, max_size=40), max_size=6),
    st.lists(st.integers(0, 300), max_size=8),
    st.sampled_from([b"", b"X-Checksum: 1\r\n", b"X-A: 1\r\nX-B: 2\r\n"]),
    st.sampled_from([b"", b"GET /next HTTP/1.1\r\n\r\n", b"\r\n"]),
)
def test_a_body_goes_on_byte_for_byte_however_it_is_cut(
    chunks: list[bytes], cuts: list[int], trailers: bytes, behind: bytes
) -> None:
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n" + trailers + b"\r\n"
    whole = body + behind
    cuts = [min(cut, len(whole)) for cut in cuts]
    assert passed_on(whole, cuts) == (body, behind, True)
    assert passed_on(whole, cuts, unframed=True) == (b"".join(chunks), behind, True)


@given(st.lists(st.integers(0, 60), max_size=6))
def test_extensions_of_chunks_end_here(cuts: list[int]) -> None:
    data = b'5;a=b;c="d"\r\nhello\r\n1;x\r\n!\r\n0;last\r\n\r\n'
    assert passed_on(data, [min(cut, len(data)) for cut in cuts]) == (b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", b"", True)


@pytest.mark.parametrize(
    "data",
    [
        b"5\nhello\r\n0\r\n\r\n",
        b"5\r\nhello\n0\r\n\r\n",
        b"5\r\nhelloX\r\n0\r\n\r\n",
        b"5\r\nhel\r\n0\r\n\r\n",
        b"0x5\r\nhello\r\n0\r\n\r\n",
        b"+5\r\nhello\r\n0\r\n\r\n",
        b"-5\r\nhello\r\n",
        b" 5\r\nhello\r\n",
        b"5 \r\nhello\r\n",
        b"\r\n5\r\nhello\r\n",
        b"5_0\r\nhello",
        b"g\r\n",
        b"fffffffffffffffff\r\n",
        b"5 ;a=b\r\nhello\r\n",
        b"5; a=b\r\nhello\r\n",
        b"5;\r\nhello\r\n",
        b"5;a=\r\nhello\r\n",
        b'5;a="b\r\nhello\r\n',
        b"5;a;;b\r\nhello\r\n",
        b"5;a=\x00b\r\nhello\r\n",
        b"5;a\nb\r\nhello\r\n",
        b"5;" + b"a" * 2000,
        b"0\r\nContent-Length: 5\r\n\r\n",
        b"0\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"0\r\nHost: other\r\n\r\n",
        b"0\r\nX : y\r\n\r\n",
        b"0\r\n folded\r\n\r\n",
        b"0\r\nX: y\n\r\n",
        b"0\r\n" + b"X-A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n" * 300,
    ],
)
def test_a_malformed_body_is_refused(data: bytes) -> None:
    with pytest.raises(BadMessage):
        passed_on(data)
    with pytest.raises(BadMessage):
        passed_on(data, list(range(1, len(data))))


@given(st.lists(st.sampled_from([b"5", b"0", b"\r\n", b"\n", b"\r", b"hello", b";", b"a", b" ", b"X: y"]), max_size=12))
def test_what_is_passed_on_is_itself_a_correct_body(parts: list[bytes]) -> None:
    data = b"".join(parts)
    try:
        out, _, done = passed_on(data)
    except BadMessage:
        return
    if done:
        assert passed_on(out) == (out, b"", True)
