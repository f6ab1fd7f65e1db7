// SPDX-License-Identifier: Apache-2.0
//
// `weft-pool`.
#include <malloc.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <utility>

#include <fmt/format.h>
#include <weft/runtime.h>
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>

#include "config/load.h"
#include "config/migrate.h"
#include "demo.h"
#include "load_files.h"
#include "metrics/log.h"
#include "process_setup.h"
#include "service.h"
#include "systemd.h"

namespace {

constexpr int status_usage = 2;

struct options {
    std::string file;
    bool demo = false;
    int demo_port = 6432;
    std::string migrated;  ///< an ini to be written as TOML
    bool quiet = false;
    bool check = false;
    bool takes_over = false;
};

int complain(const std::string& why) {
    fmt::print(stderr, "weft-pool: {}\n", why);
    return 1;
}

int serve(const options& asked) {
    auto config = weft::pool::load_files(asked.file);
    if (!config) {
        return complain(config.error());
    }
    for (const std::string& warning : (*config)->config.warnings) {
        fmt::print(stderr, "weft-pool: warning: {}\n", warning);
    }
    if (asked.check) {
        return 0;
    }
    const auto& general = (*config)->config.general;
    if (const auto done = weft::pool::become_user(general.user); !done) {
        return complain(done.error());
    }
    auto passed = weft::pool::take_passed_sockets();
    if (!passed) {
        return complain(passed.error());
    }
    weft::pool::pid_file pid;
    if (!asked.takes_over) {
        if (const auto done = pid.write(general.pidfile); !done) {
            return complain(done.error());
        }
    }
    weft::pool::log log(general.logfile, general.log_format,
                        asked.quiet ? weft::pool::log_level::error : weft::pool::log_level::info);
    // What is larger goes back to the system when it is freed. By itself the allocator would learn
    // from the first long message to keep them.
    ::mallopt(M_MMAP_THRESHOLD, 256 * 1024);
    weft::runtime home({.workers = static_cast<unsigned>(general.workers)});
    return home.run([&] {
        weft::pool::service_start start{.path = asked.file,
                                        .passed = *std::move(passed),
                                        .takes_over = asked.takes_over,
                                        .started = {},
                                        .trim = [&] { home.trim(); }};
        if (asked.takes_over) {
            start.started = [&] { return pid.write(general.pidfile, true); };
        }
        return weft::pool::serve_pool(*config, std::move(start), log);
    });
}

/// Writes the configuration as TOML to standard output.
int migrate(const std::string& file) {
    const auto config = weft::pool::load_configuration(file);
    const auto text = config ? weft::pool::as_toml(*config) : std::unexpected(config.error());
    if (!text) {
        return complain(text.error());
    }
    for (const std::string& warning : config->warnings) {
        fmt::print(stderr, "weft-pool: warning: {}\n", warning);
    }
    fmt::print("{}", *text);
    return 0;
}

int serve_demo(const options& asked) {
    using namespace std::chrono_literals;
    weft::runtime home;
    return home.run([&] {
        fmt::print(stderr, "Starting a private PostgreSQL ...\n");
        const auto server = weft::pool::demo_server::start(60s);
        if (!server) {
            return complain(server.error());
        }
        const auto config = weft::pool::complete(server->configure(asked.demo_port));
        if (!config) {
            return complain(config.error());
        }
        fmt::print(stderr,
                   "Connect with: psql -h 127.0.0.1 -p {0} -U postgres postgres\n"
                   "The console:  psql -h 127.0.0.1 -p {0} -U postgres pgbouncer\n"
                   "Ctrl-C ends both.\n",
                   asked.demo_port);
        weft::pool::log log(
            {}, weft::pool::log_format::text,
            asked.quiet ? weft::pool::log_level::error : weft::pool::log_level::info);
        weft::pool::service_start start;
        start.trim = [&] { home.trim(); };
        return weft::pool::serve_pool(*config, std::move(start), log);
    });
}

}  // namespace

int main(int argc, char** argv) try {
    std::signal(SIGPIPE, SIG_IGN);
    CLI::App program("A connection pooler for PostgreSQL", "weft-pool");
    program.set_version_flag("--version,-V", "weft-pool " WEFT_VERSION);
    options asked;
    auto* const file =
        program.add_option("CONFIG", asked.file, "pgbouncer.ini, or a file that ends in .toml");
    auto* const demo = program.add_flag(
        "--demo", asked.demo, "start a private PostgreSQL in a temporary folder and pool it");
    program.add_option("--port", asked.demo_port, "where the demo listens")
        ->capture_default_str()
        ->check(CLI::Range(1, 65535))
        ->needs(demo);
    program.add_option("--migrate", asked.migrated,
                       "write a pgbouncer.ini as TOML to standard output, and end");
    program.add_flag("-q,--quiet", asked.quiet, "log errors only");
    program.add_flag("-R,--reboot", asked.takes_over,
                     "online restart: take over from the running process of this configuration");
    program.add_flag("--check", asked.check, "read the configuration, say what is wrong, and end");
    try {
        program.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        if (error.get_exit_code() == 0) {
            return program.exit(error);
        }
        fmt::print(stderr, "weft-pool: {}; see weft-pool --help\n", error.what());
        return status_usage;
    }
    if (!asked.migrated.empty()) {
        return migrate(asked.migrated);
    }
    if (asked.demo) {
        return serve_demo(asked);
    }
    if (file->empty()) {
        fmt::print(stderr, "weft-pool: which configuration? See weft-pool --help\n");
        return status_usage;
    }
    return serve(asked);
} catch (const std::exception& error) {
    return complain(error.what());
}
