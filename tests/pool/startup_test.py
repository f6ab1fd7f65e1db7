#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Before a client has logged in: versions, options, encryption, and what is no PostgreSQL at all."""
import contextlib
import os
import pwd
import struct
import unittest

import rig
import servers
from wire_client import (CANCEL_CODE, GSSENC_CODE, SSL_CODE, Channel, Client, Closed, ServerError,
                         fields_of, query, request, startup, unnamed)

ONE = ("transaction",)
LOGIN = {"user": "ann", "database": "shop"}


def options_not_known(body):
    """Of a NegotiateProtocolVersion: (minor version, names)."""
    minor, count = struct.unpack_from("!II", body)
    names = body[8:].split(b"\0")[:count]
    return minor & 0xffff, [name.decode() for name in names]


@rig.modes(*ONE)
class Versions(rig.PoolCase):
    """What comes after the protocol that both know."""

    def newest(self):
        """Minor version of the protocol that PostgreSQL 15 knows is 0; a pooler may know 2."""
        return (0, 2) if rig.TARGET == "weft-pool" else (0,)

    @rig.but_for("pgbouncer", "1.18 refuses it")
    def test_future_minor_version_is_answered_once(self):
        client = self.client(version=(3, 9999))
        minor, names = options_not_known(client.negotiated)
        self.assertIn(minor, self.newest())
        self.assertEqual(names, [])
        self.assertEqual(client.value("select 1"), "1")

    @rig.but_for("pgbouncer", "1.18 hands the option on")
    def test_unknown_option_is_named(self):
        client = self.client(**{"_pq_.test_protocol_negotiation": "1"})
        self.assertEqual(options_not_known(client.negotiated)[1],
                         ["_pq_.test_protocol_negotiation"])
        self.assertEqual(client.value("select 1"), "1")

    @rig.but_for("direct", "PostgreSQL 15 does not know 3.2")
    @rig.but_for("pgbouncer", "does not know 3.2")
    def test_protocol_3_2_and_its_long_key(self):
        client = self.client(version=(3, 2))
        self.assertIsNone(client.negotiated)
        self.assertGreaterEqual(len(client.key), 8)
        self.assertLessEqual(len(client.key), 4 + 256)
        client.send(query("select pg_sleep(30)"))
        self.wait_for_query("pg_sleep")
        client.cancel()
        self.assertEqual(client.answer().sqlstates, ["57014"])

    def test_parameters_of_the_session_are_told(self):
        client = self.client(application_name="hello")
        self.assertEqual(client.parameters["client_encoding"], "UTF8")
        self.assertEqual(client.parameters["application_name"], "hello")
        self.assertRegex(client.parameters["server_version"], r"^\d+")
        self.assertEqual(client.value("show application_name"), "hello")

    def test_another_major_version_is_refused(self):
        for version in [(2, 0), (4, 0), (0, 0)]:
            with self.subTest(version=version), Channel(self.path) as channel:
                channel.send(startup(LOGIN, version))
                with contextlib.suppress(AssertionError):  # 2.0 is answered as 2.0 may be
                    channel.rest()
        self.assertEqual(self.client().value("select 1"), "1")

    def test_no_user_is_refused(self):
        with Channel(self.path) as channel:
            channel.send(startup({"database": "shop"}))
            kind, body = channel.receive()
            self.assertEqual(kind, "E")
            self.assertRegex(fields_of(body)["C"], "^(28000|08P01)$")
            self.assertEqual(channel.rest(), [])


@rig.modes(*ONE)
class Encryption(rig.PoolCase):
    """Asked for where there is none: answered by a letter, and one goes on."""

    def test_refused_and_gone_on_without(self):
        for codes in [(SSL_CODE,), (GSSENC_CODE,), (SSL_CODE, GSSENC_CODE), (GSSENC_CODE, SSL_CODE)]:
            with self.subTest(codes=codes):
                client = Client.__new__(Client)
                Channel.__init__(client, self.path)
                client.parameters = {}
                self.addCleanup(client.socket.close)
                for code in codes:
                    client.send(request(code))
                    self.assertEqual(client.take(1), b"N")
                client.send(startup(LOGIN))
                client.login()
                self.assertEqual(client.value("select 1"), "1")

    def test_bytes_that_follow_at_once_do_no_harm(self):
        """A client may not, but one in the middle might (CVE-2021-23222)."""
        with Channel(self.path) as channel:
            channel.send(request(SSL_CODE), startup(LOGIN))
            with contextlib.suppress(Closed):
                self.assertIn(channel.take(1), (b"N", b"E"))
        self.assertEqual(self.client().value("select 1"), "1")


@rig.modes(*ONE)
class Garbage(rig.PoolCase):
    """Whoever knocks: the others are served."""

    # A client that does not log in is sent away.
    settings = {"client_login_timeout": 2}

    def assert_others_are_served(self):
        self.assertEqual(self.client().value("select 1"), "1")

    def test_bytes_that_are_no_startup(self):
        for what in [b"GET / HTTP/1.1\r\nHost: db\r\n\r\n", b"\0" * 64, b"\xff" * 64,
                     struct.pack("!I", 3), struct.pack("!I", 1 << 31), struct.pack("!II", 8, 0),
                     unnamed(struct.pack("!HH", 3, 0) + b"user"), unnamed(b""),
                     unnamed(struct.pack("!HH", 3, 0) + b"user\0ann"),
                     struct.pack("!II", 10001, 3 << 16) + b"x" * 9993]:
            with self.subTest(what=what[:20]), Channel(self.path) as channel:
                channel.send(what)
                channel.rest()
        self.assert_others_are_served()

    def test_cancel_requests_that_mean_nobody(self):
        for body in [b"", b"\0" * 4, b"\0" * 8, b"\xff" * 8, b"x" * 40, b"x" * 260, b"x" * 2000]:
            with self.subTest(body=len(body)), Channel(self.path) as channel:
                channel.send(request(CANCEL_CODE, body))
                channel.rest()
        self.assert_others_are_served()

    def test_half_of_a_startup_and_no_more(self):
        whole = startup(LOGIN)
        for size in range(len(whole)):
            with Channel(self.path) as channel:
                channel.send(whole[:size])
        self.assert_others_are_served()

    @rig.but_for("direct", "authentication_timeout is a minute there")
    def test_silence_is_ended_in_time(self):
        for first in [b"", b"\0", startup(LOGIN)[:-1]]:
            with self.subTest(first=first), Channel(self.path, rig.DEADLINE_SECONDS) as channel:
                channel.send(first)
                channel.rest()
        self.assert_others_are_served()

    def test_four_hundred_silent_ones_beside_others(self):
        silent = [Channel(self.path if number % 2 else self.tcp)
                  for number in range(100 if rig.TARGET == "direct" else 400)]
        try:
            self.assert_others_are_served()
        finally:
            for channel in silent:
                channel.vanish()

    def test_query_before_the_password(self):
        with Channel(self.path) as channel:
            channel.send(startup({**LOGIN, "user": "alice"}), query("select 1"))
            channel.socket.shutdown(1)
            channel.rest()
        self.assert_others_are_served()


@rig.modes(*ONE)
class Names(rig.PoolCase):
    """Users and databases that there are not."""

    def refusal(self, **options):
        with self.assertRaises(ServerError) as caught:
            self.client(**options)
        return caught.exception

    @rig.but_for("pgbouncer", "1.18 says 08P01 to all")
    def test_unknown_database(self):
        self.assertEqual(self.refusal(database="nowhere").sqlstate, "3D000")

    @rig.but_for("pgbouncer", "1.18 says 08P01 to all")
    def test_unknown_user(self):
        self.assertRegex(self.refusal(user="nobody at all").sqlstate, "^28(P01|000)$")

    def test_refusals_are_fatal_and_name_what_is_wrong(self):
        error = self.refusal(database="nowhere")
        self.assertEqual(error.fields["S"], "FATAL")
        self.assertIn("nowhere", error.fields["M"])

    def test_names_of_all_lengths(self):
        for size in (1, 63, 64, 1000, 9000):
            with self.subTest(size=size), self.assertRaises((ServerError, Closed)):
                self.client(user="u" * size)
        self.assertEqual(self.client().value("select current_user"), "ann")


def stored_secrets():
    """As they are in PostgreSQL, so that a pooler can log in there with them."""
    return {**{name: "" for name in servers.TRUSTED}, **rig.postgres().secrets()}


@rig.modes(*rig.TRANSACTIONS)
class Passwords(rig.PoolCase):
    """md5 and SCRAM by stored secrets; never a clear word."""

    # With `md5`, a user whose secret is one of SCRAM's is asked by SCRAM.
    settings = {"auth_type": "md5"}

    @classmethod
    def setUpClass(cls):
        cls.users = stored_secrets()
        super().setUpClass()

    def test_right_password(self):
        for user, password in servers.PASSWORDS.items():
            with self.subTest(user=user):
                client = self.client(user=user, password=password)
                self.assertEqual(client.value("select current_user"), user)

    def test_over_tcp(self):
        client = self.client(address=self.tcp, user="alice", password=servers.PASSWORDS["alice"])
        self.assertEqual(client.value("select 1"), "1")

    @rig.but_for("pgbouncer", "1.18 says 08P01 to all")
    def test_wrong_password(self):
        for user in servers.PASSWORDS:
            with self.subTest(user=user), self.assertRaises(ServerError) as caught:
                self.client(user=user, password="guess")
            self.assertEqual(caught.exception.sqlstate, "28P01")
            self.assertEqual(caught.exception.fields["S"], "FATAL")

    @rig.but_for("pgbouncer", "1.18 says 08P01 to all")
    def test_unknown_user_is_asked_all_the_same(self):
        with self.assertRaises(ServerError) as caught:
            self.client(user="mallory", password="guess")
        self.assertEqual(caught.exception.sqlstate, "28P01")

    def test_a_session_is_never_handed_to_another_user(self):
        for _ in range(3):
            for user, password in servers.PASSWORDS.items():
                client = self.client(user=user, password=password)
                self.assertEqual(client.value("select session_user"), user)
                client.end()

    def test_log_has_no_secret(self):
        self.client(user="alice", password=servers.PASSWORDS["alice"])
        said = self.server.process.said()
        for secret in [*servers.PASSWORDS.values(), *filter(None, self.users.values())]:
            self.assertNotIn(secret, said)


@rig.modes("transaction")
class Rules(rig.PoolCase):
    """auth_hba_file and auth_ident_file: who this process is decides who it may be."""

    @classmethod
    def setUpClass(cls):
        folder = servers.temporary_folder()
        cls.addClassCleanup(servers.shutil.rmtree, folder)
        files = {name: os.path.join(folder, name) for name in ("hba", "ident")}
        servers.write_file(files["hba"], "local other all peer map=staff\n"
                                         "local all all peer\n"
                                         "host all bob 127.0.0.1/32 trust\n")
        servers.write_file(files["ident"], f"staff {pwd.getpwuid(os.geteuid()).pw_name} ann\n"
                                           "staff somebody bob\n")
        cls.settings = {"auth_type": "hba", "auth_hba_file": files["hba"],
                        "auth_ident_file": files["ident"]}
        super().setUpClass()

    def sqlstate(self, **options):
        with self.assertRaises(ServerError) as caught:
            self.client(**options)
        return caught.exception.sqlstate

    @rig.but_for("pgbouncer", "1.18 has no user name maps")
    @rig.pooled
    def test_peer_with_a_map(self):
        self.assertEqual(self.client(database="other").value("select current_user"), "ann")
        self.assertEqual(self.sqlstate(user="bob", database="other"), "28000")
        self.assertEqual(self.sqlstate(), "28000")  # without the map the names must be equal

    @rig.but_for("pgbouncer", "1.18 has no user name maps")
    @rig.pooled
    def test_no_rule_fits(self):
        self.assertEqual(self.sqlstate(user="ann", address=self.tcp), "28000")
        with self.assertRaises(ServerError) as caught:
            self.client(user="bob", address=self.tcp).run("select 1")
        self.assertEqual(caught.exception.sqlstate, "28P01")  # of the server, which asks


if __name__ == "__main__":
    unittest.main()
