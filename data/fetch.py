"""Fetch one official file over HTTP: resumed, retried, from several addresses, verified.

A file gets its final name only after its size and checksums were found right; until then it is
NAME.part, which a later call continues.
"""

import http.client
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path

from tqdm import tqdm

from data.sources import OfficialFile

TRIES = 3  # for each address
TIMEOUT = 30  # seconds without a byte
CHUNK = 1 << 18
HOPELESS = range(400, 500)  # the request is at fault; asking again changes nothing,
BUSY = (408, 416, 425, 429)  # except for these
NOBODY = (socket.gaierror, ConnectionRefusedError)  # no network, or no server: do not wait


def fetch(file: OfficialFile, folder: Path, attempts: list[str], pause: float = 1.0) -> bool:
    """Fetch `file` into `folder` and return whether it is there now.

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
            except ValueError as error:  # complete, but wrong: nothing of it can be kept
                part.unlink(missing_ok=True)
                attempts.append(f"{address}: {error}")
                if not resumed:  # else the fault may lie in what was there before
                    break
            except urllib.error.HTTPError as error:
                attempts.append(f"{address}: HTTP {error.code} {error.reason}")
                if error.code == 416:  # the server's file ends before our part of it does
                    part.unlink(missing_ok=True)
                if error.code in HOPELESS and error.code not in BUSY:
                    break
            except (OSError, http.client.HTTPException) as error:
                attempts.append(f"{address}: {error}")
                if isinstance(getattr(error, "reason", None), NOBODY):
                    break
            if attempt + 1 < TRIES:
                time.sleep(pause * 2**attempt)
    return False


def receive(address: str, part: Path, size: int) -> None:
    """Append to `part` what it lacks of `size` bytes.

    Raises ValueError for a web page or too long a file, OSError if the connection ends early.
    """
    start = part.stat().st_size if part.exists() else 0
    if start >= size:
        return
    request = urllib.request.Request(address, headers={"User-Agent": "vimae-reproduction"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
        if response.headers.get_content_type() == "text/html":
            raise ValueError("a web page came instead of the file (login, quota or error page)")
        if response.status != 206:  # the server sends the whole file from its beginning
            start = 0
        bar = tqdm(total=size, initial=start, unit="B", unit_scale=True, disable=None)
        with open(part, "ab" if start else "wb") as output, bar:
            while chunk := response.read(CHUNK):
                start += len(chunk)
                if start > size:
                    raise ValueError(f"more than the expected {size:,} bytes came")
                output.write(chunk)
                bar.update(len(chunk))
    if start < size:
        raise ConnectionError(f"the connection ended after {start:,} of {size:,} bytes")
