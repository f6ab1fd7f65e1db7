#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`weft load` against an echo server of this test. WEFT_PROGRAM names the program."""

import asyncio
import contextlib
import json
import multiprocessing
import signal
import socket
import subprocess
import unittest

import weft_program
from weft_program import run

SHORT = ["--clients", "20", "--duration", "0.2"]


async def echo(reader, writer):
    with contextlib.suppress(ConnectionResetError):  # how a client of weft load goes
        while piece := await reader.read(65536):
            writer.write(piece)


async def serve(listener):
    server = await asyncio.start_server(echo, sock=listener)
    await server.serve_forever()


def serve_until_killed(listener):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(serve(listener))


class Load(unittest.TestCase):
    """Each case has a server of its own, which listens before its process starts."""

    def setUp(self):
        with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
            self.address = f"127.0.0.1:{listener.getsockname()[1]}"
            self.server = multiprocessing.get_context("fork").Process(
                target=serve_until_killed, args=(listener,), daemon=True)
            self.server.start()
        self.addCleanup(self.end_server)

    def end_server(self):
        self.server.kill()
        self.server.join()

    def load(self, *arguments):
        return run("load", "--connect", self.address, *arguments)

    def test_bad_options_are_named_in_one_line(self):
        for option, value, message in [
                ("--clients", "0", "from 1 to"), ("--clients", "1.5", "whole number"),
                ("--duration", "nan", "no number"), ("--duration", "0", "from 0.1"),
                ("--rate", "nan", "no number"), ("--rate", "inf", "no number"),
                ("--rate", "0", "no number"), ("--message-size", "15", "not from 16"),
                ("--message-size", "1M", "not from 16"), ("--message-size", "x", "no size"),
                ("--server-pid", "0", "whole number"), ("--server-pid", "-1", "whole number"),
                ("--json", "/nowhere/x.json", "cannot write"), ("--json", "", "--json")]:
            with self.subTest(option=option, value=value):
                done = self.load(f"{option}={value}")
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertEqual(done.stdout, "")
                self.assertRegex(done.stderr, r"\Aweft: [^\n]+\n\Z")
                self.assertIn(message, done.stderr)
        self.assertEqual(run("load").returncode, 2)

    def test_tells_what_it_measured(self):
        done = self.load(*SHORT, "--message-size", "4K")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"\A20 clients, 4096 bytes: \d+ requests/s, p50 ")
        self.assertEqual(done.stderr, "")

    def test_json_alone_on_standard_output(self):
        done = self.load(*SHORT, "--rate", "500", "--json", "-",
                         "--server-pid", str(self.server.pid))
        self.assertEqual(done.returncode, 0, done.stderr)
        report = json.loads(done.stdout)
        self.assertEqual((report["clients"], report["message_size"], report["errors"]),
                         (20, 64, 0))
        self.assertGreater(report["requests"], 0)
        self.assertLess(report["requests_per_second"], 1000)
        self.assertGreater(report["cpu_us_per_request"], 0)
        self.assertLessEqual(report["latency_us_p50"], report["latency_us_p999"])
        self.assertFalse(report["interrupted"])
        self.assertIn("of CPU per request", done.stderr)

    def test_nobody_listens(self):
        self.end_server()
        done = self.load(*SHORT)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertRegex(done.stderr, r"\Aweft: [^\n]+ \(20 refused\)\n\Z")

    def test_a_server_that_hangs_up_is_not_called_absent(self):
        """The true reason: the connections are made, and closed without an answer."""
        with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
            address = f"127.0.0.1:{listener.getsockname()[1]}"
            with subprocess.Popen(
                    [weft_program.PROGRAM, "load", "--connect", address, *SHORT], text=True,
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE) as program:
                for _ in range(20):
                    client, _ = listener.accept()
                    client.recv(64)
                    client.close()
                _, errors = program.communicate(timeout=weft_program.DEADLINE_SECONDS)
        self.assertEqual(program.returncode, 1)
        self.assertIn("20 closed", errors)

    def test_an_address_that_is_none(self):
        done = run("load", "--connect", "nowhere", *SHORT)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, r"\Aweft: nowhere: [^\n]+\n\Z")

    def test_ctrl_c_ends_it_with_what_was_measured(self):
        """The signal comes once a client is being served: the program handles it by then."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address = f"127.0.0.1:{listener.getsockname()[1]}"
            with subprocess.Popen(
                    [weft_program.PROGRAM, "load", "--connect", address, "--clients", "1",
                     "--duration", "60", "--json", "-"], text=True, stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
                client, _ = listener.accept()
                with client:
                    for _ in range(100):
                        client.sendall(client.recv(64))
                    program.send_signal(signal.SIGINT)
                    output, errors = program.communicate(timeout=weft_program.DEADLINE_SECONDS)
        self.assertEqual(program.returncode, 130, errors)
        self.assertTrue(json.loads(output)["interrupted"])


if __name__ == "__main__":
    unittest.main()
