# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL and poolers as private servers of one process, for tests and benchmarks.

Each has a temporary folder with its files and its Unix socket, and a port of the loopback that was
free a moment ago (PgBouncer cannot say which one it got, so 0 is not possible; a start that finds the
port taken is repeated with another). Whatever happens to this process, its servers end with it.
PostgreSQL and PgBouncer refuse to be root: as root, all of them are `nobody`.
"""
import ctypes
import glob
import json
import os
import pwd
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from wire_client import Client, Closed, ServerError

START_SECONDS = 60
STOP_SECONDS = 20
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)

# Who there is. `weft` is the superuser and comes without a password, as `ann` does.
TRUSTED = ("weft", "ann")
PASSWORDS = {"alice": "wonder land", "bob": "p\u00e4ssw\u00f6rd", "carol": "old style"}
MD5_USERS = ("carol",)
DATABASES = ("shop", "other")


class ServerFailed(Exception):
    """A server did not start; the text ends with what it said last."""


def user():
    """Who servers run as: a passwd entry, or None for who we are."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def temporary_folder():
    """For a server's files and its socket, whose path must be short."""
    folder = tempfile.mkdtemp(prefix="weft-pool-", dir="/tmp")
    os.chmod(folder, 0o755)
    if user():
        os.chown(folder, user().pw_uid, user().pw_gid)
    return folder


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def find_program(name):
    """Path of one of PostgreSQL's programs, of the newest version; None if there is none."""
    folders = glob.glob("/usr/lib/postgresql/*/bin") + ["/usr/local/pgsql/bin"]
    folders.sort(key=lambda path: [int(part) for part in path.split("/") if part.isdigit()])
    places = [*reversed(folders), *os.environ.get("PATH", "").split(":"), "/usr/sbin"]
    found = (os.path.join(place, name) for place in places)
    return next((path for path in found if os.access(path, os.X_OK)), None)


def wait_until(condition, what, seconds=START_SECONDS):
    """Asks again and again, since a server tells nobody. Throws what `what()` or the text says."""
    limit = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > limit:
            raise ServerFailed(what() if callable(what) else what)
        time.sleep(0.01)


def accepts(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(path) == 0


def run_as_server(command):
    """A program of PostgreSQL that ends by itself."""
    who = user()
    options = {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []} if who else {}
    done = subprocess.run(command, capture_output=True, text=True, timeout=START_SECONDS, cwd="/",
                          check=False, **options)
    if done.returncode != 0:
        raise ServerFailed(f"{command[0]}: {done.stderr}")


def write_file(path, content, mode=0o600):
    with open(path, "w", encoding="utf-8") as file:
        file.write(content)
    os.chmod(path, mode)
    if user():
        os.chown(path, user().pw_uid, user().pw_gid)


class Process:
    """A server program; everything that it says goes into the file `log`."""

    def __init__(self, command, log, limits=(), environment=None):
        """`environment`: what is added to that of this process."""
        who = user()
        # Opened here: the folder of a build may be closed to `nobody`.
        program = os.open(command[0], os.O_RDONLY)

        def setup():
            for which, value in limits:
                resource.setrlimit(which, (value, value))
            if who:
                os.setgroups([])
                os.setgid(who.pw_gid)
                os.setuid(who.pw_uid)
            _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)  # after: a change of user takes it back

        try:
            with open(log, "ab") as output:
                self._process = subprocess.Popen(
                    command, executable=f"/proc/self/fd/{program}", pass_fds=(program,), cwd="/",
                    env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL,
                    stdout=output, stderr=output, preexec_fn=setup)
        finally:
            os.close(program)
        self.log = log

    @property
    def pid(self):
        return self._process.pid

    def running(self):
        return self._process.poll() is None

    def send_signal(self, number):
        self._process.send_signal(number)

    def wait(self, seconds=STOP_SECONDS):
        return self._process.wait(seconds)

    def stop(self, number=signal.SIGINT):
        """By signal, and by force if that does not help."""
        if self.running():
            self._process.send_signal(number)
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def cpu_seconds(self):
        """CPU time so far, of all its threads, user and system."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii", errors="replace") as file:
            # The name, which may contain anything, is in brackets.
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()


class Server:
    """A Process in a folder of its own, with a Unix socket and a port. `with` ends it."""

    # Of its process: (resource.RLIMIT_..., value) each.
    limits = ()
    # {name: value} added to that of its process.
    environment = None

    def __init__(self):
        self.folder = temporary_folder()
        self.port = 0
        self.process = None

    @property
    def socket_path(self):
        return os.path.join(self.folder, f".s.PGSQL.{self.port}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self.process:
            self.process.stop()
        if not os.environ.get("WEFT_POOL_KEEP"):
            shutil.rmtree(self.folder, ignore_errors=True)

    def _start(self, command):
        """Until it accepts. `command` is made anew from the port for each attempt."""
        log = os.path.join(self.folder, "log")
        for last in (False, False, True):
            self.port = self.port or free_port()
            self.process = Process(command(), log, self.limits, self.environment)
            wait_until(lambda: not self.process.running() or accepts(self.socket_path),
                       self._why(log))
            if self.process.running():
                return
            if last:
                raise ServerFailed(self._why(log)())
            self.port = 0

    def _why(self, log):
        def why():
            with open(log, encoding="utf-8", errors="replace") as file:
                return f"{self.process and self.process.pid} did not start:\n{file.read()[-2000:]}"
        return why


class Postgres(Server):
    """With the users and databases named above. `settings` go to its command line."""

    def __init__(self, **settings):
        super().__init__()
        self.data = os.path.join(self.folder, "data")
        self._sessions = {}
        self.settings = {"fsync": "off", "autovacuum": "off", "max_connections": "150",
                         "listen_addresses": "127.0.0.1", "unix_socket_directories": self.folder,
                         # A backend whose client has gone ends soon, also in a query.
                         "client_connection_check_interval": "100ms", **settings}
        try:
            run_as_server([find_program("initdb"), "--pgdata", self.data, "--username=weft",
                           "--auth=trust", "--no-sync", "--no-locale", "--encoding=UTF8"])
            write_file(os.path.join(self.data, "pg_hba.conf"), _hba())
            self.start()
            self.sql(*_roles())
            for database in DATABASES:
                self.sql(f"create database {database}")
        except BaseException:
            self.stop()
            raise

    def start(self):
        self._start(lambda: [find_program("postgres"), "-D", self.data, "-p", str(self.port),
                             *(f"--{name}={value}" for name, value in self.settings.items())])
        # It accepts a moment before it lets anybody in.
        wait_until(self._lets_in, "PostgreSQL lets nobody in")

    def halt(self):
        """Fast: all its sessions are ended. start() again."""
        for session in self._sessions.values():
            session.vanish()
        self._sessions.clear()
        self.process.stop(signal.SIGINT)

    def restart(self):
        self.halt()
        self.start()

    def sql(self, *statements, database="postgres"):
        """Rows of the last statement, a line each, as the superuser gets them. Throws ServerError.

        On a session of its own for each database, kept: a new one would take 100 ms.
        """
        session = self._sessions.get(database)
        if session is None:
            session = Client(self.socket_path, "weft", database, timeout=START_SECONDS)
            self._sessions[database] = session
        for statement in statements:
            answer = session.run(statement)
        return "\n".join("|".join(value or "" for value in row) for row in answer.rows)

    def secrets(self):
        """{user: what PostgreSQL keeps of the password}."""
        lines = self.sql("select rolname || ' ' || rolpassword from pg_authid "
                         "where rolpassword is not null").splitlines()
        return dict(line.split(" ", 1) for line in lines)

    def _lets_in(self):
        try:
            return self.sql("select 1")
        except (ServerError, Closed, OSError):
            return None


class Pooler(Server):
    """PgBouncer, or whatever reads its ini file, before `postgres`.

    `program`: its path. `settings` go to the section [pgbouncer], `databases` replaces the lines of
    [databases]; `users` is {name: secret} for auth_file. `tenants`, {user: weight} or
    {name: {setting: value}}, is only for weft-pool, whose file is its own TOML then.
    """

    def __init__(self, program, postgres, settings=None, databases=None, users=None,
                 tenants=None, limits=(), environment=None):
        super().__init__()
        self.limits, self.environment = limits, environment
        self.program = program
        self.file = os.path.join(self.folder, "pool.toml" if tenants else "pool.ini")
        self.databases = databases or {
            name: f"host={postgres.folder} port={postgres.port} dbname={name}"
            for name in DATABASES}
        self.settings = {
            "listen_addr": "127.0.0.1", "unix_socket_dir": self.folder, "auth_type": "trust",
            "auth_file": os.path.join(self.folder, "userlist.txt"), "admin_users": "weft",
            "default_pool_size": 5, "max_client_conn": 2000, "server_login_retry": 1,
            # Drivers send these at their start.
            "ignore_startup_parameters": "extra_float_digits", **(settings or {})}
        self.users = users or {name: "" for name in (*TRUSTED, *PASSWORDS)}
        self.tenants = tenants or {}
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    def start(self):
        write_file(self.settings["auth_file"],
                   "".join(f'"{name}" "{secret}"\n' for name, secret in self.users.items()))
        self._start(self._command)

    def write_configuration(self):
        settings = {"listen_port": self.port, **self.settings}
        write_file(self.file, self._toml(settings) if self.tenants else self._ini(settings))

    def _ini(self, settings):
        lines = ["[databases]", *(f"{name} = {line}" for name, line in self.databases.items()),
                 "[pgbouncer]", *(f"{name} = {value:d}" if isinstance(value, bool)
                                  else f"{name} = {value}" for name, value in settings.items())]
        return "\n".join([*lines, ""])

    def _toml(self, settings):
        databases = {name: dict(pair.split("=") for pair in line.split())
                     for name, line in self.databases.items()}
        sections = {
            "pool": settings,
            **{f"databases.{name}": {**pairs, "port": int(pairs["port"])}
               for name, pairs in databases.items()},
            **{f"tenants.{name}": rule if isinstance(rule, dict) else {"user": name, "weight": rule}
               for name, rule in self.tenants.items()}}
        # Texts, numbers and flags are written in TOML as in JSON.
        return "\n".join(f"[{section}]\n" + "".join(
            f"{key} = {json.dumps(value)}\n" for key, value in pairs.items())
                         for section, pairs in sections.items())

    def _command(self):
        self.write_configuration()
        return [self.program, self.file]


def _hba():
    # The superuser alone may replicate.
    return "".join(f"{kind} replication weft {address} trust\n"
                   for kind, address in (("local", ""), ("host", "127.0.0.1/32"))) + "".join(
                       f"{kind} all {who} {address} {method}\n"
                   for kind, address in (("local", ""), ("host", "127.0.0.1/32"))
                   for who, method in ((",".join(TRUSTED), "trust"), (",".join(MD5_USERS), "md5"),
                                       ("all", "scram-sha-256")))


def _roles():
    statements = ["create role ann login"]
    for name, password in PASSWORDS.items():
        kind = "md5" if name in MD5_USERS else "scram-sha-256"
        statements += [f"set password_encryption = '{kind}'",
                       f"create role {name} login password '{password}'"]
    return [*statements, "grant create on schema public to public"]
