"""Requests no client of scaleplex sends, as bytes: what a hostile host of the LAN can put on a connection.

``shapes`` need no secret. ``signed`` are by somebody who has it, or an old or foreign one: only their signature is
wrong, or what they say. Each case names the answers that are right; 0 is a connection closed without one.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

from scaleplex.protocol import wire

CLOSED = 0
BAD = (400,)


@dataclass(frozen=True, slots=True)
class Case:
    """One hostile request.

    Attributes:
        sent: what goes over the connection; the connection then stays open until the server closes it.
        right: the answers that are right.
        trickle: go on with one byte now and then, for as long as the server takes it.
        answers: how many answers come before the server closes.
    """

    name: str
    sent: bytes
    right: tuple[int, ...]
    trickle: bool = False
    answers: int = 1


@dataclass(frozen=True, slots=True)
class Service:
    """What the table has to know of a service.

    Attributes:
        name: worker, orchestrator or relay.
        method, path: a request of its own that has to be signed and has a body.
        unsigned: the answer to it without a signature.
        body_max_bytes: the longest body it takes.
        line_max_bytes: the longest request line.
        other_paths: further routes that have to be signed, as method and path.
        nonsense: the answers that are right for a signed body that says nonsense.
        nonsense_path: where such bodies go; empty for ``path``.
        body: one that ``path`` takes.
    """

    name: str
    method: str
    path: str
    unsigned: tuple[int, ...]
    body_max_bytes: int
    line_max_bytes: int
    other_paths: tuple[tuple[str, str], ...]
    nonsense: tuple[int, ...] = BAD
    nonsense_path: str = ""
    body: bytes = b"{}"


def _head(service: Service, *lines: str, method: str = "", path: str = "", version: str = "HTTP/1.1") -> bytes:
    first = f"{method or service.method} {path or service.path} {version}"
    return "\r\n".join((first, "Host: h", "Connection: close", *lines, "", "")).encode("latin-1")


def shapes(service: Service) -> list[Case]:
    """Return the requests that need no secret."""
    return [
        *_lines(service),
        *_heads(service),
        *_frames(service),
        *_targets(service),
        *_other_protocols(service),
        *_unfinished(service),
    ]


def _lines(service: Service) -> list[Case]:
    path, long = service.path, service.line_max_bytes
    return [
        Case("an empty line", b"\r\n\r\n", BAD),
        Case("no target", b"POST HTTP/1.1\r\n\r\n", BAD),
        Case("no version", f"POST {path}\r\n\r\n".encode(), BAD),
        Case("four words", f"POST {path} x HTTP/1.1\r\n\r\n".encode(), BAD),
        Case("a tab between the words", f"POST\t{path}\tHTTP/1.1\r\n\r\n".encode(), BAD),
        Case("a version of three numbers", _head(service, version="HTTP/1.1.1"), BAD),
        Case("version 9", _head(service, version="HTTP/9.9"), BAD),
        Case("a version that is no number", _head(service, version="HTTP/x.y"), BAD),
        Case("a method in lower case", _head(service, method="post"), BAD),
        Case("a method of odd characters", _head(service, method="PO<ST"), BAD),
        Case("a method of 5,000 letters", _head(service, method="P" * 5000), (*BAD, 414)),
        Case("an unknown method", _head(service, method="BREW"), (*BAD, 401, 405)),
        Case("CONNECT", _head(service, method="CONNECT", path="127.0.0.1:22"), (*BAD, 404, 405)),
        Case("TRACE", _head(service, method="TRACE"), (*BAD, 401, 405)),
        Case("a line longer than allowed", _head(service, path="/" + "x" * long), (414,)),
        Case("a line without an end", b"GET /" + b"x" * (1 << 20), (431,)),
        Case("a bare carriage return", f"POST {path} HTTP/1.1\rHost: h\r\n\r\n".encode(), BAD),
        Case("bare line feeds", f"POST {path} HTTP/1.1\nHost: h\n\n".encode(), (CLOSED,)),
        Case("NUL in the line", f"POST {path}\0 HTTP/1.1\r\n\r\n".encode(), BAD),
        Case("NUL only", b"\0" * 400 + b"\r\n\r\n", BAD),
        Case("bytes that are no text", bytes(range(128, 256)) + b" / HTTP/1.1\r\n\r\n", BAD),
    ]


def _heads(service: Service) -> list[Case]:
    return [
        Case("a header without a colon", _head(service, "Nothing"), BAD),
        Case("a header without a name", _head(service, ": x"), BAD),
        Case("a space before the colon", _head(service, "Content-Length : 0"), BAD),
        Case("a folded header", _head(service, "X: a", " b"), BAD),
        Case("NUL in a header", _head(service, "X: a\0b"), BAD),
        Case("a carriage return in a header", _head(service, "X: a\rb"), BAD),
        Case("a header of 60,000 bytes", _head(service, "X: " + "x" * 60000), (431,)),
        Case("3,000 headers", _head(service, *(f"X{i}: y" for i in range(3000))), (431,)),
        Case("a head of a megabyte", _head(service, *("X: " + "x" * 1000 for _ in range(1000))), (431,)),
        Case("a header in bytes that are no text", _head(service, "X: \xff\xfe\x80"), (*service.unsigned, 400)),
        Case("an expectation nobody knows", _head(service, "Expect: money"), (417, 400, *service.unsigned)),
        Case("headers of a proxy", _head(service, "SCRIPT_NAME: /healthz", "PATH_INFO: /healthz"), service.unsigned),
        Case("a path of a proxy", _head(service, "X-Original-URL: /healthz", "X-Rewrite-URL: /"), service.unsigned),
    ]


def _frames(service: Service) -> list[Case]:
    smuggled = _head(service, method="GET", path="/metrics")
    chunked = "Transfer-Encoding: chunked"
    too_long = service.body_max_bytes + 1
    refused = (400, 401, 413, *service.unsigned)
    return [
        Case("two lengths", _head(service, "Content-Length: 5", "Content-Length: 6") + b"hello!", BAD),
        Case("the same length twice", _head(service, "Content-Length: 5", "Content-Length: 5") + b"hello", BAD),
        Case("two lengths in one header", _head(service, "Content-Length: 5, 6") + b"hello!", BAD),
        Case("a length and chunks", _head(service, "Content-Length: 5", chunked) + b"0\r\n\r\n" + smuggled, BAD),
        Case("chunks and a length", _head(service, chunked, "Content-Length: 5") + b"0\r\n\r\n" + smuggled, BAD),
        Case("chunks twice", _head(service, chunked, chunked) + b"0\r\n\r\n" + smuggled, (400, 501)),
        Case("chunks by another name", _head(service, "Transfer-Encoding: xchunked") + smuggled, (400, 501)),
        Case("chunks, in quotes", _head(service, 'Transfer-Encoding: "chunked"') + smuggled, (400, 501)),
        Case("chunks that are not last", _head(service, "Transfer-Encoding: chunked, gzip") + smuggled, (400, 501)),
        Case("chunks after a vertical tab", _head(service, "Transfer-Encoding: \vchunked") + smuggled, BAD),
        Case("packed chunks", _head(service, "Transfer-Encoding: gzip, chunked") + smuggled, (400, 501)),
        Case("chunks in HTTP/1.0", _head(service, chunked, version="HTTP/1.0") + b"0\r\n\r\n", BAD),
        Case("a negative length", _head(service, "Content-Length: -1"), BAD),
        Case("a length with a sign", _head(service, "Content-Length: +5") + b"hello", BAD),
        Case("a length in hexadecimal", _head(service, "Content-Length: 0x5") + b"hello", BAD),
        Case("a length with an underscore", _head(service, "Content-Length: 1_0") + b"helloworld", BAD),
        Case("a length in another script", _head(service, "Content-Length: \xb2") + b"he", BAD),
        Case("a length of 400 digits", _head(service, "Content-Length: " + "9" * 400), (413, 400)),
        Case("a body of too many bytes", _head(service, f"Content-Length: {too_long}"), refused),
        Case("a chunk of too many bytes", _head(service, chunked) + f"{too_long:x}\r\n".encode(), refused),
        Case("a chunk of 400 digits", _head(service, chunked) + b"f" * 400 + b"\r\n", refused),
        Case("a chunk of a negative size", _head(service, chunked) + b"-5\r\nhello\r\n0\r\n\r\n", refused),
        Case("a chunk longer than it says", _head(service, chunked) + b"2\r\nhello\r\n0\r\n\r\n", refused),
        Case("chunks of one byte", _head(service, chunked) + b"1\r\nx\r\n" * 100_000, refused),
        Case("a trailer without an end", _head(service, chunked) + b"0\r\n" + b"X: y\r\n" * 100_000, refused),
    ]


def _targets(service: Service) -> list[Case]:
    path, deep = service.path, "/" + "a/" * 1000
    closed = (401,) if service.name != "relay" else (401, 403, 404)
    lost = (400, 401, 403, 404, 405, *service.unsigned)
    return [
        Case("an absolute target of this service", _head(service, path=f"http://h{path}"), lost),
        Case("an absolute target of another", _head(service, path="http://192.0.2.1:32400/identity"), lost),
        Case("a target that is a star", _head(service, path="*", method="OPTIONS"), lost),
        Case("a target without a slash", _head(service, path="identity"), lost),
        Case("up from an open path", _head(service, path=f"/healthz/..{path}"), lost),
        Case("up out of everything", _head(service, path="/../../../../etc/passwd"), lost),
        Case("encoded dots", _head(service, path="/%2e%2e/%2e%2e/etc/passwd"), lost),
        Case("encoded slashes", _head(service, path=path.replace("/", "%2f")), lost),
        Case("encoded twice", _head(service, path="/%252e%252e%252fetc%252fpasswd"), lost),
        Case("an encoded NUL", _head(service, path=f"{path}%00"), lost),
        Case("an encoded end of line", _head(service, path=f"{path}%0d%0aX-Scaleplex-Auth:%20v1"), lost),
        Case("half an escape", _head(service, path=f"{path}%"), lost),
        Case("an escape of no text", _head(service, path="/%ff%fe%80"), lost),
        Case("two slashes", _head(service, path=f"/{path}"), lost),
        Case("a slash at the end", _head(service, path=f"{path}/"), lost),
        Case("the path in capitals", _head(service, path=path.upper()), lost),
        Case("a fragment", _head(service, path=f"{path}#x"), lost),
        Case("parameters of the path", _head(service, path=f"{path};/healthz"), lost),
        Case("a thousand directories", _head(service, path=deep), lost),
        Case("a query of open paths", _head(service, path=f"{path}?/healthz"), lost),
        Case("backslashes", _head(service, path=path.replace("/", "\\")), lost),
        *(
            Case(f"{m} {p} without a signature", _head(service, method=m, path=p), closed)
            for m, p in service.other_paths
        ),
    ]


def _other_protocols(service: Service) -> list[Case]:
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    upgrade = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA")
    websocket = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: eA==")
    return [
        Case("HTTP/0.9", f"GET {service.path}\r\n\r\n".encode(), BAD),
        Case("HTTP/2", preface + b"\0\0\0\4\0\0\0\0\0", BAD),
        Case("an upgrade to HTTP/2", _head(service, *upgrade), service.unsigned),
        Case("an upgrade to WebSocket", _head(service, *websocket), service.unsigned),
        Case("TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x5a" * 600 + b"\r\n\r\n", BAD),
        Case("the PROXY protocol", b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n" + _head(service), BAD),
        Case("the PROXY protocol, binary", b"\r\n\r\n\0\r\nQUIT\n!\x11\0\x0c" + b"\x7f\0\0\1" * 3, BAD),
        Case("SMTP", b"EHLO h\r\nMAIL FROM:<x>\r\n\r\n", BAD),
        Case("Redis", b"*1\r\n$4\r\nINFO\r\n\r\n", BAD),
    ]


def _unfinished(service: Service) -> list[Case]:
    announced = _head(service, "Content-Length: 100")
    pipelined = f"{service.method} {service.path} HTTP/1.1\r\nHost: h\r\n\r\n".encode()
    early = (CLOSED, *service.unsigned)
    return [
        Case("nothing at all", b"", (CLOSED,)),
        Case("half a line", b"POS", (CLOSED,)),
        Case("half a head", _head(service)[:-2], (CLOSED,)),
        Case("half a head, a byte now and then", b"GET / HTTP/1.1\r\nX: ", (CLOSED,), trickle=True),
        Case("no body", announced, early),
        Case("half a body", announced + b"x" * 50, early),
        Case("a body, a byte now and then", announced, early, trickle=True),
        Case("chunks, a byte now and then", _head(service, "Transfer-Encoding: chunked"), early, trickle=True),
        Case("a body that waits to be asked for", _head(service, "Content-Length: 9", "Expect: 100-continue"), early),
        Case("a hundred at once", pipelined * 100 + _head(service), service.unsigned, answers=101),
        Case("another behind the end", _head(service) + pipelined * 50, service.unsigned),
    ]


# Returns the value of the signature header for method, target and body; ``how`` names what is wrong with it.
Signer = Callable[[str, str, bytes, str], str]
SIGNATURES = (
    "another secret", "another receiver", "another method", "another path", "another query", "another body",
    "61 s ago", "in 61 s", "an earlier life", "the time 0", "a time beyond all numbers",
)  # fmt: skip
MALFORMED = {
    "an empty signature": "",
    "one word": "v2",
    "another version": "v1 1800000000000 " + "a" * 32 + " " + "b" * 64,
    "a version of the future": "v9 1800000000000 " + "a" * 32 + " h:1 - " + "b" * 64,
    "words without end": "v2 " + "a " * 200,
    "a time that is no number": "v2 now " + "a" * 32 + " h:1 - " + "b" * 64,
    "a negative time": "v2 -1 " + "a" * 32 + " h:1 - " + "b" * 64,
    "a time in another script": "v2 \xb2\xb3 " + "a" * 32 + " h:1 - " + "b" * 64,
    "a short nonce": "v2 1800000000000 a h:1 - " + "b" * 64,
    "tabs for spaces": "v2\t1800000000000\t" + "a" * 32 + "\th:1\t-\t" + "b" * 64,
    "bytes that are no text": "v2 \xff\xfe " + "\xff" * 32 + " \xff \xff \xff",
}
FIELDS = ("session", "job", "attempt", "kind", "args", "env", "cwd")
NONSENSE = {
    "nothing": b"",
    "no JSON": b"hello",
    "half of JSON": b'{"session": ',
    "a list": b"[]",
    "a number": b"1",
    "null": b"null",
    "an empty object": b"{}",
    "100,000 brackets": b"[" * 100_000,
    "100,000 objects": b'{"a":' * 100_000,
    "100,000 brackets in a field": b'{"session": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "not a number": b'{"attempt": NaN}',
    "infinity": b'{"attempt": -Infinity}',
    "a number of 10,000 digits": b'{"attempt": ' + b"9" * 10_000 + b"}",
    "a number beyond all": b'{"attempt": 1e999999}',
    "bytes that are no text": b'{"session": "\xff\xfe"}',
    "UTF-16": '{"session": "x"}'.encode("utf-16"),
    "lone surrogates": b'{"session": "\\ud800", "job": "\\udfff"}',
    "NUL in a word": b'{"session": "a\\u0000b", "job": "\\u0000"}',
    "wrong types": json.dumps({name: {} for name in FIELDS}).encode(),
    "truth for a number": b'{"session": "s", "job": "j", "attempt": true, "kind": "video"}',
    "a word of half a megabyte": json.dumps({"session": "x" * 500_000, "job": "j", "attempt": 1}).encode(),
    "the same name twice": b'{"session": "a", "session": 1, "job": "b", "job": []}',
    "paths for names": b'{"session": "../..", "job": "../../etc", "attempt": 1, "kind": "video"}',
    "names of Python": b'{"__class__": "x", "__init__": {"__globals__": 1}, "session": 1}',
}  # fmt: skip


def signed(service: Service, sign: Signer) -> list[Case]:
    """Return the requests of somebody who has, or once had, a secret."""
    body, path = service.body, service.nonsense_path or service.path
    cases = [
        Case(f"signed: {how}", _signed(service, body, sign(service.method, service.path, body, how)), (401,))
        for how in SIGNATURES
    ]
    cases += [
        Case(f"signature: {name}", _signed(service, body, value), (400, 401)) for name, value in MALFORMED.items()
    ]
    cases += [
        Case(f"body: {name}", _signed(service, text, sign(service.method, path, text, ""), path), service.nonsense)
        for name, text in NONSENSE.items()
    ]
    once = _signed(service, body, sign(service.method, service.path, body, ""))
    again = once.replace(b"Connection: close\r\n", b"", 1)
    cases.append(Case("signed: sent twice", again + once, (401,), answers=2))
    two = sign(service.method, service.path, body, "")
    cases.append(
        Case(
            "two signatures",
            _head(service, *(f"{wire.AUTH_HEADER}: {two}",) * 2, f"Content-Length: {len(body)}") + body,
            (401,),
        )
    )
    return cases


def _signed(service: Service, body: bytes, value: str, path: str = "") -> bytes:
    length = (f"Content-Length: {len(body)}",) if body else ()
    return _head(service, f"{wire.AUTH_HEADER}: {value}", *length, path=path) + body
