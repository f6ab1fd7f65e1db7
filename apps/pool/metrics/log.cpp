// SPDX-License-Identifier: Apache-2.0
#include "metrics/log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <ctime>
#include <mutex>
#include <system_error>
#include <utility>

#include <fmt/format.h>
#include <weft/errno.h>
#include <nlohmann/json.hpp>

namespace weft::pool {

namespace {

/// PgBouncer's words, which tools look for.
std::string_view word_of(log_level level) {
    switch (level) {
        case log_level::debug:
            return "DEBUG";
        case log_level::info:
            return "LOG";
        case log_level::warning:
            return "WARNING";
        case log_level::error:
            return "ERROR";
        case log_level::fatal:
            break;
    }
    return "FATAL";
}

std::string time_text(log_format as) {
    const auto now = std::chrono::system_clock::now();
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch());
    const std::time_t seconds = std::chrono::system_clock::to_time_t(now);
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    const bool json = as == log_format::json;  // which programs read: ISO 8601
    return fmt::format("{:04}-{:02}-{:02}{}{:02}:{:02}:{:02}.{:03}{}", parts.tm_year + 1900,
                       parts.tm_mon + 1, parts.tm_mday, json ? "T" : " ", parts.tm_hour,
                       parts.tm_min, parts.tm_sec, ms.count() % 1000, json ? "Z" : " UTC");
}

/// What clients choose may be in it.
std::string printable(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (static_cast<unsigned char>(c) < ' ') {
            c = ' ';
        }
    }
    return out;
}

std::string json_line(log_level level, std::string_view text, const log_fields& fields) {
    nlohmann::ordered_json line = {{"time", time_text(log_format::json)},
                                   {"level", word_of(level)},
                                   {"process", ::getpid()},
                                   {"message", text}};
    for (const auto& [name, value] : fields) {
        std::visit([&, key = name](const auto& shown) { line[key] = shown; }, value);
    }
    return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

void write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = ::write(fd, text.data(), text.size());
        if (written < 0 && errno != EINTR) {
            return;  // there is nobody to tell
        }
        text.remove_prefix(static_cast<std::size_t>(written > 0 ? written : 0));
    }
}

}  // namespace

log::log(const std::string& file, log_format format, log_level least)
    : format_(format), least_(least) {
    if (const auto failed = reopen(file)) {
        throw std::system_error(failed, file);
    }
}

std::error_code log::reopen(const std::string& file) {
    int fresh = -1;
    if (!file.empty()) {
        fresh = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
        if (fresh < 0) {
            return {errno, std::generic_category()};
        }
    }
    {
        const std::lock_guard lock(mutex_);
        std::swap(fresh, file_);
    }
    if (fresh >= 0) {
        ::close(fresh);
    }
    return {};
}

log::~log() {
    if (file_ >= 0) {
        ::close(file_);
    }
}

void log::write(log_level level, std::string_view text, const log_fields& fields) {
    if (level < least_) {
        return;
    }
    const std::string line = format_ == log_format::json
                                 ? json_line(level, text, fields)
                                 : fmt::format("{} [{}] {} {}\n", time_text(format_), ::getpid(),
                                               word_of(level), printable(text));
    const std::lock_guard lock(mutex_);
    write_all(STDERR_FILENO, line);
    if (file_ >= 0) {
        write_all(file_, line);
    }
}

}  // namespace weft::pool
