#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""LISTEN and NOTIFY, which clients hear whose servers change: one connection of the pooler listens
for all of them.

PostgreSQL itself passes what is not about that connection.
"""
import unittest

import rig
from wire_client import SYNC, bind, execute, fields_of, parse, query, statement

NOT_IN_PGBOUNCER = rig.but_for("pgbouncer", "LISTEN stays with the server")


class Listening(rig.PoolCase):
    def heard(self, client):
        """(channel, payload) of the next message, which must be a notification."""
        return self.heard_with_answer(client, "")[0]

    def heard_with_answer(self, client, answer, count=1):
        """So many notifications, before, in or behind an answer of messages of these kinds."""
        told = [client.receive() for _ in range(count + len(answer))]
        self.assertEqual("".join(kind for kind, _ in told if kind != "A"), answer)
        heard = [body[4:-1].decode().split("\0") for kind, body in told if kind == "A"]
        return [(channel, payload) for channel, payload in heard]

    def listener(self, *channels, **options):
        client = self.client(**options)
        for channel in channels:
            client.run(f"listen {channel}")
        return client

    def hears_nothing(self, client):
        """Up to now: what was notified before would have come before that of a fresh channel."""
        client.run("listen marker")
        self.notify("marker", "now")
        self.assertEqual(self.heard(client), ("marker", "now"))
        client.run("unlisten marker")

    def notify(self, channel, payload=""):
        self.postgres.sql(f"notify {channel}, '{payload}'", database="shop")

    def listening(self):
        """Process numbers of the connections that listen: they quote all names."""
        return self.backends("query like '%LISTEN \"%'")


@rig.modes("transaction", "statement")
class Hears(Listening):
    settings = {"default_pool_size": 2}

    @NOT_IN_PGBOUNCER
    def test_what_others_notify(self):
        a, b = self.listener("news"), self.listener('"News"')
        self.notify("news", "hello")
        self.assertEqual(self.heard(a), ("news", "hello"))
        self.notify('"News"', "Hello")
        self.assertEqual(self.heard(b), ("News", "Hello"))
        other = self.client()
        for number in range(100):
            other.run(f"notify news, '{number}'")
        self.assertEqual([self.heard(a)[1] for _ in range(100)], [str(n) for n in range(100)])
        self.assertEqual(other.value("select 1"), "1")
        self.assertEqual(b.value("select 1"), "1")

    @NOT_IN_PGBOUNCER
    def test_what_it_notifies_itself(self):
        a = self.listener("news")
        a.send(query("notify news, 'mine'"))
        self.assertEqual(self.heard_with_answer(a, "CZ"), [("news", "mine")])

    @NOT_IN_PGBOUNCER
    def test_while_it_idles_for_long(self):
        a = self.listener("news")
        self.let_idle()
        for text in ("one", "two"):
            self.notify("news", text)
            self.assertEqual(self.heard(a), ("news", text))
            self.let_idle()
        self.assertEqual(a.value("select 3"), "3")

    @NOT_IN_PGBOUNCER
    def test_by_the_extended_protocol(self):
        a = self.client()
        a.run_extended("listen news")
        self.notify("news", "1")
        self.assertEqual(self.heard(a), ("news", "1"))
        a.send(parse("listen other", "named"), SYNC)
        a.answer()
        for _ in range(2):
            a.send(bind(statement="named"), execute(), SYNC)
            self.assertEqual(a.answer().tags, ["LISTEN"])
        a.send(statement("listen third"), SYNC, statement("listen fourth"), SYNC)
        self.assertEqual(a.answer().tags + a.answer().tags, ["LISTEN", "LISTEN"])
        for channel in ("other", "third", "fourth"):
            self.notify(channel, "2")
            self.assertEqual(self.heard(a), (channel, "2"))
        a.run_extended("unlisten other")
        self.notify("other", "3")
        self.hears_nothing(a)

    @NOT_IN_PGBOUNCER
    def test_unlisten(self):
        a = self.listener("x", "y", "z")
        a.run("unlisten x")
        self.notify("x")
        self.hears_nothing(a)
        a.run("listen x")
        self.notify("x", "again")
        self.assertEqual(self.heard(a), ("x", "again"))
        for ends in ("unlisten *", "discard all"):
            a.run("listen x")
            a.run(ends)
            for channel in ("x", "y", "z"):
                self.notify(channel)
            self.hears_nothing(a)

    @NOT_IN_PGBOUNCER
    def test_a_stranger_hears_nothing(self):
        a, b = self.listener("news"), self.client()
        for _ in range(10):
            self.notify("news", "x")
            self.assertEqual(b.run("select 1").kinds, "TDCZ")
        self.assertEqual([self.heard(a) for _ in range(10)], [("news", "x")] * 10)
        a.end()
        c = self.client()
        self.notify("news", "y")
        self.assertEqual(c.run("select 1").kinds, "TDCZ")

    @NOT_IN_PGBOUNCER
    def test_names_and_payloads_of_all_kinds(self):
        names = ['"a ""quoted"" one"', '"grüße"', "x" * 70, '"semi;colon"']
        a = self.listener(*names)
        for name in names:
            self.notify(name, "ünicode")
            told = self.heard(a)
            self.assertEqual(told[1], "ünicode")
            self.assertEqual(told[0], name.strip('"').replace('""', '"')[:63])
        self.postgres.sql(f"notify news_, '{'p' * 7999}'", database="shop")
        a.run("listen news_")
        self.postgres.sql(f"notify news_, '{'p' * 7999}'", database="shop")
        self.assertEqual(self.heard(a), ("news_", "p" * 7999))

    @NOT_IN_PGBOUNCER
    def test_wrong_ones_fail_as_ever(self):
        a = self.listener("news")
        for wrong, sqlstate in (("listen", "42601"), ("listen 'x'", "42601"),
                                ("listen x y", "42601"), ("unlisten", "42601")):
            a.send(query(wrong))
            self.assertEqual(a.answer().sqlstates, [sqlstate], wrong)
        self.notify("x")
        self.hears_nothing(a)

    @NOT_IN_PGBOUNCER
    def test_encoded_names(self):
        a = self.client()
        a.run(r'listen U&"d\0061ta"')
        self.notify("data", "1")
        self.assertEqual(self.heard(a), ("data", "1"))

    @NOT_IN_PGBOUNCER
    def test_while_it_always_asks(self):
        """It is told between its transactions, also if the next one has been asked for already."""
        for ask in (query("select pg_sleep(0.01)"), statement("select pg_sleep(0.01)") + SYNC):
            a = self.listener("news")
            a.send(ask, ask)
            self.notify("news", "1")
            answers = 0
            while True:
                kind, _ = a.receive()
                if kind == "A":
                    break
                if kind == "Z":
                    answers += 1
                    self.assertLess(answers, 500, "nothing is told")
                    a.send(ask)
            a.end()

    @NOT_IN_PGBOUNCER
    def test_unlisten_and_listen(self):
        for before, text, answer in (
                ([], ["discard all", "listen x", "notify x, 'self'"], "CZCZCZ"),
                (["x"], ["unlisten *", "listen x", "notify x, 'self'"], "CZCZCZ")):
            for _ in range(20):
                a = self.listener(*before)
                a.send(*(query(each) for each in text))
                self.assertEqual(self.heard_with_answer(a, answer), [("x", "self")])

    @NOT_IN_PGBOUNCER
    def test_several_statements_at_once(self):
        a = self.client()
        self.assertEqual(a.run("listen x; select 1; listen y").tags,
                         ["LISTEN", "SELECT 1", "LISTEN"])
        for channel in "xy":
            self.notify(channel, "1")
            self.assertEqual(self.heard(a), (channel, "1"))
        a.send(query("listen v; select 1/0"))
        self.assertEqual(a.answer().sqlstates, ["22012"])
        self.notify("v")
        self.hears_nothing(a)


@rig.modes("transaction")
class InTransactions(Listening):
    settings = {"default_pool_size": 2}

    @NOT_IN_PGBOUNCER
    def test_committed(self):
        a = self.client()
        a.run("begin")
        a.run("listen news")
        self.notify("news", "before")
        a.run("select 1")
        a.run("commit")
        self.notify("news", "after")
        told = self.heard(a)
        if told == ("news", "before"):  # it is not told apart from what follows on the commit
            told = self.heard(a)
        self.assertEqual(told, ("news", "after"))

    @NOT_IN_PGBOUNCER
    def test_rolled_back(self):
        a = self.listener("kept")
        a.run("begin")
        a.run("listen news")
        a.run("rollback")
        self.notify("news")
        self.hears_nothing(a)
        a.run("begin")
        a.run("listen news")
        a.send(query("select 1/0"))
        a.answer()
        a.run("commit")
        self.notify("news")
        self.hears_nothing(a)
        self.notify("kept", "x")
        self.assertEqual(self.heard(a), ("kept", "x"))

    @NOT_IN_PGBOUNCER
    def test_to_a_savepoint(self):
        a = self.client()
        for text in ("begin", "listen x", "savepoint s", "listen y", "rollback to s", "commit"):
            a.run(text)
        self.notify("y")
        self.notify("x", "1")
        self.assertEqual(self.heard(a), ("x", "1"))

    @NOT_IN_PGBOUNCER
    def test_unlisten_and_listen_in_one(self):
        for before in ([], ["c"]):
            for text in (["begin; unlisten *; listen c; notify c, 'self'; commit"],
                         ["begin", "unlisten *", "listen c", "notify c, 'self'", "commit"]):
                a = self.listener(*before)
                a.send(*(query(each) for each in text))
                answer = "CCCCCZ" if len(text) == 1 else 5 * "CZ"
                self.assertEqual(self.heard_with_answer(a, answer), [("c", "self")])
                a.end()  # the first text pins

    @NOT_IN_PGBOUNCER
    def test_before_another_one_fails(self):
        for text in ("begin; listen a; commit; select 1/0",
                     "begin; listen a; commit; begin; select 1; rollback"):
            a = self.client()
            a.send(query(text))
            a.answer()
            self.notify("a", "1")
            self.assertEqual(self.heard(a), ("a", "1"))
            a.end()  # that pins

    @NOT_IN_PGBOUNCER
    def test_behind_a_savepoint(self):
        a = self.client()
        for text in ("begin", "listen x", "savepoint s", "rollback to s", "notify x, 'self'"):
            a.run(text)
        a.send(query("commit"))
        self.assertEqual(self.heard_with_answer(a, "CZ"), [("x", "self")])

    @NOT_IN_PGBOUNCER
    def test_what_came_before_an_unlisten_is_not_told_behind_a_listen(self):
        a, b = self.listener("x"), self.listener("x")
        a.run("begin")
        self.notify("x", "old")
        self.assertEqual(self.heard(b), ("x", "old"))  # so it has been heard
        a.run("unlisten x")
        a.run("commit")
        a.run("listen x")
        self.hears_nothing(a)

    @NOT_IN_PGBOUNCER
    def test_nothing_is_told_in_a_transaction(self):
        a = self.listener("news")
        a.run("begin")
        self.notify("news", "1")
        self.assertEqual(a.run("select 1").kinds, "TDCZ")
        self.notify("news", "2")
        self.assertEqual(a.run("select 1").kinds, "TDCZ")
        a.send(query("commit"))
        self.assertEqual(self.heard_with_answer(a, "CZ", 2), [("news", "1"), ("news", "2")])

    @NOT_IN_PGBOUNCER
    def test_nor_behind_a_begin_that_no_server_knows(self):
        a = self.listener("news")
        a.run("begin")
        self.notify("news", "1")
        self.let_idle()
        a.send(query("commit"))
        self.assertEqual(self.heard_with_answer(a, "CZ"), [("news", "1")])

    @NOT_IN_PGBOUNCER
    def test_who_sees_the_commit_is_heard(self):
        """Who listens and says so in one transaction hears whoever reads that."""
        table = self.fresh_table("id serial primary key, text text")
        self.postgres.sql(f"grant all on sequence {table}_id_seq to ann", database="shop")
        for number in range(30):
            a = self.client()
            a.send(query(f"begin; listen c{number}; insert into {table}(text) values "
                         f"('c{number}'); commit"))
            rig.eventually(lambda: self.postgres.sql(
                f"select 1 from {table} where text = 'c{number}'", database="shop"), "no commit")
            self.notify(f"c{number}", "seen")
            self.assertEqual(self.heard_with_answer(a, "CCCCZ"), [(f"c{number}", "seen")])
            a.end()

    @NOT_IN_PGBOUNCER
    def test_who_is_pinned_later(self):
        a = self.listener("before")
        a.run("create temporary table mine(x int)")
        self.notify("before", "1")
        self.assertEqual(self.heard(a), ("before", "1"))
        a.run("listen after")
        self.notify("after", "2")
        self.assertEqual(self.heard(a), ("after", "2"))
        a.run("listen before")
        self.notify("before", "3")
        self.assertEqual(self.heard(a), ("before", "3"))
        self.assertEqual(a.run("select 1").kinds, "TDCZ")
        a.run("unlisten *")
        for channel in ("before", "after"):
            self.notify(channel)
        self.assertEqual(a.run("select 1").kinds, "TDCZ")

    @NOT_IN_PGBOUNCER
    def test_by_a_code_block(self):
        a = self.client()
        a.run("do $$ begin execute 'listen news'; end $$")
        self.notify("news", "1")
        self.assertEqual(self.heard(a), ("news", "1"))


@rig.modes("transaction")
@rig.pooled
class Shared(Listening):
    """One connection for all."""

    settings = {"default_pool_size": 2, "server_idle_timeout": 3600}

    @NOT_IN_PGBOUNCER
    def test_many_clients_keep_no_server(self):
        clients = [self.listener("news", f"own{number}") for number in range(50)]
        self.assertEqual(len(self.listening()), 1)
        self.assertLessEqual(len(self.backends()), 3)
        self.notify("news", "all")
        self.assertEqual({self.heard(each) for each in clients}, {("news", "all")})
        for number, each in enumerate(clients):
            self.notify(f"own{number}", str(number))
            self.assertEqual(self.heard(each), (f"own{number}", str(number)))
        for each in clients:
            self.assertEqual(each.value("select 1"), "1")

    @NOT_IN_PGBOUNCER
    def test_it_ends_when_nobody_needs_it(self):
        a = self.listener("news")
        self.assertEqual(len(self.listening()), 1)
        a.end()
        rig.eventually(lambda: not self.listening(), "it is still there")
        b = self.listener("news")
        self.notify("news", "1")
        self.assertEqual(self.heard(b), ("news", "1"))

    @NOT_IN_PGBOUNCER
    def test_if_it_is_lost_those_that_listen_end(self):
        a, b, other = self.listener("x"), self.listener("y"), self.client()
        a.run("begin")
        a.run("select 1")
        process, = self.listening()
        self.postgres.sql(f"select pg_terminate_backend({process})")
        kind, body = b.receive()
        self.assertEqual((kind, fields_of(body)["C"]), ("E", "08006"))
        self.assertEqual(b.rest(), [])
        self.assertEqual(a.run("select 1").status, "T")
        a.send(query("commit"))
        told = a.rest()
        self.assertEqual([each[0] for each in told], ["C", "Z", "E"])
        self.assertEqual(other.value("select 1"), "1")
        self.assertIn("the connection that listens for shop was lost: clients end, with 2 LISTENs",
                      self.server.process.said())
        again = self.listener("x")
        self.notify("x", "1")
        self.assertEqual(self.heard(again), ("x", "1"))

    @NOT_IN_PGBOUNCER
    def test_other_encodings_are_pinned(self):
        a = self.listener("news", client_encoding="LATIN1")
        self.notify("news", "grüße")
        kind, body = a.receive()
        self.assertEqual((kind, body[4:]), ("A", b"news\0gr\xfc\xdfe\0"))
        a.run("listen other")
        self.notify("other", "2")
        self.assertEqual(self.heard(a), ("other", "2"))

    @NOT_IN_PGBOUNCER
    def test_who_changes_its_encoding_is_told_what_it_can_read(self):
        a = self.listener("news")
        a.run("set client_encoding to latin1")
        self.notify("news", "plain" * 40)
        self.assertEqual(self.heard(a), ("news", "plain" * 40))
        self.notify("news", "grüße")
        kind, body = a.receive()
        self.assertEqual((kind, fields_of(body)["C"]), ("E", "22P05"))
        self.assertEqual(a.rest(), [])

    @NOT_IN_PGBOUNCER
    def test_who_does_not_read_ends(self):
        """Its own notifications are bounded; others hear theirs."""
        a, b = self.listener("flood"), self.listener("flood")
        floods = self.admin()
        for _ in range(50):  # 30 MB: more than a client may leave, and the kernel's buffers hold
            floods.run("do $$ begin for i in 1..100 loop perform pg_notify('flood', "
                       "repeat('x', 6000) || i); end loop; end $$")
            for _ in range(100):
                self.heard(b)
        told = a.rest()
        self.assertTrue(told)
        self.assertLess(len(told), 5000)

    @NOT_IN_PGBOUNCER
    def test_pause_and_reconnect_end_those_that_listen(self):
        console = self.client(database="pgbouncer", user="weft")
        for command, undo in (("pause", "resume"), ("reconnect", None)):
            a = self.listener("news")
            console.run(command)
            kind, body = a.receive()
            self.assertEqual((kind, fields_of(body)["C"]), ("E", "57P01"), command)
            self.assertEqual(a.rest(), [])
            if undo:
                rig.eventually(lambda: not self.backends(), "servers are still there")
                console.run(undo)
        self.assertEqual(self.client().value("select 1"), "1")


    @NOT_IN_PGBOUNCER
    def test_a_pause_beside_a_transaction(self):
        console = self.client(database="pgbouncer", user="weft")
        a = self.client()
        a.run("begin")
        a.run("select 1")
        console.send(query("pause"))
        observer = self.client(database="pgbouncer", user="weft")
        rig.eventually(lambda: observer.run("show databases").rows[0][-2] == "1" or
                       "paused" in str(observer.run("show state").rows), "it is not paused")
        a.run("listen x")
        a.send(query("commit"))
        self.assertEqual([each[0] for each in a.rest()], ["C", "Z", "E"])
        self.assertEqual(console.answer().tags, ["PAUSE"])
        self.assertEqual(observer.run("show listeners").rows[0][1], "not needed")
        observer.run("resume")


@rig.modes("transaction")
@rig.pooled
class Reset(Listening):
    """A server that listens goes to nobody else, whatever the reset query leaves."""

    settings = {"default_pool_size": 1, "server_reset_query": "DISCARD TEMP",
                "server_reset_query_always": 1}

    @NOT_IN_PGBOUNCER
    def test_a_stranger_that_keeps_it_hears_nothing(self):
        a = self.client()
        a.run("listen x")
        b = self.client()
        b.run("create temporary table t(x int)")
        self.notify("x", "1")
        self.assertEqual(self.heard(a), ("x", "1"))
        self.assertEqual(b.run("select 1").kinds, "TDCZ")
        b.run("listen y")  # by its own server
        b.end()
        c = self.client()
        c.run("create temporary table t(x int)")
        self.notify("y", "1")
        self.assertEqual(c.run("select 1").kinds, "TDCZ")


@rig.modes("transaction")
@rig.pooled
class Moves(Listening):
    """The database of this name is another one after a reload."""

    def reload(self, change):
        change(self.server.databases)
        self.server.write_configuration()
        self.client(database="pgbouncer", user="weft").run("reload")

    def at_other(self, databases):
        databases["shop"] = self.before["shop"].replace("dbname=shop", "dbname=other")

    def setUp(self):
        super().setUp()
        self.before = dict(self.server.databases)
        self.addCleanup(self.reload, lambda databases: databases.update(self.before))

    @NOT_IN_PGBOUNCER
    def test_those_who_listen_end(self):
        a = self.listener("x")
        self.reload(self.at_other)
        kind, body = a.receive()
        self.assertEqual((kind, fields_of(body)["C"]), ("E", "57P01"))
        b = self.listener("x")
        self.notify("x", "not there")
        b.run("notify x, 'there'")
        self.assertEqual(self.heard(b), ("x", "there"))

    @NOT_IN_PGBOUNCER
    def test_removed_and_back(self):
        a = self.client()
        a.run("begin")
        a.run("select 1")
        self.reload(lambda databases: databases.pop("shop"))
        a.send(query("listen x"), query("commit"))
        a.answer()
        self.reload(self.at_other)
        b = self.listener("x")
        self.notify("x", "not there")
        self.client().run("notify x, 'there'")
        self.assertEqual(self.heard(b), ("x", "there"))


@rig.modes("transaction")
@rig.pooled
class WithoutConnection(Listening):
    """There is none to be had that could listen for all."""

    @NOT_IN_PGBOUNCER
    def test_the_client_keeps_its_server(self):
        self.addCleanup(self.postgres.sql, "alter role ann connection limit -1")
        a, busy = self.client(), self.client()
        busy.run("begin")
        busy.run("select 1")
        a.run("select 1")
        self.postgres.sql(f"alter role ann connection limit {len(self.backends())}")
        a.run("listen news")
        self.notify("news", "1")
        self.assertEqual(self.heard(a), ("news", "1"))
        self.assertEqual(self.listening(), [])
        busy.run("commit")


@rig.modes("transaction")
@rig.pooled
class Ends(Listening):
    """A client that listens and has no fiber ends as any other."""

    settings = {"client_idle_timeout": 3}

    @NOT_IN_PGBOUNCER
    def test_when_it_idles_for_too_long(self):
        a = self.listener("news")
        kind, body = a.receive()
        self.assertEqual((kind, fields_of(body)["M"]), ("E", "client_idle_timeout"))
        self.assertEqual(a.rest(), [])

    @NOT_IN_PGBOUNCER
    def test_when_it_is_killed(self):
        a = self.listener("news", application_name="listens")
        self.let_idle()
        console = self.client(database="pgbouncer", user="weft")
        columns = console.run("show clients")
        number, = [row[-1] for row in columns.rows if "listens" in row]
        console.run(f"kill_client {number}")
        self.assertIn([kind for kind, _ in a.rest()], ([], ["E"]))

    @NOT_IN_PGBOUNCER
    def test_when_it_says_goodbye_or_vanishes(self):
        a, b, c = self.listener("news"), self.listener("news"), self.listener("news")
        self.let_idle()
        a.end()
        b.vanish()
        console = self.client(database="pgbouncer", user="weft")
        rig.eventually(lambda: console.run("show listeners").rows[0][3:5] == ["1", "1"],
                       "they are still there")
        self.notify("news", "1")
        self.assertEqual(self.heard(c), ("news", "1"))
        row, = console.run("show listeners").rows
        self.assertEqual(row[:2], ["shop", "connected"])
        self.assertEqual([int(row[2])], self.listening())


if __name__ == "__main__":
    unittest.main()
