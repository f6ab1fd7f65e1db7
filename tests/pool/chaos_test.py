#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Everything at once: clients of all kinds at work, and faults in a random order.

What must hold whatever happens: nobody gets an answer to somebody else's question, nobody finds
somebody else's settings, statements or transaction, money is neither made nor lost, every error has
its SQLSTATE, and when it is over nothing is left behind and the pooler serves as before.

The order comes from a seed, which a failure names: WEFT_POOL_SEED=7 tests/pool/chaos_test.py. Threads
and the network decide what a fault hits, so the same seed is the same faults and not the same run.
WEFT_POOL_SECONDS is how long each mode takes (8; with WEFT_SOAK 600).
"""
import contextlib
import os
import random
import socket
import struct
import threading
import time
import unittest

import rig
import servers
from wire_client import (SYNC, Client, Closed, ServerError, bind, close, copy_data, execute,
                         message, parse, query, statement)

SEED = int(os.environ.get("WEFT_POOL_SEED", "0")) or random.randrange(1, 1 << 31)
SECONDS = float(os.environ.get("WEFT_POOL_SECONDS") or (600 if os.environ.get("WEFT_SOAK") else 8))
ACCOUNTS, CENTS = 20, 1000
WORKERS = 12
# A worker whose server was killed, or that was sent away, comes again.
GONE = (Closed, ConnectionError, BrokenPipeError)
# What faults may bring a client: ended by an administrator, cancelled, a server that is gone or not
# there yet, a pooler that sends its clients home; and what transfers may do to each other.
EXCUSED = {"57P01", "57P02", "57P03", "57014", "08006", "08P01", "53300", "40P01", "40001", "58000",
           "08003", "25P02"}


class Worker(threading.Thread):
    """A client that knows what each of its answers must be."""

    def __init__(self, case, number):
        super().__init__(daemon=True)
        self.case = case
        self.number = number
        self.random = random.Random(SEED * 1000 + number)
        self.client = None
        self.turn = 0
        self.done = 0
        self.error = None
        self.names = set()

    def run(self):
        try:
            while not self.case.stop.is_set():
                try:
                    if self.client is None:
                        self.connect()
                    self.step()
                    self.done += 1
                except GONE:
                    self.drop()
                except ServerError as error:
                    self.excuse(error)
                    self.drop()
            if self.client is not None:
                self.client.end()
        except BaseException as error:  # reported by the test
            self.error = error
        finally:
            self.drop()

    def connect(self):
        address = self.case.path if self.number % 2 else self.case.tcp
        self.names = set()
        self.client = Client(address, user=servers.TRUSTED[self.number % len(servers.TRUSTED)],
                             application_name=f"worker {self.number}")

    def drop(self):
        if self.client is not None:
            self.client.socket.close()
            self.client = None

    def excuse(self, error):
        # In session mode a plan that is out of date is the client's to make anew.
        if error.sqlstate not in EXCUSED and (error.sqlstate, self.case.mode) != ("0A000", "session"):
            raise error

    def check(self, found, expected):
        if found != expected:
            raise AssertionError(f"worker {self.number}, turn {self.turn}: {found!r} is not {expected!r}")

    def step(self):
        self.turn += 1
        acts = [self.own_words, self.prepared, self.pipeline, self.large, self.copy, self.fails,
                self.vanishes, self.half_a_message, self.cancels_itself]
        if self.case.mode != "statement":
            acts += [self.transfer, self.transfer, self.reads_back]
        self.random.choice(acts)()

    def mark(self):
        return f"{self.number}/{self.turn}/{self.random.randrange(1 << 30)}"

    def own_words(self):
        mark = self.mark()
        self.check(self.client.run(f"select '{mark}'").rows, [[mark]])
        self.check(self.client.value("show application_name"), f"worker {self.number}")

    def prepared(self):
        """All workers have statements of the same names and different texts."""
        name = f"s{self.random.randrange(4)}"
        if name not in self.names:
            self.client.send(parse(f"select $1 || ' of {self.number} {name}', v from chaos_types",
                                   name), SYNC)
            self.checked(self.client.answer())
            self.names.add(name)
        mark = self.mark()
        self.client.send(bind([mark], statement=name), execute(), SYNC)
        self.check(self.checked(self.client.answer()).rows, [[f"{mark} of {self.number} {name}", "7"]])
        if self.random.random() < 0.2:
            self.client.send(close("S", name), SYNC)
            self.checked(self.client.answer())
            self.names.remove(name)

    def checked(self, answer):
        if answer.errors:
            raise ServerError(answer.errors[0])
        return answer

    def pipeline(self):
        marks = [self.mark() for _ in range(self.random.randrange(2, 30))]
        self.client.send(*(statement("select $1::text", [mark]) + SYNC for mark in marks))
        for mark in marks:
            self.check(self.checked(self.client.answer()).rows, [[mark]])

    def large(self):
        count = self.random.randrange(1, 20_000)
        answer = self.client.run(f"select {self.number} * 100000 + n from generate_series(1, {count}) n")
        first = self.number * 100_000
        self.check((len(answer.rows), answer.rows[-1]), (count, [str(first + count)]))

    def copy(self):
        rows = self.random.randrange(1, 2000)
        self.client.send(query("copy chaos_rows from stdin"))
        answer = self.checked(self.client.answer())
        self.check(answer.kinds[-1], "G")
        self.client.send(*(copy_data(f"{self.number}\t{n}\n".encode()) for n in range(rows)),
                         message("c"))
        self.check(self.checked(self.client.answer()).tags, [f"COPY {rows}"])

    def fails(self):
        self.client.send(query(f"select 1 / (0 * {self.number})"))
        answer = self.client.answer()
        if answer.sqlstates != ["22012"]:
            self.checked(answer)
            raise AssertionError("a division by zero went well")

    def transfer(self):
        low, high = sorted(self.random.sample(range(1, ACCOUNTS + 1), 2))
        cents = self.random.randrange(1, 50)
        move = "update chaos_accounts set cents = cents {} {} where id = {}"
        if self.random.random() < 0.5:
            self.client.run("begin")
            self.client.run(move.format("-", cents, low))
            self.client.run(move.format("+", cents, high))
            self.client.run(self.random.choice(("commit", "commit", "rollback")))
        else:
            self.client.send(statement("begin"), statement(move.format("-", cents, low)),
                             statement(move.format("+", cents, high)), statement("commit"), SYNC)
            self.checked(self.client.answer())

    def reads_back(self):
        """What it sets follows it, and nobody else's does."""
        value = f"{self.number}-{self.turn}"
        self.client.run(f"set chaos.mine = '{value}'")
        for _ in range(3):
            self.check(self.client.value("select current_setting('chaos.mine', true)"), value)
        self.client.run("reset chaos.mine")
        # A placeholder that was reset is empty, or not there on another server.
        self.check(self.client.value("select coalesce(current_setting('chaos.mine', true), '')"), "")

    def vanishes(self):
        """In the middle of a question, of an answer, or with a reset of the connection."""
        kind = self.random.randrange(4)
        if kind == 0:
            self.client.send(query("select pg_sleep(0.01)"))
        elif kind == 1:
            self.client.send(query("select n from generate_series(1, 100000) n"))
            self.client.take(100)
        elif kind == 2:
            self.client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            self.client.send(statement("begin"), statement("select 1"))
        self.drop()

    def half_a_message(self):
        self.client.send(query("select 'half'")[:self.random.randrange(1, 12)])
        self.drop()

    def cancels_itself(self):
        self.client.send(query("select pg_sleep(20)"))
        while True:
            # It may come before the query has begun.
            self.client.cancel()
            self.client.socket.settimeout(0.3)
            try:
                answer = self.client.answer()
                break
            except TimeoutError:
                continue
            finally:
                if self.client.socket.fileno() >= 0:
                    self.client.socket.settimeout(20)
        if answer.sqlstates != ["57014"]:
            self.checked(answer)
            raise AssertionError("it slept for 20 s")


@rig.modes(*rig.ALL)
@rig.pooled
class Chaos(rig.PoolCase):
    settings = {"default_pool_size": WORKERS, "server_login_retry": 0.2, "server_lifetime": 3,
                "query_wait_timeout": 60, "max_prepared_statements": 3, "admin_users": "weft"}

    def setUp(self):
        super().setUp()
        self.stop = threading.Event()
        self.random = random.Random(SEED)
        self.postgres.sql("drop table if exists chaos_accounts, chaos_rows, chaos_types",
                          "create table chaos_types (v int)", "insert into chaos_types values (7)",
                          "create table chaos_accounts (id int primary key, cents int)",
                          "create table chaos_rows (worker int, n int)",
                          f"insert into chaos_accounts select n, {CENTS} "
                          f"from generate_series(1, {ACCOUNTS}) n",
                          "grant all on chaos_accounts, chaos_rows, chaos_types to public", database="shop")

    def command(self, text):
        with contextlib.suppress(Closed, ServerError, ConnectionError):
            with self.client(user="weft", database="pgbouncer") as console:
                console.run(text)

    def kill_servers(self):
        self.postgres.sql("select pg_terminate_backend(pid) from pg_stat_activity where usename <> "
                          "'weft' and backend_type = 'client backend' and random() < 0.5")

    def restart_postgres(self):
        self.postgres.restart()

    def reload_with_another_size(self):
        # In session mode each worker keeps its server.
        least = WORKERS if self.mode == "session" else 2
        self.server.settings["default_pool_size"] = self.random.randrange(least, least + 5)
        self.server.write_configuration()
        self.command("reload")

    def pause_and_resume(self):
        pausing = threading.Thread(target=self.command, args=("pause",), daemon=True)
        pausing.start()
        self.stop.wait(self.random.random() / 5)
        self.command("resume")
        pausing.join(rig.DEADLINE_SECONDS)
        self.assertFalse(pausing.is_alive(), "PAUSE did not end with RESUME")

    def disable_and_enable(self):
        self.command("disable shop")
        self.stop.wait(self.random.random() / 10)
        self.command("enable shop")

    def kill_clients(self):
        self.command("kill shop")
        self.command("resume shop")

    def strangers(self):
        """Bytes that are no protocol, and connections that say nothing."""
        for _ in range(10):
            with socket.create_connection(self.tcp, timeout=rig.DEADLINE_SECONDS) as stranger:
                with contextlib.suppress(OSError):
                    stranger.sendall(self.random.randbytes(self.random.randrange(200)))

    def wrong_cancels(self):
        for _ in range(10):
            with socket.create_connection(self.tcp, timeout=rig.DEADLINE_SECONDS) as stranger:
                with contextlib.suppress(OSError):
                    stranger.sendall(struct.pack("!IIII", 16, 80877102, self.random.randrange(1, 40),
                                                 self.random.randrange(1 << 32)))

    def alter_what_is_used(self):
        """The plans of prepared statements are out of date."""
        kind = self.random.choice(("int", "bigint", "smallint"))
        self.postgres.sql(f"alter table chaos_types alter v type {kind}", database="shop")

    def test_what_must_hold_whatever_happens(self):
        faults = [self.kill_servers, self.kill_servers, self.restart_postgres,
                  self.reload_with_another_size, self.pause_and_resume, self.disable_and_enable,
                  self.kill_clients, self.strangers, self.wrong_cancels, self.alter_what_is_used,
                  lambda: self.command("reconnect"), lambda: self.command("show clients")]
        workers = [Worker(self, number) for number in range(WORKERS)]
        self.addCleanup(self.stop.set)
        for each in workers:
            each.start()
        end = time.monotonic() + SECONDS
        happened = []
        while time.monotonic() < end and not any(each.error for each in workers):
            fault = self.random.choice(faults)
            happened.append(getattr(fault, "__name__", "command"))
            fault()
            self.stop.wait(self.random.random() / 3)
        self.stop.set()
        for each in workers:
            each.join(2 * rig.DEADLINE_SECONDS)
        told = f"WEFT_POOL_SEED={SEED}, after {', '.join(happened[-6:])}"
        for each in workers:
            self.assertIsNone(each.error, told)
            self.assertFalse(each.is_alive(), f"{told}: worker {each.number} waits for ever")
            self.assertGreater(each.done, 0, told)
        self.assertTrue(self.server.process.running(), told)
        self.check_nothing_is_left(told)

    def check_nothing_is_left(self, told):
        with self.client() as client:
            self.assertEqual(client.value("select sum(cents) from chaos_accounts"),
                             str(ACCOUNTS * CENTS), told)
            client.end()
        self.check_servers()
        with self.client(user="weft", database="pgbouncer") as console:
            def busy():
                """(user, cl_waiting, sv_active) of pools of which either is not 0."""
                rows = [(row[1], int(row[3]), int(row[6])) for row in console.run("show pools").rows]
                return [row for row in rows if row[1] or row[2]]
            rig.eventually(lambda: not busy(), lambda: f"{told}: {busy()}")
        self.assertLessEqual(len(self.backends()), 2 * (WORKERS + 5), told)


if __name__ == "__main__":
    unittest.main()
