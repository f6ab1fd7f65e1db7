// SPDX-License-Identifier: Apache-2.0
#include "postgres_server.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>
#include <vector>

#include <libpq-fe.h>

namespace weft::testing {

namespace {

/// PostgreSQL does not run as root.
void become_somebody() {
    if (::geteuid() != 0) {
        return;
    }
    const passwd* const somebody = ::getpwnam("nobody");
    if (somebody == nullptr || ::setgroups(0, nullptr) != 0 || ::setgid(somebody->pw_gid) != 0 ||
        ::setuid(somebody->pw_uid) != 0) {
        ::_exit(126);
    }
}

/// Ends with this process, also if that is killed.
pid_t start_program(const std::vector<std::string>& arguments, const std::string& log) {
    std::vector<char*> native;
    for (const std::string& each : arguments) {
        native.push_back(const_cast<char*>(each.c_str()));
    }
    native.push_back(nullptr);
    const pid_t child = ::fork();
    if (child == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGINT);
        const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
        const int in = ::open("/dev/null", O_RDONLY);
        ::dup2(in, STDIN_FILENO);
        ::dup2(out, STDOUT_FILENO);
        ::dup2(out, STDERR_FILENO);
        become_somebody();
        ::prctl(PR_SET_PDEATHSIG, SIGINT);  // a change of user takes it back
        ::execv(native.front(), native.data());
        ::_exit(127);
    }
    return child;
}

}  // namespace

postgres_server::postgres_server(int most_connections) {
    if (::geteuid() == 0) {
        const passwd* const somebody = ::getpwnam("nobody");
        if (somebody == nullptr ||
            ::chown((folder_ / "").c_str(), somebody->pw_uid, somebody->pw_gid) != 0) {
            throw std::runtime_error("PostgreSQL does not run as root, and there is no nobody");
        }
    }
    const pid_t maker = start_program(
        {WEFT_POSTGRES_FOLDER "/initdb", "--pgdata=" + (folder_ / "data"), "--username=weft",
         "--auth=trust", "--no-sync", "--no-locale", "--encoding=UTF8"},
        folder_ / "initdb.log");
    int status = 0;
    ::waitpid(maker, &status, 0);
    if (status != 0) {
        throw std::runtime_error("initdb failed: " + log());
    }
    start(most_connections);
}

void postgres_server::start(int most_connections) {
    process_ = start_program(
        {WEFT_POSTGRES_FOLDER "/postgres", "-D", folder_ / "data", "-k", folder_ / "", "-c",
         "listen_addresses=", "-c", "max_connections=" + std::to_string(most_connections), "-c",
         "fsync=off", "-c", "shared_buffers=32MB"},
        folder_ / "server.log");
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (::PQping(connection_string().c_str()) != PQPING_OK) {
        int status = 0;
        const bool ended = ::waitpid(process_, &status, WNOHANG) != 0;
        if (ended || std::chrono::steady_clock::now() > limit) {
            throw std::runtime_error("PostgreSQL did not start: " + log());
        }
        // It says so to nobody who does not ask.
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}

postgres_server::~postgres_server() {
    if (process_ > 0) {
        ::kill(process_, SIGINT);  // fast shutdown
        ::waitpid(process_, nullptr, 0);
    }
}

std::string postgres_server::connection_string() const {
    return "host=" + (folder_ / "") + " user=weft dbname=postgres";
}

std::string postgres_server::log() const {
    std::string text;
    for (const char* const name : {"initdb.log", "server.log"}) {
        std::ifstream file(folder_ / name);
        text.append(std::istreambuf_iterator<char>(file), {});
    }
    return text;
}

}  // namespace weft::testing
