# SPDX-License-Identifier: Apache-2.0
"""Runs the `weft` program for tests: waits for what it says, never for time, and leaves nothing.

Every process of a run inherits an environment variable of its own, by which those that are left are
found: by nothing else, since other tests run the same program at the same time.
"""

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
import uuid
from pathlib import Path

PROGRAM = os.environ.get("WEFT_PROGRAM", "weft")
# Of any wait: far beyond what it takes on a loaded machine.
DEADLINE_SECONDS = 120
# Of a run with thousands of processes: on a virtual machine a fork may take 5 ms.
LONG_DEADLINE_SECONDS = 800
MARK = "WEFT_TEST_RUN"


def run(*arguments, stdin_text="", deadline=DEADLINE_SECONDS, **options):
    """Runs to the end; the result has returncode, stdout and stderr as text."""
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, input=stdin_text,
                          timeout=deadline, check=False, **options)


def set_columns(terminal, columns):
    """How wide the program finds a terminal to be."""
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))


def read_all(terminal):
    """What is written to a terminal until nobody has its other end open any more."""
    text = b""
    while select.select([terminal], [], [], DEADLINE_SECONDS)[0]:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # the other end is closed
            piece = b""
        if not piece:
            return text.decode()
        text += piece
    raise AssertionError("the program does not end")


def _living(mark):
    """Numbers of the processes of a run that have not ended; zombies have."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
                if state not in "ZX":
                    found.append(int(folder.name))
    return found


class Run:
    """A run of `weft` whose progress goes to a terminal (standard error) and whose standard output
    is a pipe. A context manager: what is left at its end is killed."""

    def __init__(self, *arguments, columns=100, environment=None):
        self.mark = uuid.uuid4().hex
        self.seen = ""
        self._terminal, other_end = pty.openpty()
        os.environ.setdefault("TERM", "xterm")
        set_columns(other_end, columns)
        self.process = subprocess.Popen(
            [PROGRAM, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=other_end, env={**os.environ, **(environment or {}), MARK: self.mark},
            start_new_session=True)
        os.close(other_end)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        os.close(self._terminal)
        for number in self.living():
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)

    def living(self):
        return _living(self.mark)

    def wait_for_progress(self, text):
        """Until the progress line has said `text`."""
        until = time.monotonic() + DEADLINE_SECONDS
        while text not in self.seen:
            ready, _, _ = select.select([self._terminal], [], [], until - time.monotonic())
            if not ready:
                raise AssertionError(f"no '{text}' in the progress:\n{self.seen}")
            self._read()
            if self.process.poll() is not None and text not in self.seen:
                raise AssertionError(f"ended before '{text}':\n{self.seen}")

    def _read(self):
        with contextlib.suppress(OSError):  # the other end is closed
            self.seen += os.read(self._terminal, 65536).decode(errors="replace")

    def wait(self):
        """Until it ends by itself; its exit status and its standard output."""
        output = b""
        until = time.monotonic() + DEADLINE_SECONDS
        pipe = self.process.stdout
        open_pipes = {pipe.fileno(), self._terminal}
        while pipe.fileno() in open_pipes:
            ready, _, _ = select.select(list(open_pipes), [], [], until - time.monotonic())
            if not ready:
                raise AssertionError(f"does not end; its progress:\n{self.seen}")
            if self._terminal in ready:
                before = len(self.seen)
                self._read()
                if len(self.seen) == before:
                    open_pipes.discard(self._terminal)
            if pipe.fileno() in ready:
                piece = os.read(pipe.fileno(), 65536)
                output += piece
                if not piece:
                    open_pipes.discard(pipe.fileno())
        return self.process.wait(DEADLINE_SECONDS), output.decode()

    def wait_until(self, condition):
        """For what the program does without a word: looks again and again."""
        until = time.monotonic() + DEADLINE_SECONDS
        while not condition():
            if time.monotonic() > until or self.process.poll() is not None:
                raise AssertionError(f"it did not come to it; its progress:\n{self.seen}")
            time.sleep(0.01)

    def wait_until_none_lives(self):
        """For processes that must end by themselves soon. Looks again and again: the end of a
        stranger's child is no event that one can wait for."""
        until = time.monotonic() + DEADLINE_SECONDS
        while living := self.living():
            if time.monotonic() > until:
                raise AssertionError(f"still alive: {living}")
            time.sleep(0.02)
