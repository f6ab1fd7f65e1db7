#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Online restart: a new process takes over from the running one, and no client sees it."""
import array
import os
import socket
import struct
import subprocess
import threading
import unittest
import urllib.request

import rig
import servers
from wire_client import SYNC, Channel, Client, ServerError, bind, describe, execute, parse, query


class Looper:
    """A client that asks until it is told to stop; what goes wrong is kept."""

    def __init__(self, address, once):
        self.error, self.count, self.client = None, 0, None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(address, once))
        self._thread.start()

    def _run(self, address, once):
        try:
            while not self._stop.is_set():
                once(address, self)
                self.count += 1
        except Exception as error:  # pylint: disable=broad-except
            self.error = error
        if self.client:
            self.client.vanish()

    def stop(self):
        self._stop.set()
        self._thread.join()
        return self.error


class RestartCase(rig.PoolCase):
    """Each test has a pooler of its own, and its successors."""

    settings = {"default_pool_size": 10}

    def setUp(self):
        super().setUp()
        self.server = servers.Pooler(rig.program(), self.postgres,
                                     {"pool_mode": self.mode, **self.settings},
                                     users=self.secrets())
        self.addCleanup(self.server.stop)
        self.processes = [self.server.process]

    def secrets(self):
        """For auth_file; none: nobody has one."""
        return None

    def successor(self):
        """Starts one; it serves when this returns."""
        log = os.path.join(self.server.folder, f"log{len(self.processes)}")
        process = servers.Process([rig.program(), "-R", self.server.file], log)
        self.addCleanup(process.stop)
        rig.eventually(lambda: not process.running() or
                       "another process has taken over" in self.processes[-1].said() and
                       os.path.exists(self.gate), lambda: "nobody takes over: " + process.said())
        self.assertTrue(process.running(), process.said())
        self.processes.append(process)
        return process

    @property
    def gate(self):
        """Where the next one asks."""
        return os.path.join(self.server.folder, f".s.weft-pool.{self.server.port}")

    def ended(self, process):
        self.assertEqual(process.wait(rig.DEADLINE_SECONDS), 0, process.said()[-3000:])


def framed(body):
    return struct.pack("!I", len(body)) + body


def same_client(address, looper):
    if not looper.client:
        looper.client = Client(address)
        looper.client.run("set work_mem = '7MB'")
        looper.client.send(parse("select 40 + $1::int", "s"), SYNC)
        looper.client.answer()
    client = looper.client
    client.send(bind([looper.count], statement="s"), execute(), SYNC)
    rows = client.answer().rows
    if rows != [[str(40 + looper.count)]] or client.value("show work_mem") != "7MB":
        raise AssertionError(f"{rows}")


def new_client(address, _looper):
    with Client(address) as client:
        if client.value("select 2") != "2":
            raise AssertionError("a wrong answer")
        client.end()


def transactions(address, looper):
    if not looper.client:
        looper.client = Client(address)
    for sql in ("begin", "set local work_mem = '9MB'", "show work_mem", "commit"):
        looper.client.run(sql)


@rig.modes("transaction", "session")
@unittest.skipIf(rig.TARGET != "weft-pool", "of weft-pool only")
class Restart(RestartCase):

    def test_clients_that_work_see_nothing(self):
        loopers = [Looper(address, once) for address in (self.path, self.tcp)
                   for once in (same_client, new_client, transactions)]
        try:
            for _ in range(3):
                before = [each.count for each in loopers]
                self.successor()
                rig.eventually(lambda: all(each.error or each.count > count + 3 for each, count
                                           in zip(loopers, before, strict=True)), "they stand")
            if self.mode == "transaction":
                for process in self.processes[:-1]:
                    self.ended(process)
        finally:
            errors = [each.stop() for each in loopers]
        self.assertEqual(errors, [None] * len(loopers))
        self.assertTrue(self.processes[-1].running())

    def test_idle_clients_are_handed_over(self):
        clients = [self.client(address=address) for address in (self.path, self.tcp) * 20]
        self.let_idle()
        old = self.server.process
        self.successor()
        self.ended(old)
        for client in clients:
            self.assertEqual(client.value("select 1"), "1")
            if self.mode == "session":
                client.end()

    def test_what_is_paused_or_disabled_stays_so(self):
        client = self.client()
        with Client(self.path, user="weft", database="pgbouncer") as console:
            console.run("pause shop")
            console.run("disable other")
        self.let_idle()
        self.successor()
        with self.assertRaises(ServerError):
            self.client(database="other")
        client.send(query("select 2"))
        with Client(self.path, user="weft", database="pgbouncer") as console:
            rig.eventually(lambda: any(row[0] == "shop" and row[3] == "1"
                                       for row in console.run("show pools").rows), "it does not wait")
            console.run("resume shop")
            console.run("enable other")
        self.assertEqual(client.answer().rows, [["2"]])
        self.assertEqual(self.client(database="other").value("select 3"), "3")

    def test_a_refusal_changes_nothing(self):
        client = self.client()
        for greeting, why in ((b"GET / HTTP/1.1\r\n", "length"),
                              (framed(b"h" + struct.pack("!I", 99)), ""),
                              (framed(b"s"), "no greeting")):
            with self.subTest(greeting=greeting), Channel(self.gate) as other:
                other.send(greeting)
                if not why:
                    self.assertIn(b"version 99", other.socket.recv(1000))
                self.assertEqual(other.socket.recv(1000), b"")
                self.assertIn(why, self.server.process.said())
        # One that asks for the sockets and dies.
        with Channel(self.gate) as other:
            other.send(framed(b"h" + struct.pack("!I", 2)))
            fds = array.array("i")
            data, ancillary, *_ = other.socket.recvmsg(1000, socket.CMSG_LEN(4 * 10))
            for _level, _type, content in ancillary:
                fds.frombytes(content)
            self.assertEqual(data[4:6], b"d\x02")
            self.assertEqual(len(fds), 2)
            for fd in fds:
                os.close(fd)
        rig.eventually(lambda: "no process has taken over" in self.server.process.said(), "")
        self.assertEqual(client.value("select 1"), "1")
        client.end()
        for address in (self.path, self.tcp):
            with Client(address) as late:
                self.assertEqual(late.value("select 2"), "2")
                late.end()
        self.successor()
        self.ended(self.server.process)

    def test_without_a_running_process(self):
        self.server.process.stop()
        done = subprocess.run([rig.program(), "-R", self.server.file], capture_output=True,
                              text=True, timeout=rig.DEADLINE_SECONDS, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot take over", done.stderr)


@rig.modes("transaction")
@unittest.skipIf(rig.TARGET != "weft-pool", "of weft-pool only")
class State(RestartCase):
    """What a client has goes with it."""

    settings = {"default_pool_size": 2}

    def test_settings_and_statements(self):
        client = self.client(application_name="before")
        client.run("set work_mem = '6MB'")
        client.run("set datestyle = 'German'")
        client.send(parse("select $1::text || '!'", "named"), SYNC)
        client.answer()
        other = self.client()
        self.let_idle()
        self.successor()
        self.ended(self.server.process)
        self.assertEqual(other.value("show work_mem"), "4MB")
        for name, value in (("work_mem", "6MB"), ("datestyle", "German, DMY"),
                            ("application_name", "before")):
            self.assertEqual(client.value(f"show {name}"), value)
        client.send(bind(["hello"], statement="named"), describe("P"), execute(), SYNC)
        self.assertEqual(client.answer().rows, [["hello!"]])

    def test_a_transaction_stays_until_its_end(self):
        client = self.client()
        client.run("begin; set local work_mem = '8MB'")
        held = self.client()
        held.run("begin")  # of which no server knows yet
        self.successor()
        self.assertEqual(client.value("show work_mem"), "8MB")
        self.assertEqual(held.value("select 1"), "1")
        self.assertTrue(self.server.process.running())
        client.run("commit")
        held.run("rollback")
        self.ended(self.server.process)
        self.assertEqual(client.value("show work_mem"), "4MB")

    def test_a_pinned_client_stays(self):
        client = self.client()
        client.run("create temp table pinned (a int)")
        self.successor()
        client.run("insert into pinned values (1)")
        self.assertEqual(client.value("select a from pinned"), "1")
        self.assertTrue(self.server.process.running())
        client.end()
        self.ended(self.server.process)

    def test_a_client_that_listens_stays(self):
        client = self.client()
        client.run("listen news")
        self.let_idle()
        self.successor()
        self.postgres.sql("notify news, 'x'", database="shop")
        self.assertEqual(client.receive()[0], "A")
        self.assertTrue(self.server.process.running())
        client.run("unlisten news")  # then nothing keeps it here
        self.ended(self.server.process)
        self.assertEqual(client.value("select 1"), "1")

    def test_queries_are_cancelled_wherever_they_are(self):
        moved, stays = self.client(), self.client()
        stays.send(query("select pg_sleep(100) -- stays"))
        self.wait_for_query("-- stays")
        self.let_idle()
        self.successor()
        moved.send(query("select pg_sleep(100) -- moved"))
        self.wait_for_query("-- moved")
        for client in (moved, stays):
            client.cancel()
            self.assertEqual(client.answer().sqlstates, ["57014"])
        self.ended(self.server.process)

    def test_what_comes_beside_it_is_answered(self):
        """Requests that arrive while their clients move."""
        clients = [self.client() for _ in range(50)]
        self.let_idle()
        go_on = threading.Event()

        def ask():
            while not go_on.is_set():
                for at, client in enumerate(clients):
                    client.send(query(f"select {at}"))
                for at, client in enumerate(clients):
                    if client.answer().rows != [[str(at)]]:
                        raise AssertionError("a wrong answer")
        failed = []

        def asking():
            try:
                ask()
            except Exception as error:  # pylint: disable=broad-except
                failed.append(error)
        thread = threading.Thread(target=asking)
        thread.start()
        try:
            for _ in range(5):
                self.successor()
            for process in self.processes[:-1]:
                self.ended(process)
        finally:
            go_on.set()
            thread.join()
        self.assertEqual(failed, [])


@rig.modes("transaction")
@unittest.skipIf(rig.TARGET != "weft-pool", "of weft-pool only")
class Metrics(RestartCase):
    """Who serves has the address of the metrics, too."""

    def setUp(self):
        self.settings = {"metrics_listen": servers.free_port()}
        super().setUp()

    def process_of_metrics(self):
        """When the process began that answers; 0: none does."""
        url = f"http://127.0.0.1:{self.settings['metrics_listen']}/metrics"
        try:
            with urllib.request.urlopen(url, timeout=rig.DEADLINE_SECONDS) as page:
                lines = page.read().decode().splitlines()
        except OSError:
            return 0
        return next(float(line.split()[-1]) for line in lines
                    if line.startswith("weft_pool_start_time_seconds"))

    def test_of_the_successor(self):
        before = self.process_of_metrics()
        self.assertGreater(before, 0)
        self.client(database="shop").run("begin; select 1")  # the old process stays
        self.successor()
        rig.eventually(lambda: self.process_of_metrics() > before, "the new one serves no metrics")


@rig.modes("transaction")
@unittest.skipIf(rig.TARGET != "weft-pool", "of weft-pool only")
class Keys(RestartCase):
    """Keys by which a pool logs in go along: nobody need log in anew."""

    settings = {"auth_type": "scram-sha-256"}

    def secrets(self):
        return self.postgres.secrets()

    def test_of_scram(self):
        client = self.client(user="alice", password=servers.PASSWORDS["alice"])
        self.assertEqual(client.value("select 1"), "1")
        self.successor()
        self.ended(self.server.process)
        self.assertEqual(client.value("select current_user"), "alice")


if __name__ == "__main__":
    unittest.main()
