#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the examples: examples_test.py BINARY_FOLDER SOURCE_FOLDER."""
import contextlib
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import unittest

BINARIES, SOURCES = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
DEADLINE_SECONDS = 60
ANY_PORT = "127.0.0.1:0"


def run(name, *arguments):
    return subprocess.run([BINARIES / name, *arguments], capture_output=True, text=True,
                          timeout=DEADLINE_SECONDS, check=False)


@contextlib.contextmanager
def server(test, name, *arguments, address=ANY_PORT):
    """Runs a server, on a free port if not told otherwise; gives its address: a host and a port, or
    a path. It must end well when it is told to."""
    with subprocess.Popen([BINARIES / name, *arguments, address], stdout=subprocess.PIPE,
                          text=True) as process:
        try:
            host, _, port = process.stdout.readline().split()[-1].rpartition(":")
            yield port if host == "unix" else (host, int(port))
            process.send_signal(signal.SIGTERM)
            test.assertEqual(process.wait(DEADLINE_SECONDS), 0)
        finally:
            process.kill()


def connect(address):
    return socket.create_connection(address, DEADLINE_SECONDS)


def receive(client, size):
    text = b""
    while len(text) < size and (piece := client.recv(size - len(text))):
        text += piece
    return text


@contextlib.contextmanager
def certificate_of_localhost():
    """The paths of its chain and of its key."""
    with tempfile.TemporaryDirectory() as folder:
        chain, key = f"{folder}/chain.pem", f"{folder}/key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-keyout", key, "-out",
                        chain, "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
                       check=True, capture_output=True)
        yield chain, key


class Examples(unittest.TestCase):
    def test_are_short(self):
        for path in SOURCES.glob("*.cpp"):
            self.assertLessEqual(len(path.read_text().splitlines()), 60, path.name)

    def test_all_are_run_here(self):
        tested = {name.removeprefix("test_") for name in dir(self) if name.startswith("test_")}
        self.assertLessEqual({path.stem for path in SOURCES.glob("*.cpp")}, tested)

    def test_echo_server(self):
        with server(self, "echo_server") as address, connect(address) as client:
            client.sendall(b"hello")
            self.assertEqual(receive(client, 5), b"hello")
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(receive(client, 1), b"")
        self.assertIn("not an address", run("echo_server", "nowhere").stderr)

    def test_chat_server(self):
        with server(self, "chat_server") as address:
            with connect(address) as one, connect(address) as two, connect(address) as three:
                # Each is in the room once another hears it.
                one.settimeout(0.05)
                heard = b""
                while not heard:
                    two.sendall(b"?")
                    with contextlib.suppress(TimeoutError):
                        heard = one.recv(1024)
                one.settimeout(DEADLINE_SECONDS)
                three.sendall(b"from three")
                while b"from three" not in heard:
                    piece = one.recv(1024)
                    self.assertTrue(piece, heard)
                    heard += piece
                one.sendall(b"from one")
                heard = b""
                while not heard.endswith(b"from one"):
                    piece = three.recv(1024)
                    self.assertTrue(piece, heard)
                    heard += piece
        self.assertEqual(run("chat_server", "nowhere").returncode, 1)

    def test_word_count(self):
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for number in range(10):
                path = pathlib.Path(folder) / str(number)
                path.write_text("three words here\n" * 1000 + "\n  two words", encoding="utf-8")
                paths.append(path)
            self.assertEqual(run("word_count", *paths).stdout, f"{10 * 3002}\n")
            failed = run("word_count", *paths, "/does/not/exist")
            self.assertEqual(failed.returncode, 1)
            self.assertIn("/does/not/exist: cannot be read", failed.stderr)

    def test_fastest(self):
        with socket.create_server(("127.0.0.1", 0)) as there:
            answers = f"127.0.0.1:{there.getsockname()[1]}"
            with socket.socket() as closed:
                closed.bind(("127.0.0.1", 0))
                refuses = f"127.0.0.1:{closed.getsockname()[1]}"
                found = run("fastest", refuses, answers)
                self.assertEqual((found.returncode, found.stdout), (0, answers + "\n"))
                self.assertEqual(run("fastest", refuses).stdout, "none\n")
        self.assertEqual(run("fastest", "nowhere").returncode, 2)

    def test_run_each(self):
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for number in range(6):
                path = pathlib.Path(folder) / str(number)
                path.write_text("x" * number, encoding="utf-8")
                paths.append(path)
            shown = run("run_each", "wc -c", *paths, "/does/not/exist").stdout
            for number, path in enumerate(paths):
                self.assertIn(f"{path}: exited with code 0\n{number} {path}\n", shown)
            self.assertIn("/does/not/exist: exited with code 1\n", shown)
            self.assertIn("No such file", run("run_each", "/does/not/exist", "file").stdout)
        self.assertEqual(run("run_each").returncode, 2)

    def test_watch(self):
        with tempfile.TemporaryDirectory() as folder, \
                subprocess.Popen([BINARIES / "watch", folder], stdout=subprocess.PIPE,
                                 text=True) as process:
            try:
                self.assertEqual(process.stdout.readline(), "watching\n")
                pathlib.Path(folder, "file").write_text("text", encoding="utf-8")
                lines = []
                while not lines or "in this second" not in lines[-1]:
                    lines.append(process.stdout.readline())
                    self.assertTrue(lines[-1])
                self.assertIn("file\n", lines)
                process.send_signal(signal.SIGTERM)
                self.assertIn(f"stopped by signal {signal.SIGTERM:d}\n", process.stdout.read())
                self.assertEqual(process.wait(DEADLINE_SECONDS), 0)
            finally:
                process.kill()
        self.assertEqual(run("watch", "/does/not/exist").returncode, 2)

    def test_bridge(self):
        self.assertEqual(sorted(run("bridge", "20").stdout.splitlines()),
                         sorted(f"car {i} has crossed" for i in range(40)))

    def test_cached(self):
        lines = run("cached", "10").stdout.splitlines()
        self.assertEqual(sorted(lines[:-1]), [f"fetched {i}" for i in range(10)])
        self.assertEqual(lines[-1], str(100 * sum(i * i for i in range(10))))

    def test_downloads(self):
        # Weights 3121, 1024 and 335: 3 MiB take 4.31 s of the largest; the others then share the line.
        self.assertEqual(run("downloads").stdout, "urgent ended after 4.3 s\n"
                         "usual ended after 7.0 s\nwhenever ended after 9.0 s\n")

    def test_number_lines(self):
        def number(text):
            return subprocess.run([BINARIES / "number_lines"], input=text, capture_output=True,
                                  text=True, timeout=DEADLINE_SECONDS, check=False)
        self.assertEqual(number("a\n\nb\n").stdout, "1 a\n2 \n3 b\n")
        self.assertEqual(number("").stdout, "")
        unended = number("a\nb")
        self.assertEqual((unended.returncode, unended.stdout), (1, "1 a\n"))
        too_long = number("x" * 20000)
        self.assertEqual(too_long.returncode, 1)
        self.assertIn("number_lines: read", too_long.stderr)
        with subprocess.Popen([BINARIES / "number_lines", "1"], stdin=subprocess.PIPE,
                              stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            try:
                self.assertEqual(process.stderr.readline(), "waiting for line 1\n")
                process.stdin.write("late\n")
                process.stdin.flush()
                self.assertEqual(process.stdout.readline(), "1 late\n")
            finally:
                process.stdin.close()
            self.assertEqual(process.wait(DEADLINE_SECONDS), 0)

    def test_primes(self):
        self.assertEqual(run("primes", "12").stdout.split(),
                         "2 3 5 7 11 13 17 19 23 29 31 37".split())

    def test_tenants(self):
        lines = run("tenants", "3", "3072", "1024").stdout.splitlines()
        self.assertEqual(sorted(lines[:-1]), 20 * ["a fiber of large"] + ["a fiber of small"])
        share = int(lines[-1].removeprefix("small got ").removesuffix(" % of the CPU"))
        self.assertTrue(60 <= share <= 90, share)  # 75; among 21 fibers alike it were 5

    def test_udp_ping(self):
        # The first one is lost; on a busy machine more come too late.
        self.assertRegex(run("udp_ping").stdout, r"^answered after [2-5] attempts\n$")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 0))
            asked = run("udp_ping", f"127.0.0.1:{silent.getsockname()[1]}")
        self.assertEqual(asked.returncode, 1)
        self.assertIn("timed out", asked.stderr)

    def test_word_files(self):
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "a").write_text("one two\nthree ")
            pathlib.Path(folder, "b").write_text("four")
            total = pathlib.Path(folder, "sum")
            for words in (4, 5):  # the second time with the sum of the first
                self.assertEqual(run("word_files", folder, total).returncode, 0)
                self.assertEqual(total.read_text(), f"{words}\n")
        failed = run("word_files", "/does/not/exist", "/dev/null")
        self.assertEqual(failed.returncode, 1)
        self.assertIn("No such file", failed.stderr)
        self.assertEqual(run("word_files").returncode, 2)

    def test_hedged(self):
        self.assertEqual(run("hedged", "0", "0", "30000").stdout, "answer after 0 ms\nasked 0\n")
        self.assertEqual(run("hedged", "3000", "1", "0").stdout,
                         "answer after 1 ms\nasked 3000\nasked 1\n")

    def test_ledger(self):
        self.assertEqual(run("ledger").stdout, "audit: 1000\nat the end: 1000\n")

    def test_rounds(self):
        for workers in ("1", "3"):
            done = run("rounds", workers)
            self.assertEqual((done.returncode, done.stdout), (0, "settled\n"))
            late = run("rounds", workers, "100000", "0")
            self.assertEqual((late.returncode, late.stdout), (1, "not settled in time\n"))

    def test_monitor(self):
        lines = run("monitor", "2").stdout.splitlines()
        self.assertTrue(lines)
        found = re.fullmatch(r"live (\d+), kernel threads (\d+), switches (\d+), "
                             r"preempted (\d+), blocked (\d+)", lines[-1])
        live, threads, switches, *_ = map(int, found.groups())
        self.assertEqual(live, 1003)  # 1000 wait, one computes, one blocks, one watches
        self.assertGreaterEqual(threads, 1)
        self.assertGreaterEqual(switches, 1000)

    def test_characters(self):
        with subprocess.Popen([BINARIES / "characters"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, env={**os.environ, "LC_ALL": "C"}) as process:
            try:
                # There is one worker: this fiber goes on although the other one waits.
                self.assertEqual(process.stdout.readline(), b"counting\n")
                text = "na\u00efve \u20ac \U0001f600\n".encode()
                for byte in text:
                    process.stdin.write(bytes([byte]))
                    process.stdin.flush()
                process.stdin.close()
                self.assertEqual(process.stdout.read(), b"10\n")
                self.assertEqual(process.wait(DEADLINE_SECONDS), 0)
            finally:
                process.kill()

    def test_proxy(self):
        with socket.create_server(("127.0.0.1", 0)) as there, tempfile.TemporaryDirectory() as folder:
            there.settimeout(DEADLINE_SECONDS)
            target = f"127.0.0.1:{there.getsockname()[1]}"

            def check(near):
                far, _ = there.accept()
                with near, far:
                    far.settimeout(DEADLINE_SECONDS)
                    near.sendall(b"question")
                    near.shutdown(socket.SHUT_WR)
                    self.assertEqual(receive(far, 9), b"question")  # and the end
                    far.sendall(b"answer" * 100000)
                    far.shutdown(socket.SHUT_WR)
                    self.assertEqual(receive(near, 600001), b"answer" * 100000)

            with server(self, "proxy", target) as address:
                check(connect(address))
                # A second one on the same port. (It may not be ready for a SIGTERM by now.)
                same = "{}:{}".format(*address)
                with subprocess.Popen([BINARIES / "proxy", target, same], stdout=subprocess.PIPE,
                                      text=True) as second:
                    self.assertEqual(second.stdout.readline(), f"listening on {same}\n")
                    second.kill()
                idle = connect(address)
                target_of_idle, _ = there.accept()
            with idle, target_of_idle:  # it ends with the proxy
                self.assertEqual(receive(idle, 1), b"")
            path = f"{folder}/proxy"
            with server(self, "proxy", target, address=f"unix:{path}"), \
                    socket.socket(socket.AF_UNIX) as near:
                near.settimeout(DEADLINE_SECONDS)
                near.connect(path)
                check(near)
        self.assertIn("not an address", run("proxy", target, "nowhere").stderr)

    def test_give_file(self):
        with tempfile.TemporaryDirectory() as folder:
            content = os.urandom(1 << 20)
            path = pathlib.Path(folder, "file")
            path.write_bytes(content)
            with server(self, "give_file", path) as address, connect(address) as client:
                self.assertEqual(receive(client, len(content) + 1), content)
            local = f"{folder}/socket"
            with server(self, "give_file", path, address=f"unix:{local}"), \
                    socket.socket(socket.AF_UNIX) as client:
                client.settimeout(DEADLINE_SECONDS)
                client.connect(local)
                text, descriptors, _, _ = socket.recv_fds(client, 100, 1)
                self.assertEqual((text, len(descriptors)), (b"here it is\n", 1))
                with os.fdopen(descriptors[0], "rb") as file:
                    self.assertEqual(file.read(), content)
        self.assertIn("No such file", run("give_file", "/does/not/exist", ANY_PORT).stderr)
        self.assertEqual(run("give_file").returncode, 2)

    def test_blocking_library(self):
        count = 200
        with socket.create_server(("127.0.0.1", 0), backlog=count) as there:
            there.settimeout(DEADLINE_SECONDS)
            port = str(there.getsockname()[1])
            with subprocess.Popen([BINARIES / "blocking_library", port, str(count)], text=True,
                                  stdout=subprocess.PIPE) as process, \
                    contextlib.ExitStack() as connections:
                try:
                    # Nobody is answered before all have asked.
                    clients = [connections.enter_context(there.accept()[0]) for _ in range(count)]
                    for client in clients:
                        client.settimeout(DEADLINE_SECONDS)
                        client.sendall(client.recv(100).replace(b"question", b"answer"))
                    self.assertEqual(sorted(process.stdout.read().splitlines()),
                                     sorted(f"answer {i}" for i in range(count)))
                    self.assertEqual(process.wait(DEADLINE_SECONDS), 0)
                finally:
                    process.kill()
        self.assertEqual(run("blocking_library", port, "2").stdout, 2 * "Connection refused\n")

    @unittest.skipUnless((BINARIES / "resolve").exists(), "built without c-ares")
    def test_resolve(self):
        found = run("resolve", "192.0.2.1", "2001:db8::1")
        self.assertEqual((found.returncode, found.stdout),
                         (0, "192.0.2.1 192.0.2.1:0\n2001:db8::1 [2001:db8::1]:0\n"))
        failed = run("resolve", "a..b")
        self.assertEqual(failed.returncode, 1)
        self.assertIn("a..b: that cannot be the name of a host", failed.stderr)
        self.assertEqual(run("resolve").returncode, 2)

    @unittest.skipUnless((BINARIES / "http_server").exists(), "built without llhttp")
    def test_http_server(self):
        # What it does with less simple clients: http_server_test.py.
        with server(self, "http_server") as address, connect(address) as client:
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            self.assertTrue(receive(client, 4096).endswith(b"\r\n\r\nHello, world!\n"))

    @unittest.skipUnless((BINARIES / "tls_echo").exists(), "built without OpenSSL")
    def test_tls_echo(self):
        with certificate_of_localhost() as (chain, key):
            trust = ssl.create_default_context(cafile=chain)
            with server(self, "tls_echo", chain, key) as address:
                with trust.wrap_socket(connect(address), server_hostname="localhost") as client:
                    client.sendall(b"hello")
                    self.assertEqual(receive(client, 5), b"hello")
                    client.unwrap().close()
                with connect(address) as client:
                    client.sendall(b"GET / HTTP/1.1\r\n\r\n")
                    self.assertNotIn(b"HTTP", receive(client, 100))
            self.assertIn("No such file", run("tls_echo", chain, key + ".missing").stderr)
        self.assertEqual(run("tls_echo").returncode, 2)

    @unittest.skipUnless((BINARIES / "fetch_tls").exists(), "built without OpenSSL")
    def test_fetch_tls(self):
        def fetch(*arguments):
            return subprocess.run([BINARIES / "fetch_tls", *arguments], input="a question", text=True,
                                  capture_output=True, timeout=DEADLINE_SECONDS, check=False)
        with certificate_of_localhost() as (chain, key):
            with server(self, "tls_echo", chain, key) as address:
                echo = "{}:{}".format(*address)
                good = fetch(echo, "localhost", chain)
                self.assertEqual((good.returncode, good.stdout), (0, "a question"))
                other = fetch(echo, "example.org", chain)
                self.assertEqual((other.returncode, other.stdout), (1, ""))
                self.assertIn("is for localhost, not for example.org", other.stderr)
            self.assertIn("No such file", fetch(echo, "localhost", chain + ".missing").stderr)
            self.assertIn("Connection refused", fetch(echo, "localhost", chain).stderr)
        self.assertEqual(fetch().returncode, 2)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
