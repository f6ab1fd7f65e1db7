# SPDX-License-Identifier: Apache-2.0
"""Runs programs, and servers that end with this process whatever happens to it."""
import ctypes
import json
import os
import select
import signal
import subprocess
import time

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class ProgramError(Exception):
    """A program did not do what it should; the text is for the reader of the report."""


def _child_setup(cpu):
    """What the child does before it becomes the program: dies with its parent, stays on `cpu`."""
    def setup():
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if cpu is not None:
            os.sched_setaffinity(0, {cpu})
    return setup


def run(command, timeout, cpu=None):
    """Standard output of `command`, which must succeed in `timeout` seconds."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout,
                              check=False, preexec_fn=_child_setup(cpu))
    except subprocess.TimeoutExpired as error:
        raise ProgramError(f"{_words(command)}: not ready after {timeout} s") from error
    except OSError as error:
        raise ProgramError(f"{_words(command)}: {error.strerror}") from error
    if done.returncode != 0:
        raise ProgramError(f"{_words(command)}: {ending(done.returncode)}{_tail(done.stderr)}")
    return done.stdout


def run_for_json(command, timeout, cpu=None):
    """The last line of standard output of `command`, or all of it, as a JSON object."""
    output = run(command, timeout, cpu).strip()
    for text in (output, output.rpartition("\n")[2]):
        try:
            document = json.loads(text)
        except ValueError:
            continue
        if isinstance(document, dict):
            return document
    raise ProgramError(f"{_words(command)}: printed no JSON object")


def ending(status):
    """"exit status 3" or "killed by SIGSEGV", from what subprocess calls the return code."""
    if status >= 0:
        return f"exit status {status}"
    return f"killed by {signal.Signals(-status).name}"


class Server:
    """A server that prints its port, or an address that ends with it, at the end of its first line.

    `with` ends it. It runs on `cpu` alone.
    """

    def __init__(self, command, cpu=None, start_timeout=20):
        self._command = command
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL, preexec_fn=_child_setup(cpu))
        except OSError as error:
            raise ProgramError(f"{_words(command)}: {error.strerror}") from error
        try:
            self.port = self._read_port(time.monotonic() + start_timeout)
        except BaseException:
            self.stop()
            raise

    @property
    def pid(self):
        return self._process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """Kills it: what it measures is over, and a graceful end is the tests' business."""
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()

    def cpu_seconds(self):
        """CPU time so far, of all its threads, user and system."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii", errors="replace") as file:
            # The name, which may contain anything, is in brackets.
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def check_alive(self):
        status = self._process.poll()
        if status is not None:
            raise ProgramError(f"{_words(self._command)}: {ending(status)}")

    def _read_port(self, deadline):
        line = b""
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([self._process.stdout], [], [],
                                        max(0.0, deadline - time.monotonic()))
            piece = os.read(self._process.stdout.fileno(), 64) if ready else b""
            if not piece:
                raise ProgramError(f"{_words(self._command)}: printed no port")
            line += piece
        port = line.strip().rpartition(b":")[2]
        if not port.isdigit():
            raise ProgramError(f"{_words(self._command)}: '{line!r}' is no port")
        return int(port)


def _words(command):
    return " ".join([os.path.basename(command[0]), *command[1:]])


def _tail(text):
    lines = text.strip().splitlines()
    return f": {lines[-1]}" if lines else ""
