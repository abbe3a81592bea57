"""Fetch one official file over HTTP: resumed, retried, from several addresses, verified.

A file gets its final name only after its size and checksums were found right; until then it is
NAME.part, which a later call continues. Whatever a server does, it costs bounded time, and never
more disk than the file's official size.
"""

import contextlib
import http.client
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from tqdm import tqdm

from data.sources import OfficialFile

TRIES = 3  # for each address
TIMEOUT = 30  # seconds for an answer to begin, and for each further byte
SLOWEST = 10_000  # bytes a second, on the average of a transfer that has lasted
GRACE = 60  # seconds
CHUNK = 1 << 18
HOPELESS = range(400, 500)  # the request is at fault; asking again changes nothing,
BUSY = (408, 416, 425, 429)  # except for these
NOBODY = (socket.gaierror, ConnectionRefusedError)  # no network, or no server: do not wait
# Where hosts keep the files that they answer for. A redirect to any other host is not followed.
KEPT_AT = {
    "github.com": (".githubusercontent.com",),
    "drive.google.com": ("drive.usercontent.google.com", ".googleusercontent.com"),
}


class Refused(Exception):
    """The address offers something else than the file; asking it again changes nothing."""


class Redirects(urllib.request.HTTPRedirectHandler):
    """Follows a redirect within a host, or to where it keeps its files, and never off HTTPS."""

    max_redirections = 5

    def redirect_request(self, request, answer, code, message, headers, address):
        """The request to follow with; Refused if it may not be followed."""
        old, new = urlsplit(request.full_url), urlsplit(address)
        host, name = old.hostname or "", new.hostname or ""
        kept = KEPT_AT.get(host, ())
        if name != host and not any(name == k or k[0] == "." and name.endswith(k) for k in kept):
            raise Refused(f"redirects to another host, {name!r}, which is not followed")
        if new.scheme not in ("http", "https") or (old.scheme, new.scheme) == ("https", "http"):
            raise Refused(f"redirects to {new.scheme}://, which is not followed")
        return super().redirect_request(request, answer, code, message, headers, address)


def fetch(file: OfficialFile, folder: Path, attempts: list[str], pause: float = 1.0) -> bool:
    """Fetch `file` into `folder` and return whether it is there now. For a main thread.

    `attempts` receives a line for each failure. `pause` is the wait in seconds before the second
    try of an address; it doubles each time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{file.name}.part"
    for address in file.addresses:
        for attempt in range(TRIES):
            resumed = part.exists()
            try:
                receive(address, part, file.size)
                file.check(part)
                part.replace(folder / file.name)
                return True
            except Refused as error:
                note(attempts, address, error)
                break
            except ValueError as error:  # complete, but wrong: nothing of it can be kept
                part.unlink(missing_ok=True)
                note(attempts, address, error)
                if not resumed:  # else the fault may lie in what was there before
                    break
            except urllib.error.HTTPError as error:
                error.close()
                note(attempts, address, f"HTTP {error.code} {error.reason}")
                if error.code == 416:  # the server's file ends before our part of it does
                    part.unlink(missing_ok=True)
                if error.code in HOPELESS and error.code not in BUSY:
                    break
            except (OSError, http.client.HTTPException) as error:
                note(attempts, address, error)
                if isinstance(getattr(error, "reason", None), NOBODY):
                    break
            if attempt + 1 < TRIES:
                time.sleep(pause * 2**attempt)
    return False


def note(attempts: list[str], address: str, failure: object) -> None:
    """Add a line on a failure; what a server says may hold anything, control characters too."""
    text = "".join(c if c.isprintable() else "?" for c in str(failure))
    attempts.append(f"{address}: {text[:500]}")


def receive(address: str, part: Path, size: int) -> None:
    """Append to `part` what it lacks of `size` bytes.

    Raises Refused for a web page or a redirect elsewhere, ValueError for too long a file, OSError
    if the connection ends early, stalls or is too slow.
    """
    start = part.stat().st_size if part.exists() else 0
    if start >= size:
        return
    request = urllib.request.Request(address, headers={"User-Agent": "vimae-reproduction"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    opener = urllib.request.build_opener(Redirects)
    with patience() as wait, opener.open(request, timeout=TIMEOUT) as response:
        if response.headers.get_content_type() == "text/html":
            raise Refused("a web page came instead of the file (login, quota or error page)")
        if response.status != 206:  # the server sends the whole file from its beginning
            start = 0
        if start + (response.length or 0) > size:
            raise ValueError(f"announces more than the expected {size:,} bytes")
        bar = tqdm(total=size, initial=start, unit="B", unit_scale=True, disable=None)
        began, first = time.monotonic(), start
        with open(part, "ab" if start else "wb") as output, bar:
            while chunk := response.read1(CHUNK):
                wait()
                start += len(chunk)
                if start > size:
                    raise ValueError(f"more than the expected {size:,} bytes came")
                output.write(chunk)
                bar.update(len(chunk))
                lasted = time.monotonic() - began
                if lasted > GRACE and start - first < SLOWEST * lasted:
                    raise TimeoutError(f"{start - first:,} bytes in {lasted:.0f} s, too slow")
    if start < size:
        raise ConnectionError(f"the connection ended after {start:,} of {size:,} bytes")


@contextlib.contextmanager
def patience() -> Iterator:
    """Raise TimeoutError if the block, since its beginning or the last call of what it is given,
    has waited for TIMEOUT seconds.

    A socket's own limit starts anew with every byte, of a header for instance.
    """

    def expire(*_):
        raise TimeoutError(f"nothing came for {TIMEOUT} s")

    def wait() -> None:
        signal.setitimer(signal.ITIMER_REAL, TIMEOUT)

    before = signal.signal(signal.SIGALRM, expire)
    wait()
    try:
        yield wait
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
