#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Everyday use through libpq: psql, psycopg 2 and psycopg 3."""
import io
import select
import subprocess
import threading
import unittest

import rig
import servers

try:
    import psycopg2
    import psycopg2.errors
except ImportError:
    psycopg2 = None
try:
    import psycopg
except ImportError:
    psycopg = None


@rig.modes(*rig.ALL)
class Psql(rig.PoolCase):
    """The program that everybody tries first."""

    def psql(self, *arguments, text="", database="shop"):
        return subprocess.run([servers.find_program("psql"), "-XAtq", *arguments], input=text,
                              env=self.environment(database=database), capture_output=True,
                              text=True, timeout=rig.DEADLINE_SECONDS, check=False)

    def test_a_query(self):
        done = self.psql("-c", "select 6 * 7")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "42\n", ""))

    def test_a_script(self):
        table = self.fresh_table()
        done = self.psql(text=f"insert into {table} values (1, 'a');\n"
                              f"copy {table} from stdin;\n2\tb\n3\tc\n\\.\n"
                              f"select id from {table} order by id;\n"
                              f"copy {table} to stdout;\nselect 1 / 0;\nselect 'after';\n")
        self.assertEqual(done.stdout, "1\n2\n3\n1\ta\n2\tb\n3\tc\nafter\n")
        self.assertIn("division by zero", done.stderr)

    def test_descriptions(self):
        table = self.fresh_table()
        done = self.psql("-c", f"\\d {table}")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("integer", done.stdout)

    def test_large_result(self):
        done = self.psql("-c", "select generate_series(1, 200000)")
        self.assertEqual(done.stdout.count("\n"), 200_000)

    def test_no_such_database(self):
        done = self.psql("-c", "select 1", database="nowhere")
        self.assertEqual(done.returncode, 2)
        self.assertIn("nowhere", done.stderr)


@rig.modes(*rig.TRANSACTIONS)
class Psycopg2(rig.PoolCase):
    """Transactions by simple queries, as this driver does all."""

    def setUp(self):
        if not psycopg2:
            self.skipTest("python3-psycopg2 is not installed")
        super().setUp()

    def connect(self, **options):
        connection = psycopg2.connect(**self.keywords(**options))
        self.addCleanup(connection.close)
        return connection

    def rows(self, connection, sql, values=None):
        with connection, connection.cursor() as cursor:
            cursor.execute(sql, values)
            return cursor.fetchall()

    def test_commit_and_rollback(self):
        table = self.fresh_table()
        connection = self.connect()
        with connection, connection.cursor() as cursor:
            cursor.execute(f"insert into {table} values (%s, %s)", (1, "it's"))
        with self.assertRaises(psycopg2.errors.UniqueViolation), connection, \
                connection.cursor() as cursor:
            cursor.execute(f"insert into {table} values (2, 'b')")
            cursor.execute(f"insert into {table} values (1, 'again')")
        self.assertEqual(self.rows(connection, f"select * from {table}"), [(1, "it's")])

    def test_types(self):
        values = (1, 2.5, "text", b"\0bytes", None, True, [1, 2])
        rows = self.rows(self.connect(), "select %s, %s, %s, %s, %s, %s, %s", values)
        self.assertEqual((rows[0][0], rows[0][2], bytes(rows[0][3]), rows[0][4:]),
                         (1, "text", b"\0bytes", (None, True, [1, 2])))

    def test_copy(self):
        table = self.fresh_table()
        connection = self.connect()
        lines = "".join(f"{number}\tname {number}\n" for number in range(20_000))
        with connection, connection.cursor() as cursor:
            cursor.copy_expert(f"copy {table} from stdin", io.StringIO(lines))
            back = io.StringIO()
            cursor.copy_expert(f"copy {table} to stdout", back)
        self.assertEqual(back.getvalue(), lines)

    def test_server_side_cursor(self):
        connection = self.connect()
        with connection, connection.cursor(name="portions") as cursor:
            cursor.itersize = 1000
            cursor.execute("select generate_series(1, 10000)")
            self.assertEqual(sum(1 for _ in cursor), 10_000)

    def test_cancel_from_another_thread(self):
        connection = self.connect()
        canceller = threading.Thread(
            target=lambda: (self.wait_for_query("pg_sleep"), connection.cancel()))
        canceller.start()
        with self.assertRaises(psycopg2.errors.QueryCanceled):
            self.rows(connection, "select pg_sleep(60)")
        canceller.join()
        self.assertEqual(self.rows(connection, "select 1"), [(1,)])

    def test_notices(self):
        connection = self.connect()
        with connection, connection.cursor() as cursor:
            cursor.execute("do $$ begin raise warning 'careful'; end $$")
        self.assertIn("careful", connection.notices[-1])


@rig.modes(*rig.ALL)
class Psycopg3(rig.PoolCase):
    """The extended protocol."""

    settings = {"default_pool_size": 3}

    def setUp(self):
        if not psycopg:
            self.skipTest("python3-psycopg is not installed")
        super().setUp()

    def connect(self, **options):
        connection = psycopg.connect(**self.keywords(), autocommit=True, **options)
        self.addCleanup(connection.close)
        return connection

    def without_transactions(self):
        if self.mode == "statement":
            self.skipTest("no transactions in this mode")

    def test_parameters(self):
        connection = self.connect()
        values = (1, "text", b"\0bytes", None, True, [1, 2])
        row = connection.execute("select %s::int, %s::text, %s::bytea, %s::text, %s::bool, %s::int[]",
                                 values).fetchone()
        self.assertEqual(row, values)
        row = connection.execute("select %b::int8", (1 << 40,), binary=True).fetchone()
        self.assertEqual(row, (1 << 40,))

    @rig.but_for("pgbouncer", "1.18 has no prepared statements in these modes")
    def test_prepared_by_the_driver(self):
        """It prepares what runs often, and drops what it has not used for long."""
        connections = [self.connect(prepare_threshold=0) for _ in range(3)]
        for connection in connections:
            connection.prepared_max = 5
        for number in range(20):
            for connection in connections:
                self.assertEqual(connection.execute(f"select %s::int + {number % 8}", (number,))
                                 .fetchone(), (number + number % 8,))

    @rig.but_for("pgbouncer", "1.18 has no prepared statements in these modes")
    def test_execute_many(self):
        table = self.fresh_table()
        self.without_transactions()
        connection = self.connect()
        with connection.transaction(), connection.cursor() as cursor:
            cursor.executemany(f"insert into {table} values (%s, %s)",
                               [(number, str(number)) for number in range(500)])
        self.assertEqual(connection.execute(f"select count(*) from {table}").fetchone(), (500,))

    @rig.but_for("pgbouncer", "1.18 has no prepared statements in these modes")
    def test_pipeline(self):
        connection = self.connect()
        self.without_transactions()
        with connection.pipeline():
            cursors = [connection.execute("select %s::int", (number,)) for number in range(100)]
        self.assertEqual([cursor.fetchone() for cursor in cursors],
                         [(number,) for number in range(100)])

    @rig.but_for("pgbouncer", "1.18 has no prepared statements in these modes")
    def test_error_in_a_pipeline(self):
        connection = self.connect()
        self.without_transactions()
        with self.assertRaises(psycopg.errors.DivisionByZero), connection.pipeline():
            connection.execute("select 1")
            connection.execute("select 1 / %s", (0,))
            connection.execute("select 3")
        self.assertEqual(connection.execute("select 4").fetchone(), (4,))

    def test_transactions(self):
        self.without_transactions()
        table = self.fresh_table()
        connection = self.connect()
        with connection.transaction():
            connection.execute(f"insert into {table} values (1, 'kept')")
            with self.assertRaises(psycopg.errors.UniqueViolation), connection.transaction():
                connection.execute(f"insert into {table} values (1, 'no')")
        with self.assertRaises(ZeroDivisionError), connection.transaction():
            connection.execute(f"insert into {table} values (2, 'no')")
            raise ZeroDivisionError
        self.assertEqual(connection.execute(f"select id, name from {table}").fetchall(),
                         [(1, "kept")])

    def test_copy(self):
        table = self.fresh_table()
        connection = self.connect()
        with connection.cursor() as cursor:
            with cursor.copy(f"copy {table} from stdin") as copy:
                for number in range(20_000):
                    copy.write_row((number, f"name {number}"))
            with cursor.copy(f"copy {table} to stdout") as copy:
                self.assertEqual(sum(1 for _ in copy.rows()), 20_000)

    def test_copy_that_its_client_gives_up(self):
        table = self.fresh_table()
        connection = self.connect()
        with self.assertRaises(psycopg.errors.QueryCanceled), connection.cursor() as cursor, \
                cursor.copy(f"copy {table} from stdin") as copy:
            copy.write_row((1, "a"))
            raise KeyError
        self.assertEqual(connection.execute(f"select count(*) from {table}").fetchone(), (0,))

    def test_large_result(self):
        connection = self.connect()
        with connection.cursor() as cursor:
            cursor.execute("select n, repeat('x', 50) from generate_series(1, 200000) n")
            self.assertEqual(sum(1 for _ in cursor), 200_000)

    def test_rows_one_by_one(self):
        connection = self.connect()
        with connection.cursor() as cursor:
            rows = cursor.stream("select generate_series(1, 5000)")
            self.assertEqual(sum(1 for _ in rows), 5_000)

    def test_cancel(self):
        connection = self.connect()
        canceller = threading.Thread(
            target=lambda: (self.wait_for_query("pg_sleep"), connection.cancel()))
        canceller.start()
        with self.assertRaises(psycopg.errors.QueryCanceled):
            connection.execute("select pg_sleep(60)")
        canceller.join()
        self.assertEqual(connection.execute("select 1").fetchone(), (1,))

    def test_notices(self):
        heard = []
        connection = self.connect()
        connection.add_notice_handler(lambda notice: heard.append(notice.message_primary))
        connection.execute("do $$ begin raise notice 'look'; end $$")
        self.assertEqual(heard, ["look"])

    @rig.but_for("pgbouncer", "LISTEN stays with the server")
    def test_notifications(self):
        if self.mode == "statement":
            self.skipTest("nobody listens in this mode")
        listener, other = self.connect(), self.connect()
        heard = []
        listener.add_notify_handler(lambda notify: heard.append(notify.payload))
        listener.execute("listen news")
        other.execute("select pg_notify('news', 'hello')")
        self.assertTrue(select.select([listener.fileno()], [], [], rig.DEADLINE_SECONDS)[0])
        listener.execute("select 1")
        self.assertEqual(heard, ["hello"])


if __name__ == "__main__":
    unittest.main()
