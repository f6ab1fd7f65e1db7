// SPDX-License-Identifier: Apache-2.0
//
// log: lines about what happens, as text or as JSON, to standard error or a file. Thread-safe; a
// line is written at once and whole. Nobody may put a secret into a line.
//
// A line is a text that tells all. What programs want to pick out of it may be given beside it, as
// fields, which only lines in JSON have.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <variant>
#include <vector>

#include <weft/mutex.h>

#include "config/settings.h"

namespace weft::pool {

/// Beside "time", "level" and "message", whose names are taken.
struct log_field {
    std::string_view name;
    std::variant<std::string, std::int64_t> value;
};
using log_fields = std::vector<log_field>;

enum class log_level : std::uint8_t { debug, info, warning, error, fatal };

class log {
public:
    /// To standard error, and to the file if one is named. Throws std::system_error if it cannot be
    /// opened.
    explicit log(const std::string& file = {}, log_format format = log_format::text,
                 log_level least = log_level::info);
    ~log();
    log(const log&) = delete;
    log& operator=(const log&) = delete;

    /// Opens the file anew, which may have been moved away; another one if it is named now. An
    /// error leaves everything as it was.
    std::error_code reopen(const std::string& file);

    void write(log_level level, std::string_view text, const log_fields& fields = {});

private:
    mutex mutex_;
    int file_ = -1;
    log_format format_;
    log_level least_;
};

}  // namespace weft::pool
