# SPDX-License-Identifier: Apache-2.0
"""A client of PostgreSQL's protocol that sends what no driver would.

The functions at the top make the bytes of one message, so that a test can put any of them into one
write, in any order, or broken. `Client` logs in and reads. All waiting ends with `timeout`: a server
that says nothing is a failed test, not one that hangs.
"""
import base64
import contextlib
import dataclasses
import hashlib
import hmac
import os
import socket
import ssl
import struct

SSL_CODE, GSSENC_CODE, CANCEL_CODE = 80877103, 80877104, 80877102
LONGEST = 1 << 30


def message(kind, body=b""):
    return kind.encode() + struct.pack("!I", len(body) + 4) + body


def text(value):
    """Ended by a zero, as in all messages."""
    return value.encode() + b"\0"


def unnamed(body):
    """What a client sends before it has logged in: no letter, only a length."""
    return struct.pack("!I", len(body) + 4) + body


def startup(parameters, version=(3, 0)):
    pairs = b"".join(text(name) + text(value) for name, value in parameters.items())
    return unnamed(struct.pack("!HH", *version) + pairs + b"\0")


def request(code, body=b""):
    return unnamed(struct.pack("!I", code) + body)


def query(sql):
    return message("Q", text(sql))


def parse(sql, name="", types=()):
    return message("P", text(name) + text(sql) + struct.pack(f"!H{len(types)}I", len(types), *types))


def bind(values=(), portal="", statement="", result_formats=()):
    body = text(portal) + text(statement) + struct.pack("!HH", 0, len(values))
    for value in values:
        if value is None:
            body += struct.pack("!i", -1)
        else:
            body += struct.pack("!I", len(str(value).encode())) + str(value).encode()
    return message("B", body + struct.pack(f"!H{len(result_formats)}H", len(result_formats),
                                           *result_formats))


def describe(kind, name=""):
    """`kind`: S for a statement, P for a portal."""
    return message("D", kind.encode() + text(name))


def close(kind, name=""):
    return message("C", kind.encode() + text(name))


def execute(portal="", most_rows=0):
    return message("E", text(portal) + struct.pack("!I", most_rows))


FLUSH, SYNC, TERMINATE = message("H"), message("S"), message("X")
COPY_DONE = message("c")


def copy_data(data):
    return message("d", data)


def copy_fail(reason):
    return message("f", text(reason))


def statement(sql, values=()):
    """One statement of the extended protocol with unnamed everything, without its Sync."""
    return parse(sql) + bind(values) + describe("P") + execute()


def fields_of(body):
    """Of an error or a notice: {letter: text}."""
    pieces = body.rstrip(b"\0").split(b"\0")
    return {piece[:1].decode(): piece[1:].decode() for piece in pieces if piece}


def values_of(body):
    """Of a DataRow: texts, None for null."""
    count, = struct.unpack_from("!H", body)
    values, at = [], 2
    for _ in range(count):
        length, = struct.unpack_from("!i", body, at)
        at += 4
        values.append(None if length < 0 else body[at:at + length].decode())
        at += max(length, 0)
    return values


class Closed(Exception):
    """The server has closed the connection."""


class ServerError(Exception):
    """An ErrorResponse where none was expected."""

    def __init__(self, fields):
        super().__init__(f"{fields.get('C')}: {fields.get('M')}")
        self.fields = fields
        self.sqlstate = fields.get("C")


@dataclasses.dataclass
class Answer:
    """Everything up to a ReadyForQuery; `kinds` are the letters of its messages, in order."""
    kinds: str = ""
    rows: list = dataclasses.field(default_factory=list)
    tags: list = dataclasses.field(default_factory=list)
    errors: list = dataclasses.field(default_factory=list)
    notices: list = dataclasses.field(default_factory=list)
    copied: int = 0
    status: str = ""

    @property
    def sqlstates(self):
        return [error["C"] for error in self.errors]

    def add(self, kind, body):
        self.kinds += kind
        if kind == "D":
            self.rows.append(values_of(body))
        elif kind == "C":
            self.tags.append(body[:-1].decode())
        elif kind == "E":
            self.errors.append(fields_of(body))
        elif kind == "N":
            self.notices.append(fields_of(body))
        elif kind == "d":
            self.copied += len(body)
        elif kind == "Z":
            self.status = body.decode()


class Channel:
    """A connection that nothing was said on. `address`: the path of a socket, or (host, port)."""

    def __init__(self, address, timeout=20):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.address = address
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.buffer = bytearray()
        try:
            self.socket.connect(address)
        except BaseException:
            self.socket.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, *pieces):
        self.socket.sendall(b"".join(pieces))

    def take(self, size):
        """Exactly `size` bytes. Throws Closed."""
        while len(self.buffer) < size:
            try:
                piece = self.socket.recv(1 << 16)
            except (ConnectionResetError, BrokenPipeError) as error:
                raise Closed from error
            if not piece:
                raise Closed
            self.buffer += piece
        taken = bytes(self.buffer[:size])
        del self.buffer[:size]
        return taken

    def receive(self):
        """(letter, body) of the next message."""
        kind, length = struct.unpack("!cI", self.take(5))
        if not 4 <= length <= LONGEST:
            raise AssertionError(f"a message '{kind!r}' of {length} bytes")
        return kind.decode("latin-1"), self.take(length - 4)

    def rest(self):
        """All messages until the server closes."""
        messages = []
        with contextlib.suppress(Closed):
            while True:
                messages.append(self.receive())
        return messages

    def end(self):
        """Goes with a goodbye, and waits until the server has heard it."""
        with contextlib.suppress(OSError):
            self.send(TERMINATE)
        self.socket.shutdown(socket.SHUT_WR)
        self.rest()
        self.socket.close()

    def encrypt(self, context):
        """From now on all is under TLS, whose handshake is made here."""
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")

    def vanish(self):
        """Goes without a word."""
        self.socket.close()


class Client(Channel):
    """Logged in, unless `login` is false: then login() is the caller's, who may have sent more."""

    def __init__(self, address, user="ann", database="shop", password="", version=(3, 0),
                 login=True, timeout=20, tls=None, direct=False, binding="prefer", **parameters):
        """`tls`: an ssl.SSLContext, asked for, or `direct`; `binding`: see Scram."""
        super().__init__(address, timeout)
        self.password = password
        self.user = user
        self.parameters, self.key, self.negotiated = {}, None, None
        self.binding, self.mechanisms = binding, []
        try:
            if tls and not direct:
                self.send(request(SSL_CODE))
                if self.take(1) != b"S":
                    raise AssertionError("the server has no TLS")
            if tls:
                self.encrypt(tls)
            self.send(startup({"user": user, "database": database, **parameters}, version))
            if login:
                self.login()
        except BaseException:
            self.socket.close()
            raise

    def login(self):
        """Until ReadyForQuery. Throws ServerError if the server does not want us."""
        scram = None
        while True:
            kind, body = self.receive()
            if kind == "E":
                raise ServerError(fields_of(body))
            if kind == "R":
                scram = self._authenticate(body, scram)
            elif kind == "S":
                self._parameter(body)
            elif kind == "K":
                self.key = body
            elif kind == "v":
                self.negotiated = body
            elif kind == "Z":
                return

    def answer(self):
        """What comes up to ReadyForQuery, or to the start of a COPY from us."""
        answer = Answer()
        while answer.kinds[-1:] not in ("Z", "G"):
            kind, body = self.receive()
            if kind == "S":
                self._parameter(body)
            answer.add(kind, body)
        return answer

    def run(self, sql):
        """The answer to one simple query. Throws ServerError."""
        self.send(query(sql))
        return self._checked()

    def run_extended(self, sql, values=()):
        self.send(statement(sql, values), SYNC)
        return self._checked()

    def value(self, sql):
        """The only value of the first row."""
        return self.run(sql).rows[0][0]

    def cancel(self):
        """Sends a cancel request for this client and waits until the server has taken it."""
        with Channel(self.address) as other:
            other.send(request(CANCEL_CODE, self.key))
            other.rest()

    def _checked(self):
        answer = self.answer()
        if answer.errors:
            raise ServerError(answer.errors[0])
        return answer

    def _parameter(self, body):
        name, value = body[:-1].decode().split("\0")
        self.parameters[name] = value

    def _authenticate(self, body, scram):
        code, = struct.unpack_from("!I", body)
        if code == 3:
            self.send(message("p", text(self.password)))
        elif code == 5:
            self.send(message("p", text(md5_answer(self.user, self.password, body[4:8]))))
        elif code == 10:
            self.mechanisms = [name.decode() for name in body[4:].split(b"\0") if name]
            scram = Scram(self.password, *self._bound())
            first = scram.first()
            self.send(message("p", text(scram.mechanism) + struct.pack("!I", len(first)) + first))
        elif code == 11:
            self.send(message("p", scram.second(body[4:])))
        elif code == 12:
            scram.check(body[4:])
        elif code != 0:
            raise AssertionError(f"the server wants authentication {code}")
        return scram


    def _bound(self):
        """How Scram binds: as libpq does, but for "pretend", which says that it was not offered."""
        offered = "SCRAM-SHA-256-PLUS" in self.mechanisms
        if self.binding == "disable" or not isinstance(self.socket, ssl.SSLSocket):
            return b"n,,", b""
        if not offered or self.binding == "pretend":
            return b"y,,", b""
        hashed = hashlib.sha256(self.socket.getpeercert(binary_form=True)).digest()
        return b"p=tls-server-end-point,,", hashed


def md5_answer(user, password, salt):
    inner = hashlib.md5((password + user).encode()).hexdigest()
    return "md5" + hashlib.md5(inner.encode() + salt).hexdigest()


class Scram:
    """SCRAM-SHA-256 and -PLUS (RFC 5802, RFC 7677, RFC 5929), the client's part.

    `header` says how it binds, `bound` is the hash of the server's certificate.
    """

    def __init__(self, password, header=b"n,,", bound=b""):
        self.password = password.encode()
        self.header, self.bound = header, bound
        self.mechanism = "SCRAM-SHA-256" + ("-PLUS" if header[:1] == b"p" else "")
        self.bare = b"n=,r=" + base64.b64encode(os.urandom(18))
        self.signature = b""

    def first(self):
        return self.header + self.bare

    def second(self, challenge):
        given = dict(part.split(b"=", 1) for part in challenge.split(b","))
        salted = hashlib.pbkdf2_hmac("sha256", self.password, base64.b64decode(given[b"s"]),
                                     int(given[b"i"]))
        key = _hmac(salted, b"Client Key")
        without_proof = (b"c=" + base64.b64encode(self.header + self.bound) +
                         b",r=" + given[b"r"])
        said = b",".join([self.bare, challenge, without_proof])
        mask = _hmac(hashlib.sha256(key).digest(), said)
        proof = bytes(a ^ b for a, b in zip(key, mask, strict=True))
        self.signature = _hmac(_hmac(salted, b"Server Key"), said)
        return without_proof + b",p=" + base64.b64encode(proof)

    def check(self, final):
        if final != b"v=" + base64.b64encode(self.signature):
            raise AssertionError("the server does not know the password")


def _hmac(key, data):
    return hmac.new(key, data, "sha256").digest()
