#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The pooler as a service of a system: signals, what it tells a service manager, sockets from one."""
import contextlib
import os
import re
import signal
import socket
import subprocess
import unittest

import rig
import servers
from wire_client import Client, Closed, ServerError, query

OLDER = rig.but_for("pgbouncer", "before 1.23 signals have other meanings")
WEFT_POOL = unittest.skipIf(rig.TARGET != "weft-pool", "of weft-pool only")


class ServiceCase(rig.PoolCase):
    """Each test has a pooler of its own, since it ends it."""

    def setUp(self):
        super().setUp()
        self.server = servers.Pooler(rig.program(), self.postgres, {"pool_mode": self.mode})
        self.addCleanup(self.server.stop)

    def send(self, number, said):
        """Until the log says so once more."""
        before = self.server.process.said().count(said)
        self.server.process.send_signal(number)
        rig.eventually(lambda: self.server.process.said().count(said) > before,
                       f"nothing is said of {said}")

    def ended(self):
        self.assertEqual(self.server.process.wait(rig.DEADLINE_SECONDS), 0,
                         self.server.process.said()[-2000:])

    def refused(self, address):
        try:
            Client(address).socket.close()
        except (OSError, ServerError, Closed):
            return True
        return False


@rig.modes("transaction")
@rig.pooled
class Signals(ServiceCase):
    """As PgBouncer's."""

    def test_pause_and_resume(self):
        client = self.client()
        self.assertEqual(client.value("select 1"), "1")
        self.send(signal.SIGUSR1, "got SIGUSR1, pausing all activity")
        rig.eventually(lambda: not self.backends(), "servers are not closed")
        client.send(query("select 2"))
        self.send(signal.SIGUSR1, "got SIGUSR1, but already paused/suspended")
        self.assertEqual(self.backends(), [])
        self.send(signal.SIGUSR2, "got SIGUSR2, continuing from PAUSE")
        self.assertEqual(client.answer().rows, [["2"]])
        self.send(signal.SIGUSR2, "got SIGUSR2, but not paused/suspended")

    @OLDER
    def test_resume_from_suspend(self):
        client = self.client()
        client.run("select 1")
        self.client(user="weft", database="pgbouncer").run("suspend")
        client.send(query("select 2"))
        self.send(signal.SIGUSR2, "got SIGUSR2, continuing from SUSPEND")
        self.assertEqual(client.answer().rows, [["2"]])

    @OLDER
    def test_terminate_waits_for_clients(self):
        client = self.client()
        self.send(signal.SIGTERM, "waiting for all clients disconnect")
        rig.eventually(lambda: self.refused(self.tcp), "it lets clients in")
        self.assertTrue(self.refused(self.path))
        self.assertEqual(client.value("select 1"), "1")
        client.end()
        self.ended()

    @OLDER
    def test_interrupt_waits_for_servers(self):
        client, _idle = self.client(), self.client()
        client.run("begin; select 1")
        self.send(signal.SIGINT, "got SIGINT, shutting down")
        rig.eventually(lambda: self.refused(self.tcp), "it lets clients in")
        self.assertEqual(client.value("select 2"), "2")
        self.assertTrue(self.server.process.running())
        client.run("commit")
        self.ended()

    @OLDER
    def test_the_second_ends_it_at_once(self):
        for first, second in ((signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGTERM),
                              (signal.SIGTERM, signal.SIGQUIT)):
            with self.subTest(first=first, second=second):
                client = self.client()
                client.run("begin; select 1")
                self.send(first, "shutting down")
                # Reloads and resumes are none.
                self.send(signal.SIGHUP, "got SIGHUP, re-reading config")
                self.send(signal.SIGUSR2, "got SIGUSR2 while shutting down, ignoring")
                self.assertEqual(client.value("select 2"), "2")
                self.server.process.send_signal(second)
                self.ended()
                self.server.start()

    @OLDER
    def test_quit_ends_it_at_once(self):
        client = self.client()
        client.run("begin; select 1")
        self.send(signal.SIGQUIT, "got SIGQUIT, fast exit")
        self.ended()
        with self.assertRaises((Closed, ServerError, OSError)):
            client.run("select 2")


class Manager:
    """Hears what services say to $NOTIFY_SOCKET."""

    def __init__(self):
        self.name = f"weft-pool-test-{os.getpid()}"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + self.name)
        self.socket.settimeout(rig.DEADLINE_SECONDS)

    @contextlib.contextmanager
    def around(self):
        """What is started here is a service of this manager."""
        os.environ["NOTIFY_SOCKET"] = "@" + self.name
        try:
            yield self
        finally:
            del os.environ["NOTIFY_SOCKET"]

    def heard(self):
        return self.socket.recv(4096).decode()


@rig.modes("session")
@WEFT_POOL
class Notify(ServiceCase):
    """As systemd wants it with Type=notify-reload."""

    def setUp(self):
        self.manager = Manager()
        self.addCleanup(self.manager.socket.close)
        with self.manager.around():
            super().setUp()

    def test_what_happens_is_told(self):
        self.assertIn("READY=1\n", self.manager.heard())
        self.send(signal.SIGHUP, "got SIGHUP")
        self.assertTrue(re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+\n", self.manager.heard()))
        self.assertIn("READY=1\n", self.manager.heard())
        self.send(signal.SIGTERM, "got SIGTERM")
        self.assertIn("STOPPING=1\n", self.manager.heard())
        self.ended()


@rig.modes("transaction")
@WEFT_POOL
class Activation(rig.PoolCase):
    """Sockets that listened before the pooler was there. Not that of setUpClass: one by hand."""

    def pass_sockets(self, *sockets):
        """Starts a pooler that gets them as systemd would pass them."""
        fds = [each.fileno() for each in sockets]

        def setup():
            # Away first: the numbers may be those of each other.
            moved = [os.dup2(fd, 100 + at) for at, fd in enumerate(fds)]
            for at, fd in enumerate(moved):
                os.dup2(fd, 3 + at)
            os.environ["LISTEN_PID"] = str(os.getpid())
            os.environ["LISTEN_FDS"] = str(len(fds))

        self.log = os.path.join(self.server.folder, "passed.log")
        with open(self.log, "wb") as log:
            pooler = subprocess.Popen(
                [rig.program(), self.file()], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                pass_fds=range(3, 3 + len(fds)), preexec_fn=setup)

        def stop():
            pooler.send_signal(signal.SIGQUIT)
            self.assertEqual(pooler.wait(rig.DEADLINE_SECONDS), 0)
        self.addCleanup(lambda: pooler.poll() is None and stop())
        return pooler

    def file(self):
        """Like that of the other, but for the port, which nobody may listen at."""
        with open(self.server.file, encoding="utf-8") as file:
            text = file.read().replace(f"listen_port = {self.server.port}", "listen_port = 1")
        path = os.path.join(self.server.folder, "passed.ini")
        servers.write_file(path, text)
        return path

    def test_tcp_and_unix(self):
        path = os.path.join(self.server.folder, "passed")
        with socket.create_server(("127.0.0.1", 0)) as tcp, \
                socket.socket(socket.AF_UNIX) as unix:
            unix.bind(path)
            unix.listen()
            # Who comes before it is there waits.
            early = Client(tcp.getsockname(), login=False)
            self.addCleanup(early.socket.close)
            pooler = self.pass_sockets(tcp, unix)
            early.login()
            self.assertEqual(early.value("select 1"), "1")
            with Client(path) as late:
                self.assertEqual(late.value("select 2"), "2")
            early.end()
            pooler.send_signal(signal.SIGTERM)
            self.assertEqual(pooler.wait(rig.DEADLINE_SECONDS), 0)
            # They are the manager's: they listen on, and the file stays, for the next one.
            self.assertTrue(os.path.exists(path))
            next_one = Client(tcp.getsockname(), login=False)
            self.addCleanup(next_one.socket.close)
            self.pass_sockets(tcp, unix)
            next_one.login()
            self.assertEqual(next_one.value("select 3"), "3")

    def test_what_does_not_listen_is_refused(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            pooler = self.pass_sockets(datagrams)
            self.assertEqual(pooler.wait(rig.DEADLINE_SECONDS), 1)
        with open(self.log, encoding="utf-8") as file:
            self.assertIn("does not listen", file.read())


if __name__ == "__main__":
    unittest.main()
