"""data.fetch against a server on 127.0.0.1 that means ill: bounded time, memory and disk."""

import hashlib
import itertools
import socketserver
import threading
import time
import tracemalloc
import urllib.request
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data import fetch as fetching
from data import registry
from data.download import obtain
from data.fetch import Redirects, Refused, fetch
from data.sources import OfficialFile

CONTENT = bytes(range(256)) * 40
OK = b"HTTP/1.1 200 OK\r\n"
LIMIT = 5  # seconds that a refusal may take here, where patience is a fifth of a second


class Server(socketserver.ThreadingTCPServer):
    """Answers every connection, after its request was read, with what `answer` yields."""

    allow_reuse_address = daemon_threads = True
    block_on_close = False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer, self.asked = (), 0
        self.port = self.server_address[1]


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        self.server.asked += 1
        while b"\r\n\r\n" not in self.request.recv(65536):
            pass
        try:
            for piece in self.server.answer:
                if isinstance(piece, float):
                    time.sleep(piece)
                else:
                    self.request.sendall(piece)
        except OSError:  # the other side has had enough
            pass


@pytest.fixture(scope="module")
def server():
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(fetching, "TIMEOUT", 0.2)
    monkeypatch.setattr(fetching, "GRACE", 0.3)
    monkeypatch.setattr(fetching, "TRIES", 2)


def get(server, folder, answer) -> str:
    """What is said of a fetch that must fail, within bounds, leaving no more than a part."""
    server.answer = answer
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    address = f"http://127.0.0.1:{server.port}/file.bin"
    file, attempts = OfficialFile("file.bin", len(CONTENT), "", sha256, (address,)), []
    before = time.monotonic()
    tracemalloc.start()
    try:
        assert not fetch(file, folder, attempts, pause=0)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
    assert time.monotonic() - before < LIMIT
    left = list(folder.iterdir())
    assert [path.name for path in left] in ([], ["file.bin.part"])
    assert sum(path.stat().st_size for path in left) <= len(CONTENT)
    assert attempts and all(line.startswith(address) and line.isprintable() for line in attempts)
    return "\n".join(attempts)


def endless(piece: bytes = bytes(1 << 16)):
    return itertools.repeat(piece, 1 << 14)  # a gigabyte, if anybody takes it


def slowly(content: bytes, pause: float = 0.05):
    """Byte by byte, each well within the patience for one."""
    return (piece for byte in content for piece in (bytes([byte]), pause))


def length(count: object) -> bytes:
    return f"Content-Length: {count}\r\n\r\n".encode()


CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
CASES = {
    "endless bytes": (lambda: [OK + b"\r\n", *endless()], "more than the expected"),
    "endless chunks": (
        lambda: [OK + CHUNKED, *endless(b"10000\r\n" + bytes(1 << 16) + b"\r\n")],
        "more than the expected",
    ),
    "a terabyte announced": (lambda: [OK + length(1 << 40)], "announces more than"),
    "too long by one": (lambda: [OK + length(len(CONTENT) + 1)], "announces more than"),
    "half of it": (lambda: [OK + length(len(CONTENT)), CONTENT[:5000]], "ended after"),
    "said to be half": (lambda: [OK + length(5000), CONTENT], "ended after 5,000"),
    "a negative length": (lambda: [OK + length(-5), CONTENT[:-1]], "ended after"),
    "no number": (lambda: [OK + length("many"), CONTENT[:-1]], "ended after"),
    "the right length": (lambda: [OK + length(len(CONTENT)), CONTENT[::-1]], "sha256"),
    "no answer": (lambda: [10.0], "nothing came|timed out"),
    "a stall": (lambda: [OK + length(len(CONTENT)), CONTENT[:100], 10.0], "nothing came|timed out"),
    "a dripping header": (lambda: slowly(OK + b"A: " + bytes(1000)), "nothing came"),
    "endless headers": (lambda: [OK, *endless(b"A: b\r\n")], "more than 100 headers"),
    "an endless line": (lambda: [b"HTTP/1.1 200 ", *endless()], "too long|more than 65536"),
    "a dripping body": (lambda: [OK + length(len(CONTENT)), *slowly(CONTENT)], "too slow"),
    "a dripping chunk": (lambda: [OK + CHUNKED, *slowly(b"0" * 1000)], "nothing came"),
    "a web page": (
        lambda: [OK + b"Content-Type: text/html\r\n" + length(9), b"<html>..."],
        "web page",
    ),
    "control characters": (lambda: [b"HTTP/1.1 404 \x1b[2J\x07\r\n\r\n"], "HTTP 404"),
    "no HTTP": (lambda: [b"SSH-2.0-OpenSSH_9.2\r\n"], ""),
    "silence": (list, ""),
}


@pytest.mark.parametrize("case", CASES)
def test_a_mirror_that_means_ill_is_refused(server, tmp_path, case):
    answer, says = CASES[case]
    said = get(server, tmp_path, answer())
    assert any(words in said for words in says.split("|")), said


@given(start=st.sampled_from([b"", b"HTTP/1.1 ", OK, OK + b"\r\n", OK + CHUNKED]), rest=st.binary())
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_whatever_a_server_says_is_a_failure_not_an_exception(
    server, tmp_path_factory, start, rest
):
    get(server, tmp_path_factory.mktemp("to"), [start + rest])


@pytest.mark.parametrize(
    "place",
    [
        "http://localhost:{port}/file.bin",
        "http://127.0.0.2:{port}/file.bin",
        "http://169.254.169.254/latest/meta-data",
        "ftp://127.0.0.1/file.bin",
        "file:///etc/passwd",
        "//localhost:{port}/file.bin",
        "http://[::1",
        "http://127.0.0.1:{port}@localhost:{port}/",
    ],
)
def test_a_redirect_to_another_host_is_not_followed(server, tmp_path, place):
    place, asked = place.format(port=server.port), server.asked
    get(server, tmp_path, [f"HTTP/1.1 302 Found\r\nLocation: {place}\r\n".encode() + length(0)])
    assert server.asked <= asked + 2  # the two tries
    assert list(tmp_path.iterdir()) == []


def test_a_redirect_in_a_circle_ends(server, tmp_path):
    moved = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{server.port}/file.bin\r\n"
    assert "redirect" in get(server, tmp_path, [moved.encode() + length(0)])


GITHUB, DRIVE = "https://github.com/a/b", "https://drive.google.com/uc?id=1"


@pytest.mark.parametrize(
    "old, new, followed",
    [
        (GITHUB, "https://raw.githubusercontent.com/a/b", True),
        (GITHUB, "https://release-assets.githubusercontent.com/a", True),
        (GITHUB, "https://github.com/c", True),
        (DRIVE, "https://drive.usercontent.google.com/download", True),
        ("http://a.org/x", "https://a.org/x", True),
        (GITHUB, "https://githubusercontent.com.evil.org/a", False),
        (GITHUB, "https://evilgithubusercontent.com/a", False),
        (GITHUB, "http://raw.githubusercontent.com/a/b", False),
        (GITHUB, "https://github.com.evil.org/a/b", False),
        (DRIVE, "https://accounts.google.com/login", False),
        ("https://a.org/x", "http://a.org/x", False),
        ("https://a.org/x", "https://b.org/x", False),
        ("https://a.org/x", "https://127.0.0.1/x", False),
    ],
)
def test_hosts_hand_over_only_to_where_they_keep_their_files(old, new, followed):
    def answer():
        return Redirects().redirect_request(urllib.request.Request(old), None, 302, "", {}, new)

    if followed:
        assert answer().full_url == new
    else:
        with pytest.raises(Refused, match="not followed"):
            answer()


def test_a_download_from_such_mirrors_alone_says_what_to_do_and_leaves_nothing(server, tmp_path):
    source = registry.source("mnist")
    place = f"http://127.0.0.1:{server.port}/"
    files = tuple(replace(f, addresses=(place + f.name,)) for f in source.files)
    server.answer = [OK + length(10 * files[0].size)]
    with pytest.raises(ValueError) as caught:
        obtain(replace(source, files=files), tmp_path / "to", None, [], pause=0)
    for words in (files[0].name, "By hand", str(tmp_path / "to"), "VIMAE_MIRROR"):
        assert words in str(caught.value)
    assert list((tmp_path / "to").iterdir()) == []
