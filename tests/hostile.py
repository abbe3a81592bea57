"""Bounds within which the tests of hostile input hold what they try."""

import contextlib
import resource
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import strategies as st


@contextlib.contextmanager
def bounded(megabytes: int = 256, seconds: float = 20) -> Iterator[None]:
    """Let the block take so much more address space, and so much time, and no more."""

    def expire(*_):
        raise AssertionError(f"not done after {seconds} s")

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = pages * resource.getpagesize() + (megabytes << 20)
    before = signal.signal(signal.SIGALRM, expire)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.signal(signal.SIGALRM, before)


def damage(data: st.DataObject, whole: bytes) -> bytes:
    """The bytes cut somewhere, or with one bit of them flipped."""
    content = bytearray(whole)
    place = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        del content[place:]
    else:
        content[place] ^= 1 << data.draw(st.integers(0, 7))
    return bytes(content)


def refused(
    act: Callable[[], object], *says: str, folder: Path | None = None, megabytes: int = 256
) -> str:
    """The message of the ValueError with which `act` ends, in bounded time and memory.

    It holds each of `says`, memory was not what failed, and `folder` is as it was.
    """
    there = sorted(folder.rglob("*")) if folder else []
    with bounded(megabytes), pytest.raises(ValueError) as caught:
        act()
    message = str(caught.value)
    for words in says:
        assert words in message
    assert "MemoryError" not in message and "allocate" not in message
    assert (sorted(folder.rglob("*")) if folder else []) == there
    return message
