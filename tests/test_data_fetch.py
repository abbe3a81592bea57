"""data.fetch against a server on 127.0.0.1 that misbehaves in every way seen in practice."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from data.fetch import fetch
from data.sources import OfficialFile

CONTENT = bytes(range(256)) * 2000
PAGE = b"<!DOCTYPE html><html>Google Drive: quota exceeded</html>"


class Handler(BaseHTTPRequestHandler):
    """The path says what happens: /ok, /cut, /wrong, ..."""

    def do_GET(self):
        self.server.seen.append((self.path, self.headers.get("Range")))
        name = self.path.strip("/")
        first = [path for path, _ in self.server.seen].count(self.path) == 1
        if name == "moved":
            self.reply(302, b"", Location="/ok")
        elif name == "missing" or (name == "busy" and first):
            self.reply(404 if name == "missing" else 503, b"no")
        elif name in ("page", "disguised"):
            kind = "text/html; charset=utf-8" if name == "page" else "application/zip"
            self.reply(200, PAGE, **{"Content-Type": kind})
        elif name == "wrong":
            self.reply(200, CONTENT[::-1])
        elif name == "long":
            self.reply(200, CONTENT + b"more")
        elif name == "whole" or "Range" not in self.headers:
            self.reply(200, CONTENT, cut=100_000 if name == "cut" else None)
        else:
            start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
            span = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
            self.reply(206, CONTENT[start:], **{"Content-Range": span})

    def reply(self, status, body, cut=None, **headers):
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body[:cut])

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.seen = []
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def get(server, tmp_path):
    """Fetch from these paths of the server -> (whether it worked, failures)."""

    def get(*paths):
        addresses = tuple(f"http://127.0.0.1:{server.server_port}/{path}" for path in paths)
        sha256 = hashlib.sha256(CONTENT).hexdigest()
        file = OfficialFile("file.bin", len(CONTENT), "", sha256, addresses)
        attempts = []
        return fetch(file, tmp_path, attempts, pause=0), attempts

    return get


@pytest.mark.parametrize("path", ["ok", "whole", "moved", "busy", "cut"])
def test_arrives(get, tmp_path, path):
    done, _ = get(path)
    assert done and (tmp_path / "file.bin").read_bytes() == CONTENT
    assert not (tmp_path / "file.bin.part").exists()


def test_a_cut_connection_is_resumed_where_it_ended(get, server):
    assert get("cut")[0]
    assert server.seen == [("/cut", None), ("/cut", "bytes=100000-")]


def test_a_part_of_an_earlier_call_is_resumed(get, server, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(CONTENT[:1234])
    assert get("ok")[0] and server.seen == [("/ok", "bytes=1234-")]


def test_a_server_without_ranges_starts_again(get, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(CONTENT[:1234])
    assert get("whole")[0] and (tmp_path / "file.bin").read_bytes() == CONTENT


def test_a_wrong_part_is_dropped_and_the_same_address_tried_again(get, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(b"x" * 1234)
    done, attempts = get("ok")
    assert done and len(attempts) == 1 and "sha256" in attempts[0]
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


@pytest.mark.parametrize(
    "path, says",
    [
        ("wrong", "sha256"),
        ("long", "more than"),
        ("page", "web page"),
        ("disguised", "ended after"),
        ("missing", "HTTP 404"),
    ],
)
def test_what_is_not_the_file_never_gets_its_name(get, tmp_path, path, says):
    done, attempts = get(path)
    assert not done and says in attempts[0]
    assert not (tmp_path / "file.bin").exists()


def test_a_page_of_the_right_length_is_recognised(tmp_path):
    (tmp_path / "file.zip").write_bytes(PAGE)
    file = OfficialFile("file.zip", len(PAGE), "0" * 32, "", ())
    with pytest.raises(ValueError, match="web page"):
        file.check(tmp_path / "file.zip")


@pytest.mark.parametrize("bad", ["missing", "page", "wrong"])
def test_the_next_mirror_is_tried(get, server, bad):
    done, attempts = get(bad, "ok")
    assert done and len(attempts) == 1
    assert [path for path, _ in server.seen] == [f"/{bad}", "/ok"]


def test_an_unreachable_address_is_a_failure_not_an_exception(tmp_path):
    file = OfficialFile("file.bin", 1, "", "", ("http://127.0.0.1:9/file.bin",))
    attempts = []
    assert not fetch(file, tmp_path, attempts, pause=0)
    assert len(attempts) == 1 and "127.0.0.1:9" in attempts[0]
