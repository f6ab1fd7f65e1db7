#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The console: who asks for the database `pgbouncer` gets PgBouncer's commands.

PgBouncer passes what is not marked. Debian's is older than some columns, and knows the simple
protocol only.
"""
import subprocess
import threading
import time
import unittest

import rig
import servers
from wire_client import SYNC, Client, Closed, ServerError, bind, execute, parse

try:
    import psycopg2
except ImportError:
    psycopg2 = None
try:
    import psycopg
except ImportError:
    psycopg = None

NOT_IN_PGBOUNCER = rig.but_for("pgbouncer", "has no such thing")
OLDER_IN_PGBOUNCER = rig.but_for("pgbouncer", "the installed one may be older")


class Console(rig.PoolCase):
    """A pooler with somebody at its console."""

    settings = {"stats_users": "bob"}

    def setUp(self):
        super().setUp()
        self.console = self.guest()

    def guest(self, user="weft"):
        return self.client(user=user, database="pgbouncer")

    def psql(self, command):
        return subprocess.run(
            [servers.find_program("psql"), "-XA", "-F", "\t", "-P", "footer=off", "-c", command],
            env=self.environment(user="weft", database="pgbouncer"), capture_output=True,
            text=True, timeout=rig.DEADLINE_SECONDS, check=False)

    def table(self, name):
        """Rows of a SHOW as dictionaries."""
        done = self.psql(f"show {name}")
        self.assertEqual(done.returncode, 0, done.stderr)
        head, *rows = [line.split("\t") for line in done.stdout.splitlines()]
        return [dict(zip(head, row)) for row in rows]

    def pool(self, database="shop", user="ann"):
        return next(row for row in self.table("pools")
                    if (row["database"], row["user"]) == (database, user))

    def refusal(self, command, console=None):
        with self.assertRaises(ServerError) as caught:
            (console or self.console).run(command)
        return f"{caught.exception.sqlstate} {caught.exception.fields['M']}"

    def in_background(self, client, command):
        """Sends it; returns the thread's end as a function that gives the answer."""
        answers = []
        thread = threading.Thread(target=lambda: answers.append(client.run(command)), daemon=True)
        thread.start()

        def wait():
            thread.join(rig.DEADLINE_SECONDS)
            self.assertTrue(answers, f"{command} has not returned")
            return answers[0]
        wait.thread = thread
        return wait


@rig.modes("transaction")
@rig.pooled
class Show(Console):
    """Tables, as clients of all kinds read them."""

    def test_pools(self):
        client = self.client()
        client.run("begin; select 1")
        row = self.pool()
        self.assertEqual([row[name] for name in ("cl_active", "cl_waiting", "sv_active")],
                         ["1", "0", "1"])
        self.assertEqual(row["pool_mode"], self.mode)
        client.run("commit")
        self.assertEqual(self.pool()["sv_active"], "0")

    @OLDER_IN_PGBOUNCER
    def test_clients_and_their_servers(self):
        client = self.client(application_name="till")
        client.run("begin; select 1")
        told = next(row for row in self.table("clients") if row["database"] == "shop")
        self.assertEqual((told["state"], told["user"], told["application_name"]),
                         ("active", "ann", "till"))
        server = next(row for row in self.table("servers") if row["ptr"] == told["link"])
        self.assertEqual((server["link"], server["state"]), (told["ptr"], "active"))
        pid = client.value("select pg_backend_pid()")
        self.assertEqual(server["remote_pid"], pid)
        client.run("commit")
        told = next(row for row in self.table("clients") if row["database"] == "shop")
        self.assertEqual((told["state"], told["link"]), ("idle", ""))

    def test_stats_count(self):
        def count():
            rows = [row for row in self.table("stats") if row["database"] == "shop"]
            return [int(rows[0][name]) if rows else 0
                    for name in ("total_xact_count", "total_query_count", "total_received")]
        before = count()
        client = self.client()
        for _ in range(10):
            client.run("select 1")
        client.end()
        rig.eventually(lambda: count()[1] == before[1] + 10, "the queries are not counted")
        after = count()
        self.assertEqual(after[0], before[0] + 10)
        self.assertGreater(after[2], before[2])

    def test_each_table(self):
        for name in ("clients", "config", "databases", "dns_hosts", "dns_zones", "lists", "mem",
                     "pools", "servers", "sockets", "active_sockets", "stats", "stats_totals",
                     "stats_averages", "totals", "users", "version"):
            with self.subTest(table=name):
                self.assertEqual(self.console.run(f"show {name}").kinds[0], "T")

    @NOT_IN_PGBOUNCER
    def test_own_tables(self):
        self.client().run("select 1")
        fairness = self.table("fairness")
        self.assertEqual(fairness[0]["tenant"], "shop/ann")
        self.assertEqual(fairness[0]["recent_fair_share"], "100.00")
        waits = [row for row in self.table("histograms") if row["what"] == "wait"]
        self.assertGreater(int(waits[0]["count"]), 0)

    @NOT_IN_PGBOUNCER
    def test_who_waits_and_for_whom(self):
        holders = [self.client() for _ in range(5)]
        for each in holders:
            each.run("begin; select 1")
        late = self.client(application_name="late")
        answer = self.in_background(late, "select 1")
        rows = rig.eventually(lambda: self.table("waits"), "nobody waits")
        self.assertEqual((rows[0]["tenant"], rows[0]["application_name"], rows[0]["held_by"],
                          rows[0]["reason"]), ("shop/ann", "late", "shop/ann: 5",
                                               "servers in use"))
        held = self.table("holders")
        self.assertEqual(len(held), 5)
        self.assertEqual({(row["database"], row["tenant"], row["client_user"]) for row in held},
                         {("shop", "shop/ann", "ann")})
        times = [int(row["held_us"]) for row in held]
        self.assertEqual(times, sorted(times, reverse=True))
        self.assertEqual({int(row["server_pid"]) for row in held},
                         set(self.backends("state = 'idle in transaction'")))
        self.assertEqual({row["statement"] for row in held}, {"begin; select ?"})
        holders[0].run("commit")
        answer()
        for each in holders[1:]:
            each.run("commit")

    @NOT_IN_PGBOUNCER
    def test_what_holders_run(self):
        holder = self.client()

        def shown():
            row, = self.table("holders")
            return row["statement"]
        holder.run("begin")
        holder.run("select 'secret' as x")
        self.assertEqual(shown(), "select ? as x")
        holder.send(parse("select /* secret */ $1::text", "named"), parse("select 2, $1::int"),
                    bind([3]), execute(), SYNC)
        holder.answer()
        self.assertEqual(shown(), "select ?, $1::int")
        holder.send(bind(["secret"], statement="named"), execute(), SYNC)
        holder.answer()
        self.assertEqual(shown(), "select $1::text")
        holder.run("select 4 --" + 5000 * "x")
        self.assertEqual(shown(), "select ?...")
        holder.run("commit")
        self.assertEqual(self.table("holders"), [])

    @NOT_IN_PGBOUNCER
    def test_who_is_pinned_and_by_what(self):
        def totals():
            return {row["cause"]: (row["tenant"], row["current"], row["total"])
                    for row in self.table("pins_totals")}
        before = totals().get("session advisory lock", ("shop/ann", "0", "0"))
        locks = self.client(application_name="locks")
        locks.run("select 'secret'; select pg_advisory_lock(4711)")
        locks.run("listen news")  # the first cause counts
        lists = self.client()
        lists.run_extended("create temporary table mine(x int)")
        rows = {row["cause"]: row for row in self.table("pins")}
        row = rows["session advisory lock"]
        self.assertEqual((row["database"], row["client_user"], row["tenant"],
                          row["application_name"], row["statement"]),
                         ("shop", "ann", "shop/ann", "locks", "select pg_advisory_lock(?)"))
        self.assertGreater(int(row["pinned_us"]), 0)
        self.assertEqual(rows["temporary object"]["statement"],
                         "create temporary table mine(x int)")
        self.assertEqual(totals()["session advisory lock"],
                         ("shop/ann", str(int(before[1]) + 1), str(int(before[2]) + 1)))
        locks.end()
        lists.end()
        rig.eventually(lambda: not self.table("pins"), "pins stay")
        self.assertEqual(totals()["session advisory lock"],
                         ("shop/ann", before[1], str(int(before[2]) + 1)))

    def test_tables_under_load(self):
        stop = threading.Event()
        self.addCleanup(stop.set)
        failed = []

        def work(prepares):
            try:
                while not stop.is_set():
                    client = self.client(application_name="load")
                    for _ in range(20):
                        (client.run_extended if prepares else client.run)("select 1")
                    client.end()
            except (ServerError, Closed, OSError) as error:
                failed.append(error)
        threads = [threading.Thread(target=work, args=(i % 2,), daemon=True) for i in range(8)]
        for each in threads:
            each.start()
        for _ in range(5):
            self.test_each_table()
        stop.set()
        for each in threads:
            each.join(rig.DEADLINE_SECONDS)
            self.assertFalse(each.is_alive())
        self.assertEqual(failed, [])

    def test_errors(self):
        self.assertEqual(self.refusal("show nothing"),
                         "08P01 invalid command 'show nothing', use SHOW HELP;")
        self.assertEqual(self.refusal("drop table x"),
                         "08P01 invalid command 'drop table x', use SHOW HELP;")
        self.assertEqual(self.console.value("show version")[:9], "PgBouncer")

    def test_stats_users_may_only_look(self):
        looker = self.guest("bob")
        self.assertEqual(looker.run("show pools").kinds[0], "T")
        for command in ("pause", "reload", "kill", "shutdown", "set query_timeout = 1"):
            self.assertEqual(self.refusal(command, looker), "08P01 admin access needed")
        with self.assertRaises((ServerError, Closed)):
            self.guest("ann")

    @unittest.skipUnless(psycopg2, "psycopg 2 is not installed")
    def test_psycopg2(self):
        connection = psycopg2.connect(**self.keywords("weft", "pgbouncer"))
        self.addCleanup(connection.close)
        connection.autocommit = True
        cursor = connection.cursor()
        cursor.execute("show stats")
        names = [column.name for column in cursor.description]
        self.assertIn("total_query_count", names)
        cursor.execute("show databases")
        sizes = {row[0]: row[5] for row in cursor.fetchall()}
        self.assertEqual(sizes["shop"], 5)

    @NOT_IN_PGBOUNCER
    @unittest.skipUnless(psycopg, "psycopg 3 is not installed")
    def test_psycopg3_with_transactions_and_binary(self):
        with psycopg.connect(**self.keywords("weft", "pgbouncer")) as connection:
            for binary in (False, True):
                with connection.cursor(binary=binary) as cursor:
                    rows = cursor.execute("show lists").fetchall()
                    self.assertEqual(dict(rows)["databases"], 3)
                    cursor.execute("select * from stats")
                    self.assertEqual(len(cursor.description), 25)
                    for row in cursor.fetchall():
                        self.assertGreaterEqual(row[1], 0)


@rig.modes("session", "transaction")
@rig.pooled
class Stats(Console):
    """What SHOW STATS counts of clients that stay."""

    def totals(self):
        rows = [row for row in self.table("stats") if row["database"] == "shop"]
        return [int(rows[0][name]) if rows else 0 for name in (
            "total_query_count", "total_xact_count", "total_query_time", "total_xact_time")]

    def test_time_of_queries_and_of_transactions(self):
        before = self.totals()
        client = self.client()
        client.run("begin")
        client.run("select pg_sleep(0.05)")
        time.sleep(0.2)  # it idles in its transaction: that is what is counted
        client.run("commit")
        client.run("select pg_sleep(0.05)")
        rig.eventually(lambda: self.totals()[1] - before[1] >= 2, "the transactions are not counted")
        queries, transactions, query_us, transaction_us = (
            now - then for now, then in zip(self.totals(), before))
        self.assertEqual((queries, transactions), (4, 2))
        self.assertGreaterEqual(query_us, 100_000)
        self.assertGreaterEqual(transaction_us - query_us, 200_000)
        self.assertLess(query_us, 200_000)


@rig.modes("transaction")
@rig.pooled
class Control(Console):
    """What the console does to pools and their clients."""

    def tearDown(self):
        for command in ("resume", "enable shop"):
            try:
                self.guest().run(command)
            except ServerError:
                pass  # nothing was paused

    @OLDER_IN_PGBOUNCER
    def test_pause_waits_for_transactions_and_resume_goes_on(self):
        client, other = self.client(), self.client()
        client.run("begin; select 1")
        paused = self.in_background(self.console, "pause")
        rig.eventually(self.paused, "nothing is paused")
        self.assertTrue(paused.thread.is_alive())
        client.run("commit")
        self.assertEqual(paused().tags, ["PAUSE"])
        self.check_no_server()
        waits = self.in_background(other, "select 1")
        rig.eventually(lambda: self.pool()["cl_waiting"] == "1", "nobody waits")
        self.assertEqual(self.refusal("pause"), "08P01 already suspended/paused")
        self.console.run("resume")
        self.assertEqual(waits().rows, [["1"]])
        self.assertEqual(self.refusal("resume"), "08P01 pooler is not paused/suspended")

    def check_no_server(self):
        """A session of PostgreSQL takes a moment to see that its client has gone."""
        rig.eventually(lambda: not self.backends("datname = 'shop'"), "servers live on")

    def paused(self):
        return ("paused", "yes") in [(row["key"], row["value"]) for row in self.table("state")]

    def test_pause_under_load(self):
        stop = threading.Event()
        self.addCleanup(stop.set)
        done = []

        def work():
            client = self.client()
            while not stop.is_set():
                client.run("begin; select 1")
                client.run("select 1")
                done.append(client.run("commit").tags)
        threads = [threading.Thread(target=work, daemon=True) for _ in range(8)]
        for each in threads:
            each.start()
        for _ in range(3):
            count = len(done)
            rig.eventually(lambda: len(done) > count, "nobody works")  # noqa: B023
            self.console.run("pause")
            self.check_no_server()
            self.console.run("resume")
        stop.set()
        for each in threads:
            each.join(rig.DEADLINE_SECONDS)
            self.assertFalse(each.is_alive())
        self.assertEqual({str(tags) for tags in done}, {"['COMMIT']"})

    def test_one_database_is_paused(self):
        self.console.run("pause shop")
        self.assertEqual(self.client(database="other").value("select 1"), "1")
        row = next(row for row in self.table("databases") if row["name"] == "shop")
        self.assertEqual(row["paused"], "1")
        self.console.run("resume shop")
        self.assertEqual(self.refusal("resume shop"), "08P01 database shop is not paused")
        self.assertEqual(self.refusal("pause nowhere"), "08P01 no such database: nowhere")

    def test_disabled_database(self):
        before = self.client()
        self.console.run("disable shop")
        with self.assertRaises(ServerError) as caught:
            self.client()
        self.assertIn("is disabled", str(caught.exception))
        self.assertEqual(before.value("select 1"), "1")
        self.console.run("enable shop")
        self.assertEqual(self.client().value("select 1"), "1")

    def test_reconnect_and_wait_close(self):
        client, busy = self.client(), self.client()
        client.run("select 1")
        busy.run("begin; select 1")
        pid = busy.value("select pg_backend_pid()")
        self.console.run("reconnect shop")
        waiting = self.in_background(self.console, "wait_close shop")
        self.assertNotEqual(client.value("select pg_backend_pid()"), pid)
        self.assertTrue(waiting.thread.is_alive())
        busy.run("commit")
        self.assertEqual(waiting().tags, ["WAIT_CLOSE"])
        rig.eventually(lambda: int(pid) not in self.backends(), "its server lives on")

    def test_kill_ends_all_clients_of_a_database(self):
        idle, busy, other = self.client(), self.client(), self.client(database="other")
        idle.run("select 1")
        busy.run("begin; select 1")
        self.console.run("kill shop")
        for each in (idle, busy):
            with self.assertRaises((ServerError, Closed, OSError)):
                each.run("select 1")
        self.check_no_server()
        self.assertEqual(other.value("select 1"), "1")
        self.console.run("resume shop")
        self.assertEqual(self.client().value("select 1"), "1")

    @OLDER_IN_PGBOUNCER
    def test_kill_client(self):
        victim, other = self.client(application_name="victim"), self.client()
        victim.run("begin; select 1")
        number = next(row["id"] for row in self.table("clients")
                      if row["application_name"] == "victim")
        self.console.run(f"kill_client {number}")
        with self.assertRaises((ServerError, Closed, OSError)):
            victim.run("select 1")
        self.assertEqual(other.value("select 1"), "1")
        # It is there until its server is clean.
        rig.eventually(lambda: all(row["id"] != number for row in self.table("clients")),
                       "the victim stays")
        self.assertEqual(self.refusal(f"kill_client {number}"), "08P01 client not found")

    @OLDER_IN_PGBOUNCER
    def test_a_client_that_waits_is_told(self):
        self.client().run("select 1")
        self.console.run("pause shop")
        waiter = self.client(application_name="waiter")
        waiter.send(b"Q" + (13).to_bytes(4, "big") + b"select 1\0")
        number = rig.eventually(
            lambda: next((row["id"] for row in self.table("clients")
                          if row["state"] == "waiting"), None), "nobody waits")
        self.console.run(f"kill_client {number}")
        kind, body = waiter.receive()
        self.assertEqual((kind, b"admin forced disconnect" in body), ("E", True))

    def test_suspend(self):
        client = self.client()
        client.run("select 1")
        self.assertEqual(self.console.run("suspend").tags, ["SUSPEND"])
        waits = self.in_background(client, "select 2")
        self.assertEqual(self.console.run("resume").tags, ["RESUME"])
        self.assertEqual(waits().rows, [["2"]])


@rig.modes("transaction")
@rig.pooled
class Settings(Console):
    """RELOAD and SET."""

    def size(self):
        return next(row["pool_size"] for row in self.table("databases") if row["name"] == "shop")

    def test_reload_changes_the_size_of_pools(self):
        clients = [self.client() for _ in range(3)]
        self.server.settings["default_pool_size"] = 2
        self.addCleanup(self.restore)
        self.server.write_configuration()
        self.assertEqual(self.console.run("reload").tags, ["RELOAD"])
        self.assertEqual(self.size(), "2")
        for each in clients[:2]:
            each.run("begin; select 1")
        waits = self.in_background(clients[2], "select 1")
        rig.eventually(lambda: self.pool()["cl_waiting"] == "1", "nobody waits")
        self.restore()
        self.assertEqual(waits().rows, [["1"]])
        for each in clients[:2]:
            each.run("commit")

    def restore(self):
        self.server.settings["default_pool_size"] = 5
        self.server.write_configuration()
        self.guest().run("reload")

    @NOT_IN_PGBOUNCER
    def test_a_wrong_file_changes_nothing(self):
        self.server.settings["default_pool_size"] = "many"
        self.server.write_configuration()
        self.addCleanup(self.restore)
        self.assertEqual(self.refusal("reload"),
                         "F0000 RELOAD failed, see logs for additional details")
        self.assertEqual(self.size(), "5")

    def test_set(self):
        self.assertEqual(self.console.run("set default_pool_size = 4").tags,
                         ["SET default_pool_size=4"])
        self.assertEqual(self.size(), "4")
        self.assertEqual(self.refusal("set no_such_setting = 1"), "08P01 SET failed")
        self.console.run("set default_pool_size = '5'")
        self.assertEqual(self.console.run("set client_encoding = 'x'").notices[0]["M"],
                         "SET ignored")


@rig.modes("transaction")
@rig.pooled
class Shutdown(Console):
    """Each way to end it; so each has a pooler of its own."""

    def setUp(self):
        self.pooler = servers.Pooler(rig.program(), self.postgres, {"pool_mode": self.mode})
        self.addCleanup(self.pooler.stop)
        self.server = self.pooler
        super().setUp()

    def ended(self):
        self.assertEqual(self.pooler.process.wait(rig.DEADLINE_SECONDS), 0)

    def test_at_once(self):
        client = self.client()
        client.run("begin; select 1")
        with self.assertRaises((Closed, ServerError, OSError)):
            self.console.run("shutdown")
        self.ended()
        with self.assertRaises((Closed, ServerError, OSError)):
            client.run("select 1")

    @OLDER_IN_PGBOUNCER
    def test_wait_for_clients(self):
        client = self.client()
        self.assertEqual(self.console.run("shutdown wait_for_clients").tags, ["SHUTDOWN"])
        rig.eventually(self.refuses, "it lets clients in")
        self.assertEqual(client.value("select 1"), "1")
        self.assertEqual(self.console.value("show version")[:9], "PgBouncer")
        self.assertTrue(self.pooler.process.running())
        client.end()
        self.ended()

    @OLDER_IN_PGBOUNCER
    def test_wait_for_servers(self):
        client, idle = self.client(), self.client()
        client.run("begin; select 1")
        self.assertEqual(self.console.run("shutdown wait_for_servers").tags, ["SHUTDOWN"])
        rig.eventually(self.refuses, "it lets clients in")
        with self.assertRaises((Closed, ServerError, OSError)):
            idle.run("select 1")
        self.assertEqual(client.value("select 2"), "2")
        self.assertTrue(self.pooler.process.running())
        client.run("commit")
        self.ended()

    def refuses(self):
        """TCP is closed; by the Unix socket only the console can be reached."""
        try:
            Client(self.tcp).socket.close()
            return False
        except OSError:
            pass
        except (ServerError, Closed):
            return True
        with self.assertRaises((ServerError, Closed)):
            self.client()
        return True


if __name__ == "__main__":
    unittest.main()
