#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The name of a database's host gets another address: a failover by DNS."""
import os
import select
import shutil
import socket
import struct
import tempfile
import threading
import unittest

import rig
import servers
from wire_client import query

NAME = "db.failover.test"
NOBODY = "127.0.0.3"
SECOND = "127.0.0.2"
FIRST = "127.0.0.1"


class NameServer:
    """Answers for NAME with `address`, which may change; knows no other names.

    At port 53, as a resolv.conf cannot name another one, of an address that is this process's alone.
    """

    def __init__(self, address):
        self.address = address
        self.asked = 0
        number = os.getpid()
        self.at = f"127.{200 + (number >> 16 & 31)}.{number >> 8 & 255}.{number & 255}"
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.bind((self.at, 53))
        except OSError as error:  # not root, or somebody listens at all addresses
            self._socket.close()
            raise unittest.SkipTest(f"port 53 cannot be listened at: {error}") from error
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while True:
            request, whom = self._socket.recvfrom(512)
            if request == b"stop":
                return
            end = request.index(b"\0", 12) + 5
            labels, at = [], 12
            while request[at]:
                labels.append(request[at + 1:at + 1 + request[at]].decode())
                at += 1 + request[at]
            known = ".".join(labels).lower() == NAME
            wanted = struct.unpack("!H", request[end - 4:end - 2])[0]
            answers = []
            if known and wanted == 1:
                self.asked += 1
                answers = [b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 1, 4) +
                           socket.inet_aton(self.address)]
            self._socket.sendto(
                request[:2] + struct.pack("!HHHHH", 0x8180 if known else 0x8183, 1, len(answers), 0, 0)
                + request[12:end] + b"".join(answers), whom)

    def stop(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"stop", (self.at, 53))
        self._thread.join()
        self._socket.close()


class Relay:
    """Another address of the same PostgreSQL; counts who comes that way."""

    def __init__(self, port):
        self.came = 0
        self._to = (FIRST, port)
        self._open = []
        self._listener = socket.create_server((SECOND, port))
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            self.came += 1
            far = socket.create_connection(self._to)
            self._open += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    @staticmethod
    def _pass_on(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        for each in (source, sink):
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def stop(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        for each in (self._listener, *self._open):
            each.close()


class NamedHost(unittest.TestCase):
    def setUp(self):
        if rig.TARGET == "direct":
            self.skipTest("there is no pool")
        self.postgres = rig.postgres()
        self.names = NameServer(FIRST)
        self.addCleanup(self.names.stop)
        folder = tempfile.mkdtemp(prefix="weft-pool-test-")
        self.addCleanup(shutil.rmtree, folder)
        os.chmod(folder, 0o755)
        path = os.path.join(folder, "resolv.conf")
        servers.write_file(path, f"nameserver {self.names.at}\n")
        line = f"host={NAME} port={self.postgres.port} dbname=shop"
        self.pooler = servers.Pooler(
            rig.program(), self.postgres,
            {"pool_mode": "transaction", "resolv_conf": path, "dns_max_ttl": 1,
             "dns_nxdomain_ttl": 1, "server_login_retry": 0.1, "default_pool_size": 1,
             "server_connect_timeout": 2},
            databases={"shop": line}, users={"ann": "", "weft": ""})
        self.addCleanup(self.pooler.stop)

    def client(self, **options):
        client = rig.Client(self.pooler.socket_path, **options)
        self.addCleanup(client.socket.close)
        return client

    def reconnect(self):
        self.client(user="weft", database="pgbouncer").run("reconnect")

    def test_new_connections_go_to_the_new_address(self):
        relay = Relay(self.postgres.port)
        self.addCleanup(relay.stop)
        client = self.client()
        self.assertEqual(client.value("select 1"), "1")
        self.assertEqual(relay.came, 0)
        self.names.address = SECOND

        def came():
            self.reconnect()
            self.assertEqual(client.value("select 2"), "2")  # whichever way
            return relay.came > 0
        rig.eventually(came, "nobody comes by the new address")

    def test_address_where_nobody_is(self):
        client = self.client()
        self.assertEqual(client.value("select 1"), "1")
        self.names.address = NOBODY

        def waits():
            self.reconnect()
            client.send(query("select 2"))
            came, _, _ = select.select([client.socket], [], [], 0.5)
            if came:
                self.assertEqual(client.answer().rows, [["2"]])
            return not came
        rig.eventually(waits, "it is served from where nobody is")
        rig.eventually(lambda: "server login failed" in self.pooler.process.said(),
                       "nothing was tried where nobody is")
        self.names.address = FIRST
        self.assertEqual(client.answer().rows, [["2"]])


if __name__ == "__main__":
    unittest.main()
