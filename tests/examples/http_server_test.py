#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Talks HTTP to examples/http_server, well and badly: http_server_test.py BINARIES SOURCES."""
import contextlib
import email.utils
import http.client
import random
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest

from examples_test import ANY_PORT, BINARIES, DEADLINE_SECONDS, connect, run

HELLO = b"Hello, world!\n"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
MEBIBYTE = 1 << 20

# Refused, each with its status. What is to be 400 would otherwise be read in one way here and in
# another one by some proxy.
REFUSED = {
    "no request": (b"hello\r\n\r\n", 400),
    "no version": (b"GET /\r\n\r\n", 505),
    "HTTP/2": (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    "HTTP/2, as it begins": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    "LF alone": (b"GET / HTTP/1.1\nHost: a\n\n", 400),
    "CR alone": (b"GET / HTTP/1.1\r\nHost: a\r\nX:\rTransfer-Encoding: chunked\r\n\r\n", 400),
    "zero byte": (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400),
    "control character in the target": (b"GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "space after a name": (POST + b"Content-Length : 1\r\n\r\nx", 400),
    "no colon": (b"GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 400),
    "folded header": (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", 400),
    "folded encoding": (POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400),
    "length and encoding": (POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    "encoding and length": (POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400),
    "two lengths": (POST + b"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400),
    "list of lengths": (POST + b"Content-Length: 1, 1\r\n\r\nx", 400),
    "length without digits": (POST + b"Content-Length:\r\n\r\n", 400),
    "length with a sign": (POST + b"Content-Length: +1\r\n\r\nx", 400),
    "negative length": (POST + b"Content-Length: -1\r\n\r\nx", 400),
    "hexadecimal length": (POST + b"Content-Length: 0x1\r\n\r\nx", 400),
    "length beyond 64 bits": (POST + b"Content-Length: 18446744073709551617\r\n\r\nx", 400),
    "chunked is not last": (POST + b"Transfer-Encoding: chunked, identity\r\n\r\n", 400),
    "chunked twice": (POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n", 400),
    "other encoding": (POST + b"Transfer-Encoding: xchunked\r\n\r\n", 501),
    "two encodings": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501),
    "encoding in HTTP/1.0": (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    "chunk with a sign": (CHUNKED + b"+1\r\nx\r\n0\r\n\r\n", 400),
    "chunk with a prefix": (CHUNKED + b"0x1\r\nx\r\n0\r\n\r\n", 400),
    "chunk of more than 64 bits": (CHUNKED + b"10000000000000001\r\nx\r\n0\r\n\r\n", 400),
    "chunk's size ends with LF": (CHUNKED + b"1\nx\r\n0\r\n\r\n", 400),
    "chunk's extension ends with LF": (CHUNKED + b"1;a\nx\r\n0\r\n\r\n", 400),
    "bytes behind a chunk": (CHUNKED + b"1\r\nxyz0\r\n\r\n", 400),
    "other expectation": (POST + b"Expect: cake\r\nContent-Length: 1\r\n\r\n", 417),
    "target too long": (b"GET /" + b"a" * 8192 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 431),
    "header too long": (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 8192, 431),
    "too many headers": (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * 100 + b"\r\n", 431),
    "extensions too long": (CHUNKED + b"1;" + b"a" * 8193, 431),
    "trailers too long": (CHUNKED + b"0\r\n" + b"X: aaaa\r\n" * 2000, 431),
    "body too long": (POST + b"Content-Length: 1048577\r\n\r\n", 413),
    "chunk too long": (CHUNKED + b"100001\r\n" + b"x" * (MEBIBYTE + 1), 413),
}


class Answer:
    """One that a client gets, read as strictly as it is to be written."""

    def __init__(self, stream, to_head=False):
        line = stream.readline()
        version, status, self.reason = line.decode().split(" ", 2)
        assert version == "HTTP/1.1" and line.endswith(b"\r\n"), line
        self.status = int(status)
        self.headers = http.client.parse_headers(stream)
        self.body = b""
        if self.status >= 200:
            age = time.time() - email.utils.parsedate_to_datetime(self.headers["Date"]).timestamp()
            assert -1 < age < DEADLINE_SECONDS, age
            size = int(self.headers["Content-Length"])
            self.body = b"" if to_head else stream.read(size)
            assert to_head or len(self.body) == size, self.body

    @property
    def closes(self):
        return self.headers["Connection"] == "close"


def answers(client, count=None):
    """`count` answers to others than HEAD, or all until the server closes."""
    found = []
    with client.makefile("rb") as stream:
        while len(found) < count if count else stream.peek(1):
            found.append(Answer(stream))
    return found


class Running:
    """A server that ends well when it is told to."""

    def __init__(self, seconds=DEADLINE_SECONDS):
        self._process = subprocess.Popen([BINARIES / "http_server", ANY_PORT, str(seconds)],
                                         stdout=subprocess.PIPE, text=True)
        host, _, port = self._process.stdout.readline().split()[-1].rpartition(":")
        self.address = host, int(port)

    def stop(self):
        self._process.send_signal(signal.SIGTERM)

    def status(self):
        return self._process.wait(DEADLINE_SECONDS)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


class HttpServer(unittest.TestCase):
    """What one server is asked, by well-bred clients and by others."""

    @classmethod
    def setUpClass(cls):
        cls.running = cls.enterClassContext(Running())
        cls.address = cls.running.address

    @classmethod
    def tearDownClass(cls):
        cls.running.stop()
        assert cls.running.status() == 0

    def exchange(self, request, count=None):
        """The answers to bytes that are sent at once; the client's side stays open."""
        with connect(self.address) as client:
            client.sendall(request)
            return answers(client, count)

    def test_a_client_of_pythons(self):
        client = http.client.HTTPConnection(*self.address, timeout=DEADLINE_SECONDS)
        self.addCleanup(client.close)
        bodies = {"GET": HELLO, "HEAD": b"", "POST": b"x" * MEBIBYTE}
        sockets = set()
        for method, body in bodies.items():
            client.request(method, "/?a=b", body if method == "POST" else None)
            sockets.add(client.sock)
            response = client.getresponse()
            self.assertEqual((response.status, response.read()), (200, body), method)
        # A body without a length is sent in chunks.
        client.request("POST", "/", iter([b"a", b"bc" * 5000, b"d"]), encode_chunked=True)
        self.assertEqual(client.getresponse().read(), b"a" + b"bc" * 5000 + b"d")
        for method, path, status in (("GET", "/other", 404), ("PUT", "/", 405), ("GET", "/", 200)):
            client.request(method, path)
            response = client.getresponse()
            self.assertEqual(response.status, status)
            response.read()
        sockets.add(client.sock)
        self.assertEqual(len(sockets), 1)

    def test_the_length_in_the_answer_to_head(self):
        with connect(self.address) as client, client.makefile("rb") as stream:
            client.sendall(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" + GET)
            self.assertEqual(Answer(stream, to_head=True).headers["Content-Length"], "14")
            self.assertEqual(Answer(stream).body, HELLO)

    def test_requests_that_come_together_are_answered_in_order(self):
        request = b"".join(POST + b"Content-Length: %d\r\n\r\n" % len(str(i)) + b"%d" % i + GET
                           for i in range(2000))
        with connect(self.address) as client:
            # The server does not read on while its answers are not taken.
            sender = threading.Thread(target=client.sendall, args=(request,))
            sender.start()
            found = [each.body for each in answers(client, 4000)]
            sender.join(DEADLINE_SECONDS)
        self.assertEqual(found[1::2], [HELLO] * 2000)
        self.assertEqual(found[::2], [b"%d" % i for i in range(2000)])

    def test_one_byte_at_a_time(self):
        request = (CHUNKED.replace(b"Host", b"X: y\r\nHost") + b"3;a=b\r\nabc\r\n2\r\nde\r\n0\r\n"
                   b"X: y\r\n\r\n" + GET)
        with connect(self.address) as client:
            for byte in request:
                client.sendall(bytes([byte]))
            self.assertEqual([each.body for each in answers(client, 2)], [b"abcde", HELLO])

    def test_what_is_refused(self):
        for name, (request, status) in REFUSED.items():
            with self.subTest(name):
                # What follows must not be taken for a request.
                answer, = self.exchange(request + GET)
                self.assertEqual((answer.status, answer.closes), (status, True))

    def test_what_is_refused_one_byte_at_a_time(self):
        for name, (request, status) in REFUSED.items():
            if len(request) > 1000:
                continue
            with self.subTest(name), connect(self.address) as client:
                with contextlib.suppress(OSError):  # it has heard enough
                    for byte in request + GET:
                        client.sendall(bytes([byte]))
                self.assertEqual([each.status for each in answers(client)], [status])

    def test_the_largest_that_is_accepted(self):
        head = POST + b"Content-Length: %d\r\n" % MEBIBYTE
        head += b"X: a\r\n" * 97
        head += b"Y: " + b"a" * (8192 - len(head) - 7) + b"\r\n\r\n"
        self.assertEqual(len(head), 8192)
        answer, = self.exchange(head + b"x" * MEBIBYTE, 1)
        self.assertEqual((answer.status, answer.body), (200, b"x" * MEBIBYTE))

    def test_forms_of_requests(self):
        accepted = {
            "of proxies": b"GET http://a HTTP/1.1\r\nHost: a\r\n\r\n",
            "empty lines before it": b"\r\n\r\n" + GET,
            "spaces around a value": b"GET / HTTP/1.1\r\nHost:   a  \t\r\n\r\n",
            "another protocol is offered": b"GET / HTTP/1.1\r\nHost: a\r\n"
                                           b"Connection: upgrade\r\nUpgrade: h2c\r\n\r\n",
        }
        for name, request in accepted.items():
            with self.subTest(name):
                found = self.exchange(request + GET, 2)
                self.assertEqual([each.body for each in found], [HELLO] * 2)

    def test_when_the_connection_ends(self):
        close = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        old, old_kept = b"GET / HTTP/1.0\r\n\r\n", b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
        for request in (close, old):
            answer, = self.exchange(request + GET)
            self.assertEqual((answer.body, answer.closes), (HELLO, True))
        first, second = self.exchange(old_kept + close)
        self.assertEqual((first.headers["Connection"], first.body), ("keep-alive", HELLO))
        self.assertTrue(second.closes)
        answer, = self.exchange(b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n" + GET)
        self.assertTrue(answer.closes)

    def test_who_waits_for_continue_is_told_so(self):
        request = POST + b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\n"
        with connect(self.address) as client:
            client.sendall(request)
            self.assertEqual(answers(client, 1)[0].status, 100)
            client.sendall(b"body" + request + b"mo")
            # Not to one that has not waited.
            client.sendall(b"re")
            self.assertEqual([each.body for each in answers(client, 2)], [b"body", b"more"])
        too_large, = self.exchange(request.replace(b": 4", b": 1048577"))
        self.assertEqual(too_large.status, 413)
        nothing, = self.exchange(request.replace(b": 4", b": 0"), 1)
        self.assertEqual(nothing.status, 200)

    def test_a_side_that_is_closed(self):
        for request, bodies in ((GET * 2, [HELLO] * 2), (GET + GET[:10], [HELLO]), (b"", []),
                                (GET + POST + b"Content-Length: 9\r\n\r\nbody", [HELLO])):
            with connect(self.address) as client:
                client.sendall(request)
                client.shutdown(socket.SHUT_WR)
                self.assertEqual([each.body for each in answers(client)], bodies)

    def test_garbage(self):
        for seed in range(3):
            garbage = random.Random(seed).randbytes(MEBIBYTE)
            for begin in (b"", b"GET / HTTP/1.1\r\nHost: a\r\nX: ", CHUNKED):
                answer, = self.exchange(begin + garbage)
                self.assertEqual((answer.status, answer.closes), (400, True))

    def test_clients_that_vanish(self):
        for request in (GET * 1000, GET[:10], CHUNKED + b"5\r\nhe"):
            client = connect(self.address)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.sendall(request)
            client.close()
        self.assertEqual(self.exchange(GET, 1)[0].body, HELLO)


class HttpServerTimes(unittest.TestCase):
    def test_who_sends_too_slowly_is_told_so(self):
        with Running(seconds=1) as server:
            for begin in (b"GET / HTTP/1.1\r\n", POST + b"Content-Length: 999\r\n\r\n"):
                with connect(server.address) as client, client.makefile("rb") as stream:
                    client.sendall(GET)
                    self.assertEqual(Answer(stream).body, HELLO)
                    client.sendall(begin)
                    # A byte now and then does not help.
                    client.settimeout(0.05)
                    answer = b""
                    while not answer:
                        client.sendall(b"X")
                        with contextlib.suppress(TimeoutError):
                            answer = client.recv(9, socket.MSG_PEEK)
                    client.settimeout(DEADLINE_SECONDS)
                    late, = answers(client)
                    self.assertEqual((late.status, late.closes), (408, True))

    def test_who_says_nothing_is_left_without_a_word(self):
        with Running(seconds=1) as server:
            for request, count in ((b"", 0), (GET, 1)):
                with connect(server.address) as client:
                    client.sendall(request)
                    self.assertEqual(len(answers(client)), count)

    def test_who_takes_no_answers_is_left(self):
        with Running(seconds=1) as server, connect(server.address) as client:
            body = POST + b"Content-Length: %d\r\n\r\n" % MEBIBYTE + b"x" * MEBIBYTE
            with self.assertRaises((BrokenPipeError, ConnectionResetError)):
                for _ in range(1000):
                    client.sendall(body)

    def test_stop_ends_idle_connections_and_answers_what_has_been_asked(self):
        with Running() as server, connect(server.address) as idle, \
                connect(server.address) as asking, connect(server.address) as slow:
            for client in (idle, asking, slow):
                client.sendall(GET)
                self.assertEqual(answers(client, 1)[0].body, HELLO)
            slow.sendall(POST + b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\n")
            self.assertEqual(answers(slow, 1)[0].status, 100)
            asking.sendall(GET)
            server.stop()
            self.assertEqual([each.body for each in answers(asking)], [HELLO])
            for client in (idle, slow):
                self.assertEqual(answers(client), [])
            self.assertEqual(server.status(), 0)

    def test_arguments(self):
        self.assertIn("not an address", run("http_server", "nowhere").stderr)
        for seconds in ("0", "-1", "x"):
            self.assertEqual(run("http_server", ANY_PORT, seconds).returncode, 2)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
