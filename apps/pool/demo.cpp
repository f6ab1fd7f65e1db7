// SPDX-License-Identifier: Apache-2.0
#include "demo.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include <weft/blocking.h>
#include <weft/fiber.h>
#include <weft/socket.h>

namespace weft::pool {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using demo_failure = std::unexpected<std::string>;

constexpr const char* version_folders = "/usr/lib/postgresql";  // Debian's, one for each version
constexpr int server_port = 5432;  // names the file of the Unix socket; there is no other

/// Where initdb and postgres lie, of the newest version.
std::optional<fs::path> find_programs() {
    std::optional<fs::path> newest;
    long newest_version = -1;
    std::error_code none;
    for (const auto& version : fs::directory_iterator(version_folders, none)) {
        const long number = std::strtol(version.path().filename().c_str(), nullptr, 10);
        const fs::path programs = version.path() / "bin";
        if (number > newest_version && fs::exists(programs / "initdb", none)) {
            newest = programs;
            newest_version = number;
        }
    }
    return newest;
}

process_options as_server(std::vector<std::string> words) {
    if (::geteuid() == 0) {
        const std::vector<std::string> before{"setpriv", "--reuid=nobody", "--regid=nogroup",
                                              "--clear-groups"};
        words.insert(words.begin(), before.begin(), before.end());
    }
    process_options out;
    out.program = words.front();
    out.arguments.assign(words.begin() + 1, words.end());
    out.working_directory = "/";
    out.input = process_stream::null();
    out.output = process_stream::null();
    out.error = process_stream::null();
    out.new_group = true;  // ^C is for the pooler, which ends the server when its clients have gone
    return out;
}

std::expected<fs::path, std::string> make_folder() {
    std::string path = fs::temp_directory_path() / "weft-pool-demo-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) {
        return demo_failure("no temporary folder: " +
                            std::error_code(errno, std::generic_category()).message());
    }
    // The server may be another user.
    fs::permissions(path, fs::perms::all);
    return fs::path(path);
}

}  // namespace

std::expected<demo_server, std::string> demo_server::start(deadline until) {
    const auto programs = blocking(find_programs);
    if (!programs) {
        return demo_failure(
            "PostgreSQL is not installed (looked for /usr/lib/postgresql/*/bin/initdb)");
    }
    auto folder = make_folder();
    if (!folder) {
        return demo_failure(folder.error());
    }
    demo_server made(*std::move(folder));
    if (auto done = made.launch(*programs, until); !done) {
        return demo_failure(done.error());
    }
    return made;
}

std::expected<void, std::string> demo_server::launch(const fs::path& programs, deadline until) {
    const std::string data = folder_ / "data";
    auto init =
        spawn_process(as_server({programs / "initdb", "--pgdata=" + data, "--username=postgres",
                                 "--auth=trust", "--no-sync", "--no-locale", "--encoding=UTF8"}));
    const auto status = init ? init->wait(until) : std::unexpected(init.error());
    if (!status || !status->success()) {
        return demo_failure("initdb: " + (status ? status->to_string() : status.error().message()));
    }
    auto server = spawn_process(as_server(
        {programs / "postgres", "-D", data, "-k", folder_.native(), "-c", "listen_addresses=", "-p",
         std::to_string(server_port), "-c", "max_connections=100", "-c", "fsync=off"}));
    if (!server) {
        return demo_failure("postgres: " + server.error().message());
    }
    server_ = std::move(*server);
    while (!answers()) {
        const auto ended = server_.try_wait();
        if (!ended || *ended || until.expired() || !this_fiber::sleep_for(10ms)) {
            return demo_failure("the server does not start");
        }
    }
    return {};
}

bool demo_server::answers() const {
    const auto where =
        endpoint::parse("unix:" + folder_.native() + "/.s.PGSQL." + std::to_string(server_port));
    return where && connect(*where).has_value();
}

demo_server::~demo_server() {
    if (folder_.empty()) {
        return;
    }
    (void)server_.kill(SIGINT);  // "fast shutdown"
    (void)server_.wait(10s);
    std::error_code none;
    blocking([&] { fs::remove_all(folder_, none); });
}

configuration demo_server::configure(int port) const {
    configuration out;
    out.general.listen_addr = {"127.0.0.1"};
    out.general.listen_port = port;
    out.general.unix_socket_dir.clear();
    out.general.auth_type = auth_type::any;
    out.general.pool_mode = pool_mode::transaction;
    out.general.max_client_conn = 10'000;
    out.general.ignore_startup_parameters = {"extra_float_digits"};
    database db;
    db.hosts = {folder_.native()};
    db.ports = {static_cast<std::uint16_t>(server_port)};
    db.user = "postgres";
    out.fallback = db;
    return out;
}

}  // namespace weft::pool
