"""Profiles of a running program over HTTP (net/http/pprof), or from a gops agent.

Which words are addresses, and how long they may take, is as in Go's cmd/pprof/pprof.go (Go 1.27), but that an
address without a path means the heap, for memory is what this is about.
"""

from __future__ import annotations

import os
import re

from gosnap.errors import GosnapError

HEAP = "/debug/pprof/heap"
MOST_BYTES = 1 << 30
"""A body that is larger is not read to its end."""
_MARGIN = 5
"""Seconds that a connection may take beyond what the server was asked to spend."""
_DEFAULT_TIMEOUT = 60
_HEAP_SIGNAL = b"\x05"
"""github.com/google/gops/signal: HeapProfile."""
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.%\w]+\]|[A-Za-z0-9](?:[\w.-]*\w)?|localhost)?:\d{1,5}(?:/|\?|$)")
_SCHEMES = ("http", "https", "https+insecure", "gops")


def is_address(source: str) -> bool:
    """Whether a word is an address rather than a file, which may have any name: "http://host:6060/…",
    "host:6060", ":6060/debug/pprof/heap", "gops://host:port", "gops:PID"."""
    if os.path.exists(source):  # noqa: PTH110 (profile verbs start without pathlib)
        return False
    return source.partition(":")[0] in _SCHEMES or bool(_HOST.match(source))


def fetch(source: str, *, seconds: int = -1, timeout: int = -1) -> bytes:
    """The bytes that an address answers with. ``seconds``: the server compares over so long; ``timeout``:
    seconds until it is given up.

    GosnapError where there is no answer, or another one than a profile's.
    """
    if source.startswith("gops:"):
        return _from_agent(source, timeout if timeout > 0 else _DEFAULT_TIMEOUT)
    url, limit = adjusted(source, seconds, timeout)
    return _get(url, limit + _MARGIN)


def adjusted(source: str, seconds: int = -1, timeout: int = -1) -> tuple[str, int]:
    """(the address in full, after how many seconds to give up)."""
    from urllib.parse import parse_qsl, urlencode, urlsplit

    parts = urlsplit(source if source.partition(":")[0] in _SCHEMES else f"http://{source}")
    if parts.netloc.startswith(":"):
        parts = parts._replace(netloc=f"localhost{parts.netloc}")
    if not parts.hostname:
        raise GosnapError(
            f"{source}: no host in it", "an address is like http://localhost:6060/debug/pprof/heap"
        )
    if parts.path in ("", "/"):
        parts = parts._replace(path=HEAP)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if seconds > 0:
        query["seconds"] = str(seconds)
    elif query.get("seconds", "").isdigit():
        seconds = int(query["seconds"])
    if timeout <= 0:
        timeout = seconds + seconds // 2 if seconds > 0 else _DEFAULT_TIMEOUT
    return parts._replace(query=urlencode(query), fragment="").geturl(), timeout


def beside(source: str, name: str) -> str:
    """The address of another profile of the same program: "goroutine"."""
    from urllib.parse import urlsplit

    parts = urlsplit(adjusted(source)[0])
    return parts._replace(path=f"{parts.path.rpartition('/')[0]}/{name}", query="").geturl()


def host(source: str) -> str:
    """The host and port of an address, in words that a file's name may have."""
    from urllib.parse import urlsplit

    text = source if source.startswith("gops:") else urlsplit(adjusted(source)[0]).netloc.rpartition("@")[2]
    return re.sub(r"[^\w.-]+", "-", text).strip("-") or "host"


class NotServed(GosnapError):
    """The server is there, but does not have this."""


def _get(url: str, limit: int) -> bytes:
    import base64
    import ssl
    from urllib.error import HTTPError, URLError
    from urllib.parse import unquote, urlsplit
    from urllib.request import HTTPSHandler, Request, build_opener

    parts = urlsplit(url)
    handlers = []
    if parts.scheme == "https+insecure":
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        handlers.append(HTTPSHandler(context=context))
        parts = parts._replace(scheme="https")
    headers = {"User-Agent": "gosnap", "Accept-Encoding": "identity"}
    user, given, netloc = parts.netloc.rpartition("@")
    if given:
        secret = base64.b64encode(unquote(user).encode()).decode()
        headers["Authorization"] = f"Basic {secret}"
        parts = parts._replace(netloc=netloc)
    shown = parts.geturl()
    try:
        with build_opener(*handlers).open(Request(shown, headers=headers), timeout=limit) as answer:
            body: bytes = answer.read(MOST_BYTES + 1)
    except HTTPError as e:
        with e:
            refused = _refused(shown, e)
        raise refused from None
    except URLError as e:
        raise _lost(shown, e.reason, limit) from None
    except (OSError, ValueError) as e:
        raise _lost(shown, e, limit) from None
    except Exception as e:
        # http.client has errors of its own, for answers that are no HTTP
        if type(e).__module__ != "http.client":
            raise
        raise GosnapError(f"{shown}: the answer is no HTTP: {e}", "is it the right port?") from None
    if len(body) > MOST_BYTES:
        raise GosnapError(f"{shown}: the answer has more than {MOST_BYTES:,} bytes", "is it a profile?")
    if not body:
        raise GosnapError(f"{shown}: the answer is empty", "is it the right address?")
    return body


def _refused(url: str, e: object) -> GosnapError:
    from urllib.error import HTTPError

    assert isinstance(e, HTTPError)
    said = ""
    # what net/http/pprof says is meant for people; other servers' pages are not
    if e.headers.get("X-Go-Pprof") and "text/plain" in (e.headers.get("Content-Type") or ""):
        said = " - " + e.read(1 << 12).decode("utf-8", "replace").strip()
    hint = {
        401: "give a user: http://USER:PASSWORD@HOST/…",
        403: "the server does not let you; ask for access, or use the PID on its machine",
        404: "does the program import net/http/pprof? `gosnap top PID` on its machine needs no endpoint",
    }.get(e.code, "is it the right address?")
    kind = NotServed if e.code == 404 else GosnapError
    return kind(f"{url}: the server answers {e.code} {e.reason}{said}", hint)


def _lost(url: str, reason: object, limit: int) -> GosnapError:
    if isinstance(reason, TimeoutError):
        return GosnapError(f"{url}: no answer within {limit} s", "allow more with --timeout=SECONDS")
    if isinstance(reason, ConnectionRefusedError):
        return GosnapError(
            f"{url}: connection refused", "does it listen there? `gosnap ps` shows endpoints of this machine"
        )
    text = getattr(reason, "strerror", None) or str(reason)
    hint = (
        "its certificate is not trusted: https+insecure://… takes it as it is"
        if "CERT" in text.upper()
        else ""
    )
    return GosnapError(f"{url}: {text}", hint or "is the address right?")


def _from_agent(source: str, limit: int) -> bytes:
    """The heap profile of a program with github.com/google/gops/agent in it."""
    import socket

    target = source.removeprefix("gops:").removeprefix("//").rstrip("/")
    name, _, port = target.rpartition(":")
    if target.isdigit():
        name, port = "127.0.0.1", _agent_port(int(target))
    if not port.isdigit() or not 0 < int(port) < 1 << 16:
        raise GosnapError(f"{source}: no port in it", "give gops:PID, or gops://HOST:PORT")
    body = bytearray()
    try:
        with socket.create_connection((name.strip("[]") or "127.0.0.1", int(port)), timeout=limit) as agent:
            agent.sendall(_HEAP_SIGNAL)
            agent.shutdown(socket.SHUT_WR)
            while part := agent.recv(1 << 16):
                body += part
                if len(body) > MOST_BYTES:
                    raise GosnapError(f"{source}: more than {MOST_BYTES:,} bytes", "is it a gops agent?")
    except OSError as e:
        raise _lost(source, e, limit) from None
    if not body:
        raise GosnapError(f"{source}: the agent says nothing", "is it a gops agent?")
    return bytes(body)


def _agent_port(pid: int) -> str:
    """Where the agent of a process of this user listens (gops/internal/internal.go)."""
    from pathlib import Path

    config = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    folder = Path(os.environ.get("GOPS_CONFIG_DIR") or Path(config) / "gops")
    try:
        with (folder / str(pid)).open(encoding="ascii", errors="replace") as f:
            return f.read(16).strip()
    except OSError:
        raise GosnapError(
            f"gops:{pid}: no agent of that process is known in {folder}",
            "does it call agent.Listen? `gosnap top PID` needs no agent",
        ) from None
