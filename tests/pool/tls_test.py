#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""TLS on both sides: asked for or direct, and SCRAM that is bound to it."""
import contextlib
import os
import socket
import ssl
import struct
import subprocess
import tempfile
import unittest

import rig
import servers
from impostor import Impostor
from wire_client import (SSL_CODE, Channel, Client, Closed, ServerError, message, request,
                         startup)

PLUS = "SCRAM-SHA-256-PLUS"


def make_certificate(folder, name):
    """Signed by itself, for localhost: (certificate, key), whose owner is who servers run as."""
    paths = tuple(os.path.join(folder, f"{name}.{kind}") for kind in ("crt", "key"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-out", paths[0],
                    "-keyout", paths[1]], check=True, capture_output=True)
    for path in paths:
        with open(path, encoding="ascii") as file:
            servers.write_file(path, file.read())
    return paths


def trust(certificate=None, alpn=()):
    """A client's context; without a certificate it trusts everybody."""
    context = ssl.create_default_context(cafile=certificate)
    if certificate is None:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols(list(alpn))
    return context


class TlsCase(rig.PoolCase):
    """The pooler has a certificate, and so has PostgreSQL."""

    settings = {"auth_type": "scram-sha-256", "server_tls_sslmode": "require"}

    @classmethod
    def setUpClass(cls):
        postgres = rig.postgres()
        cls.folder = servers.temporary_folder()
        cls.addClassCleanup(subprocess.run, ["rm", "-r", cls.folder], check=True)
        cls.certificate, key = make_certificate(cls.folder, "pooler")
        make_certificate(postgres.data, "server")
        postgres.sql("alter system set ssl = on", "select pg_reload_conf()")
        rig.eventually(lambda: postgres.sql("show ssl") == "on", "PostgreSQL has no TLS")
        cls.settings = {**cls.settings, "client_tls_sslmode": "allow",
                        "client_tls_cert_file": cls.certificate, "client_tls_key_file": key}
        cls.users = dict(servers.PASSWORDS)
        if cls.databases is None:
            cls.databases = {
                name: f"host=127.0.0.1 port={postgres.port} dbname={name}"
                for name in servers.DATABASES}
        super().setUpClass()

    def login(self, **options):
        return self.client(**{"address": self.tcp, "user": "alice", "tls": trust(self.certificate),
                              "password": servers.PASSWORDS["alice"], **options})

    def refusal(self, **options):
        with self.assertRaises(ServerError) as caught:
            self.login(**options)
        return caught.exception


@rig.modes("transaction")
class Clients(TlsCase):
    """SCRAM-SHA-256-PLUS is offered under TLS, and nobody can take it away unseen."""

    @rig.but_for("pgbouncer", "LISTEN stays with the server")
    def test_listens(self):
        """Both it and the connection that listens for it are under TLS."""
        listener = self.login()
        listener.run("listen news")
        for text in ("a" * 7000, "b"):
            self.let_idle()
            self.postgres.sql(f"notify news, '{text}'", database="shop")
            kind, body = listener.receive()
            self.assertEqual((kind, body[4:]), ("A", f"news\0{text}\0".encode()))
            self.assertEqual(listener.value("select 1"), "1")

    @rig.but_for("pgbouncer", "has no channel binding")
    @rig.pooled
    def test_bound_to_the_connection(self):
        client = self.login()
        self.assertEqual(client.mechanisms, [PLUS, "SCRAM-SHA-256"])
        self.assertEqual(client.value("select current_user"), "alice")

    @rig.but_for("pgbouncer", "has no channel binding")
    @rig.pooled
    def test_libpq_may_require_it(self):
        import psycopg2
        session = psycopg2.connect(
            host="localhost", hostaddr="127.0.0.1", port=self.server.port, user="alice",
            password=servers.PASSWORDS["alice"], dbname="shop", sslmode="verify-full",
            sslrootcert=self.certificate, channel_binding="require")
        self.addCleanup(session.close)
        with session.cursor() as cursor:
            cursor.execute("select current_user")
            self.assertEqual(cursor.fetchone(), ("alice",))

    @rig.pooled
    def test_not_offered_in_the_clear(self):
        client = self.login(tls=None)
        self.assertEqual(client.mechanisms, ["SCRAM-SHA-256"])
        self.assertEqual(client.value("select 1"), "1")

    @rig.pooled
    def test_who_cannot_bind_need_not(self):
        self.assertEqual(self.login(binding="disable").value("select 1"), "1")

    @rig.but_for("pgbouncer", "has no channel binding")
    @rig.pooled
    def test_who_did_not_see_the_offer_was_lied_to(self):
        error = self.refusal(binding="pretend")
        self.assertEqual(error.sqlstate, "28000")
        self.assertIn("negotiation error", error.fields["M"])

    @rig.but_for("pgbouncer", "has no channel binding")
    @rig.pooled
    def test_of_another_connection(self):
        class Misled(Client):
            """Sees the certificate of somebody between."""
            def _bound(self):
                header, bound = super()._bound()
                return header, bound[::-1]

        with self.assertRaises(ServerError) as caught:
            Misled(self.tcp, "alice", password=servers.PASSWORDS["alice"], tls=trust())
        self.assertEqual(caught.exception.fields["M"], "SCRAM channel binding check failed")

    @rig.but_for("pgbouncer", "has no channel binding")
    @rig.pooled
    def test_wrong_password(self):
        self.assertEqual(self.refusal(password="guess").sqlstate, "28P01")
        self.assertEqual(self.refusal(user="mallory").sqlstate, "28P01")


@rig.modes("transaction")
class SlowClients(TlsCase):
    """Handshakes have turns."""

    def silent(self, count):
        """Clients that have been told to begin, or wait for that, and say nothing."""
        for _ in range(count):
            channel = Channel(self.tcp)
            self.addCleanup(channel.socket.close)
            channel.send(request(SSL_CODE))
            yield channel

    def test_keep_nobody_off(self):
        channels = list(self.silent(200))  # turns there are fewer at a time
        with self.login() as client:
            self.assertEqual(client.value("select 1"), "1")
        for each in channels:
            self.assertEqual(each.take(1), b"S")
        late = trust(self.certificate).wrap_socket(channels[0].socket, server_hostname="localhost")
        self.addCleanup(late.close)
        self.assertEqual(late.version(), "TLSv1.3")


@rig.modes("transaction")
class Direct(TlsCase):
    """TLS from the first byte, as PostgreSQL 17 has it."""

    @rig.but_for("pgbouncer", "1.18 has no direct TLS")
    @rig.pooled
    def test_served(self):
        client = self.login(tls=trust(self.certificate, ["postgresql"]), direct=True)
        self.assertEqual(client.socket.selected_alpn_protocol(), "postgresql")
        self.assertEqual(client.mechanisms[0], PLUS)
        self.assertEqual(client.value("select 1"), "1")
        client.send(b"Q" + struct.pack("!I", 13) + b"select 2\0")
        self.assertEqual(client.answer().rows, [["2"]])

    @rig.but_for("pgbouncer", "1.18 has no direct TLS")
    @rig.pooled
    def test_cancel_request(self):
        client = self.login()
        client.send(message("Q", b"select pg_sleep(60)\0"))
        self.wait_for_query("pg_sleep")
        with Channel(self.tcp) as other:
            other.encrypt(trust(alpn=["postgresql"]))
            other.send(request(80877102, client.key))
            other.rest()
        self.assertEqual(client.answer().sqlstates, ["57014"])

    @rig.pooled
    def test_asked_for_with_the_protocol_named(self):
        client = self.login(tls=trust(self.certificate, ["postgresql"]))
        self.assertEqual(client.value("select 1"), "1")

    @rig.pooled
    def test_who_does_not_name_the_protocol_is_sent_away(self):
        for alpn in ((), ("http/1.1",)):
            with self.subTest(alpn=alpn), self.assertRaises((Closed, OSError)):
                self.login(tls=trust(alpn=alpn), direct=True)
        self.assertEqual(self.login().value("select 1"), "1")

    @rig.pooled
    def test_broken_handshakes(self):
        for what in (b"\x16", b"\x16\x03\x01\x00\x05hello", b"\x16" * 5000):
            with self.subTest(what=what[:8]), Channel(self.tcp) as channel:
                channel.send(what)
                channel.socket.shutdown(socket.SHUT_WR)
                channel.buffer.clear()
                with contextlib.suppress(OSError, AssertionError):
                    channel.rest()
        self.assertEqual(self.login().value("select 1"), "1")

    @rig.pooled
    def test_request_for_encryption_inside_of_it(self):
        with Channel(self.tcp) as channel:
            channel.encrypt(trust(alpn=["postgresql"]))
            channel.send(request(SSL_CODE))
            with contextlib.suppress(Closed):
                self.assertEqual(channel.take(1), b"N")
                channel.send(startup({"user": "alice", "database": "shop"}))
                self.assertEqual(channel.receive()[0], "R")


class Relay(Impostor):
    """Stands between pooler and server, and reads all: it ends TLS and begins it anew.

    `rewrite` may change what comes from the server.
    """

    def __init__(self, port, certificate, rewrite=None):
        self.port_behind, self.rewrite = port, rewrite or (lambda data: data)
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.load_cert_chain(*certificate)
        super().__init__()

    def serve(self, peer):
        with Channel(("127.0.0.1", self.port_behind), rig.DEADLINE_SECONDS) as far:
            peer.take(8)
            peer.send(b"S")
            peer.socket = self.context.wrap_socket(peer.socket, server_side=True)
            far.send(request(SSL_CODE))
            far.take(1)
            far.encrypt(trust())
            # A login takes turns, which is all that is looked at here.
            while said := peer.socket.recv(1 << 16):
                far.send(said)
                peer.send(self.rewrite(far.socket.recv(1 << 16)))


@rig.modes("transaction")
class Servers(TlsCase):
    """The pooler binds, too, and so notices who stands between."""

    settings = {**TlsCase.settings, "client_login_timeout": 5, "server_login_retry": 0.1}

    @classmethod
    def setUpClass(cls):
        port = rig.postgres().port
        folder = tempfile.mkdtemp()
        cls.addClassCleanup(subprocess.run, ["rm", "-r", folder], check=True)
        certificate = make_certificate(folder, "relay")
        cls.databases = {"shop": f"host=127.0.0.1 port={port} dbname=shop"}
        plus = f"{PLUS}\0".encode()

        def without_plus(data):
            return (message("R", data[5:].replace(plus, b"")) if data[:1] == b"R" and plus in data
                    else data)

        cls.databases["verified"] = f"host=127.0.0.1 port={port} dbname=shop tls_sslmode=verify-full"
        for name, rewrite in (("read", None), ("changed", without_plus)):
            relay = Relay(port, certificate, rewrite)
            cls.addClassCleanup(relay.stop)
            cls.databases[name] = f"host=127.0.0.1 port={relay.port} dbname=shop"
        super().setUpClass()

    @rig.pooled
    def test_encrypted_login(self):
        for user in ("alice", "bob"):
            client = self.login(user=user, password=servers.PASSWORDS[user])
            self.assertEqual(client.value(
                "select ssl from pg_stat_ssl where pid = pg_backend_pid()"), "t")

    @rig.but_for("pgbouncer", "has no tls_sslmode for a database")
    @rig.pooled
    def test_certificate_is_checked_for_one_database_alone(self):
        with self.assertRaises((ServerError, Closed)):
            self.login(database="verified")
        self.assertRegex(self.server.process.said(), "TLS: .*(self-signed|signed by itself)")
        self.assertEqual(self.login().value("select 1"), "1")

    @rig.but_for("pgbouncer", "has no channel binding")
    @rig.pooled
    def test_somebody_between(self):
        for database, why in (("read", "SCRAM channel binding check failed"),
                              ("changed", "SCRAM channel binding negotiation error")):
            with self.subTest(database=database):
                self.assertEqual(self.refusal(database=database).fields["M"], why)


class Receiver(Impostor):
    """Notes what comes first, and goes."""

    def __init__(self):
        self.first = []
        super().__init__()

    def serve(self, peer):
        self.first.append(peer.take(1))


@rig.modes("transaction")
class DirectServers(TlsCase):
    """A database with `tls_direct`. PostgreSQL 15 has none, but a pooler is a server, too."""

    settings = {**TlsCase.settings, "client_login_timeout": 5, "server_login_retry": 0.1}

    @classmethod
    def setUpClass(cls):
        port = rig.postgres().port
        cls.receiver = Receiver()
        cls.addClassCleanup(cls.receiver.stop)
        cls.databases = {
            "shop": f"host=127.0.0.1 port={port} dbname=shop",
            "old": f"host=127.0.0.1 port={port} dbname=shop tls_direct=1",
            "received": f"host=127.0.0.1 port={cls.receiver.port} tls_direct=1"}
        super().setUpClass()
        outer = {"shop": f"host=127.0.0.1 port={cls.server.port} tls_direct=1 user=alice "
                         f"password='{servers.PASSWORDS['alice']}'"}
        cls.outer = servers.Pooler(rig.program(), rig.postgres(),
                                   {"server_tls_sslmode": "require"}, databases=outer)
        cls.addClassCleanup(cls.outer.stop)

    @rig.but_for("pgbouncer", "has no direct TLS to servers")
    @rig.pooled
    def test_served(self):
        client = self.client(address=self.outer.socket_path)
        self.assertEqual(client.value("select current_user"), "alice")

    @rig.but_for("pgbouncer", "has no direct TLS to servers")
    @rig.pooled
    def test_begins_with_it(self):
        with self.assertRaises((ServerError, Closed)):
            self.login(database="received")
        self.assertEqual(set(self.receiver.first), {b"\x16"})

    @rig.but_for("pgbouncer", "has no direct TLS to servers")
    @rig.pooled
    def test_a_server_without_it(self):
        with self.assertRaises((ServerError, Closed)):
            self.login(database="old")
        self.assertEqual(self.login().value("select 1"), "1")


if __name__ == "__main__":
    unittest.main()
