// SPDX-License-Identifier: Apache-2.0
#include "postgres_server.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "child.h"
#include "lab/system_calls.h"
#include "measure/sampling.h"

namespace weft::measure {

namespace {

namespace fs = std::filesystem;

constexpr auto longest_start = std::chrono::seconds(30);
constexpr const char* folders = "/usr/lib/postgresql";  // Debian's, one for each version

/// Who the server runs as: it refuses to be root.
const passwd* somebody() {
    return ::geteuid() == 0 ? ::getpwnam("nobody") : nullptr;
}

[[noreturn]] void become(const std::vector<std::string>& words) {
    ::prctl(PR_SET_PDEATHSIG, SIGINT);
    if (const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC); nothing >= 0) {
        for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
            ::dup2(nothing, stream);
        }
    }
    if (::geteuid() == 0) {
        const passwd* const who = somebody();
        if (who == nullptr || ::setgroups(0, nullptr) != 0 || ::setgid(who->pw_gid) != 0 ||
            ::setuid(who->pw_uid) != 0) {
            ::_exit(126);
        }
        ::prctl(PR_SET_PDEATHSIG, SIGINT);  // a change of user takes it back
    }
    std::vector<char*> native;
    for (const std::string& word : words) {
        native.push_back(const_cast<char*>(word.c_str()));
    }
    native.push_back(nullptr);
    ::execv(native.front(), native.data());
    ::_exit(127);
}

pid_t start(const std::vector<std::string>& words) {
    const pid_t child = fork_child();
    if (child == 0) {
        become(words);
    }
    return child;
}

/// Where the server can make files.
void give_to_server(const fs::path& folder) {
    if (const passwd* const who = somebody()) {
        if (::chown(folder.c_str(), who->pw_uid, who->pw_gid) != 0) {
            throw_errno("chown");
        }
    }
}

/// Once for all rounds. One that was not finished has another name.
fs::path make_data(const fs::path& programs, const fs::path& folder) {
    const fs::path data = folder / "data";
    if (!fs::exists(data)) {
        const fs::path unfinished = folder / "new";
        if (wait_for(
                start({programs / "initdb", "--pgdata=" + unfinished.string(), "--username=weft",
                       "--auth=trust", "--no-sync", "--no-locale", "--encoding=UTF8"})) != 0) {
            throw std::runtime_error("initdb failed");
        }
        fs::rename(unfinished, data);
    }
    return data;
}

std::uint32_t number_at(const unsigned char* bytes) {
    return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 |
           std::uint32_t{bytes[2]} << 8 | bytes[3];
}

std::string as_bytes(std::uint32_t number) {
    std::string bytes;
    for (const int shift : {24, 16, 8, 0}) {
        bytes += static_cast<char>(number >> shift & 0xff);
    }
    return bytes;
}

void receive_all(int socket, unsigned char* into, std::size_t size) {
    while (size > 0) {
        const ssize_t got = ::recv(socket, into, size, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            throw std::runtime_error("PostgreSQL closed the connection");
        }
        into += got;
        size -= static_cast<std::size_t>(got);
    }
}

int connected_socket(const fs::path& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.native().size() >= sizeof address.sun_path) {
        throw std::runtime_error("the path of the temporary folder is too long for a socket");
    }
    std::ranges::copy(path.native(), address.sun_path);
    const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket < 0) {
        throw_errno("socket");
    }
    if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        const int error = errno;
        ::close(socket);
        throw std::system_error(error, std::generic_category(), "connect");
    }
    return socket;
}

}  // namespace

std::optional<fs::path> find_postgres() {
    std::vector<fs::path> found;
    std::error_code none;
    for (const auto& version : fs::directory_iterator(folders, none)) {
        if (const fs::path programs = version.path() / "bin";
            fs::exists(programs / "initdb", none)) {
            found.push_back(programs);
        }
    }
    if (found.empty()) {
        return std::nullopt;
    }
    const auto number = [](const fs::path& path) {
        return std::strtol(path.parent_path().filename().c_str(), nullptr, 10);
    };
    return std::ranges::max(found, {}, number);
}

postgres_server::postgres_server(const fs::path& programs, const fs::path& folder,
                                 int most_connections)
    : folder_(folder) {
    if (folder.empty()) {
        throw std::runtime_error("there is no folder for temporary files");
    }
    try {
        give_to_server(folder);
        process_ = start({programs / "postgres", "-D", make_data(programs, folder), "-k",
                          folder_.native(), "-c", "listen_addresses=", "-c",
                          "max_connections=" + std::to_string(most_connections), "-c", "fsync=off",
                          "-c", "autovacuum=off"});
        const auto limit = std::chrono::steady_clock::now() + longest_start;
        for (;;) {
            try {
                const postgres_connection first(socket());
                return;
            } catch (const std::exception&) {
                if (std::chrono::steady_clock::now() > limit ||
                    ::waitpid(process_, nullptr, WNOHANG) != 0) {
                    throw;
                }
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(5));  // it tells nobody
        }
    } catch (...) {
        this->~postgres_server();
        throw;
    }
}

postgres_server::~postgres_server() {
    if (process_ > 0) {
        ::kill(process_, SIGINT);  // "fast shutdown"
        ::waitpid(process_, nullptr, 0);
    }
}

postgres_connection::postgres_connection(const fs::path& socket)
    : socket_(connected_socket(socket)) {
    constexpr std::uint32_t version = 3u << 16;
    using namespace std::string_literals;
    const std::string body = as_bytes(version) + "user\0weft\0database\0postgres\0\0"s;
    try {
        send(as_bytes(static_cast<std::uint32_t>(body.size() + 4)) + body);
        wait_until_ready();
    } catch (...) {
        ::close(socket_);
        throw;
    }
}

postgres_connection::postgres_connection(postgres_connection&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)) {}

postgres_connection::~postgres_connection() {
    if (socket_ >= 0) {
        ::close(socket_);
    }
}

void postgres_connection::query(std::string_view sql) {
    std::string message = "Q" + as_bytes(static_cast<std::uint32_t>(sql.size() + 5));
    message += sql;
    message += '\0';
    send(message);
    wait_until_ready();
}

void postgres_connection::send(std::string_view bytes) {
    if (const auto sent = lab::write_all(socket_, bytes); !sent) {
        throw std::system_error(sent.error(), "send");
    }
}

/// Reads messages, each a letter and a length that counts itself, until ReadyForQuery.
void postgres_connection::wait_until_ready() {
    constexpr std::uint32_t longest = 1 << 20;
    std::vector<unsigned char> rest;
    for (;;) {
        std::array<unsigned char, 5> head{};
        receive_all(socket_, head.data(), head.size());
        const std::uint32_t length = number_at(&head[1]);
        if (length < 4 || length > longest) {
            throw std::runtime_error("what PostgreSQL said is no message");
        }
        rest.resize(length - 4);
        receive_all(socket_, rest.data(), rest.size());
        if (head[0] == 'E') {
            throw std::runtime_error("PostgreSQL refused it");
        }
        if (head[0] == 'Z') {
            return;
        }
    }
}

}  // namespace weft::measure
