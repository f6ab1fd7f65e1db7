// SPDX-License-Identifier: Apache-2.0
//
// Rejected: inih. PgBouncer's dialect has names in quotes that may hold "=", %include, more behind
// a section's bracket, and sections that mean something although they are empty; inih knows none of
// them, splits at colons, and keeps its options in variables of the process. What it would do of
// this file is to find the "=".
#include "config/ini.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "config/check.h"
#include "config/connection_string.h"
#include "config/limits.h"
#include "config/setting_table.h"
#include "config/setting_values.h"

namespace weft::pool {

namespace {

constexpr std::size_t deepest_include = 10;  // as PgBouncer
constexpr std::size_t most_includes = 1000;
constexpr std::size_t longest_path = 4096;

struct source {
    std::string name;
    std::string text;
    std::size_t at = 0;
    std::size_t line = 0;
};

bool is_plain_name(std::string_view name) {
    return !name.empty() && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '.' || c == '-' || c == '*';
    });
}

/// The file name of a line with %include; nothing: it is another line.
std::optional<std::string_view> included(std::string_view line) {
    constexpr std::string_view word = "%include";
    if (!line.starts_with(word) || line.size() == word.size() ||
        (line[word.size()] != ' ' && line[word.size()] != '\t')) {
        return std::nullopt;
    }
    return trimmed(line.substr(word.size()));
}

/// name = value; the name may stand in quotes.
std::optional<string_pair> split_line(std::string_view line) {
    string_pair pair;
    if (line.starts_with('\'') || line.starts_with('"')) {
        const char quote = line.front();
        line.remove_prefix(1);
        std::size_t end = line.find(quote);
        // As the documentation has it: "" is one quote. As PgBouncer's code has it: '' is the end.
        while (quote == '"' && end != line.npos && line.substr(end + 1).starts_with(quote)) {
            pair.key += line.substr(0, end + 1);
            line.remove_prefix(end + 2);
            end = line.find(quote);
        }
        if (end == line.npos) {
            return std::nullopt;
        }
        pair.key += line.substr(0, end);
        line.remove_prefix(end + 1);
    } else {
        pair.key = trimmed(line.substr(0, line.find('=')));
        line.remove_prefix(std::min(line.find('='), line.size()));
        if (!is_plain_name(pair.key)) {
            return std::nullopt;
        }
    }
    line = trimmed(line);
    if (!line.starts_with('=')) {
        return std::nullopt;
    }
    pair.value = trimmed(line.substr(1));
    return pair;
}

class ini_reader {
public:
    explicit ini_reader(const file_source& include) : include_(include) {}

    std::expected<configuration, std::string> read(std::string_view text, const std::string& file) {
        made_.file = file;
        open(file, std::string(text));
        while (error_.empty() && !open_.empty()) {
            if (open_.back().at == open_.back().text.size()) {
                open_.pop_back();
            } else {
                next();
            }
        }
        if (error_.empty() && !has_general_) {
            error_ = fmt::format("{}: there is no section [pgbouncer]", file);
        }
        if (!error_.empty()) {
            return std::unexpected(error_);
        }
        if (const auto fits = check_together(made_); !fits) {
            return std::unexpected(fmt::format("{}: {}", file, fits.error()));
        }
        return std::move(made_);
    }

private:
    std::string place() const {
        return fmt::format("{}:{}", printable(open_.back().name), open_.back().line);
    }
    void fail(std::string_view what) { error_ = fmt::format("{}: {}", place(), what); }
    void warn(std::string_view about, std::string_view what) {
        if (warned_.emplace(about).second) {
            made_.warnings.push_back(fmt::format("{}: {}", place(), what));
        }
    }

    void open(std::string name, std::string text) {
        bytes_ += text.size();
        if (bytes_ > longest_configuration) {
            error_ = fmt::format("{}: the configuration is longer than {} bytes", printable(name),
                                 longest_configuration);
            return;
        }
        open_.push_back({.name = std::move(name), .text = std::move(text)});
    }

    /// Takes what is up to the end of the line, or up to the end of a section's name.
    void next() {
        source& from = open_.back();
        if (from.at == 0 || from.text[from.at - 1] == '\n') {
            ++from.line;
        }
        const std::size_t begin = from.at;
        const std::size_t end = std::min(from.text.find('\n', begin), from.text.size());
        const std::string_view line =
            trimmed(std::string_view(from.text).substr(begin, end - begin));
        from.at = std::min(end + 1, from.text.size());
        if (line.contains('\0')) {
            fail("there is a character 0");
        } else if (line.empty() || line.starts_with(';') || line.starts_with('#')) {
            return;
        } else if (line.starts_with('[')) {
            const std::size_t bracket = line.find(']');
            if (bracket == line.npos) {
                fail("syntax error: a section's name ends with ]");
                return;
            }
            from.at = from.text.find(']', begin) + 1;
            begin_section(line.substr(1, bracket - 1));
        } else if (const auto path = included(line)) {
            include(std::string(*path));
        } else if (const auto pair = split_line(line)) {
            set(*pair);
        } else {
            fail("syntax error: neither a comment, nor [section], nor name = value");
        }
    }

    void include(const std::string& path) {
        if (open_.size() > deepest_include || ++includes_ > most_includes) {
            fail("%include: too many, or too deep in one another");
            return;
        }
        if (path.size() > longest_path) {
            fail("%include: the name is too long");
            return;
        }
        auto text = include_(path);
        if (!text) {
            fail(fmt::format("%include: {}", printable(text.error())));
            return;
        }
        open(path, std::move(*text));
    }

    void begin_section(std::string_view name) {
        constexpr std::string_view known[]{"pgbouncer", "databases", "users", "peers"};
        if (std::ranges::find(known, name) == std::end(known)) {
            fail(fmt::format("unknown section: {}", in_quotes(name)));
            return;
        }
        section_ = name;
        if (section_ != "pgbouncer") {
            return;
        }
        if (has_general_) {
            warn("[pgbouncer]",
                 "[pgbouncer] begins again, and all its settings are at their defaults again, as "
                 "in PgBouncer");
        }
        has_general_ = true;
        made_.general = {};
    }

    void set(const string_pair& pair) {
        if (!is_entry_name(pair.key)) {
            fail("a name must not be empty, nor have control characters");
        } else if (section_ == "pgbouncer") {
            set_general_setting(pair);
        } else if (section_ == "databases") {
            set_database(pair);
        } else if (section_ == "users") {
            if (user made; set_entry(pair.value, made)) {
                made_.users.insert_or_assign(pair.key, made);
            }
        } else if (section_ == "peers") {
            warn("[peers]",
                 "[peers] is not honoured: one process uses all cores, so that a cancel request "
                 "always finds its query");
        } else {
            fail("a value without a section");
        }
    }

    void set_general_setting(const string_pair& pair) {
        const setting<settings>* const what = find_setting<settings>(pair.key);
        if (what == nullptr) {
            fail(fmt::format("unknown parameter: {}", in_quotes(pair.key)));
        } else if (!what->honoured()) {
            if (pair.value != what->fixed) {
                warn(pair.key, fmt::format("{} is not honoured: {}", pair.key, what->instead));
            }
        } else if (const auto read = set_from_text(*what, pair.value, made_.general); !read) {
            fail(fmt::format("{} {}", pair.key, read.error()));
        }
    }

    void set_database(const string_pair& pair) {
        if (pair.key == console_database) {
            fail(fmt::format("database name \"{}\" is reserved", console_database));
            return;
        }
        if (database made; set_entry(pair.value, made)) {
            if (pair.key == "*") {
                made_.fallback = std::move(made);
            } else {
                made_.databases.insert_or_assign(pair.key, std::move(made));
            }
        }
    }

    template <class Owner>
    bool set_entry(std::string_view text, Owner& into) {
        const auto pairs = parse_connection_string(text);
        if (!pairs) {
            fail(pairs.error());
            return false;
        }
        bool after_password = false;
        for (const auto& [key, value] : *pairs) {
            const std::string_view name =
                key == "reserve_pool" ? "reserve_pool_size" : std::string_view(key);
            const setting<Owner>* const what = find_setting<Owner>(name);
            if (what == nullptr) {
                // It may be the second half of a password.
                fail(after_password
                         ? "unrecognized connection parameter behind the password, "
                           "which must stand in '' if it has a blank"
                         : fmt::format("unrecognized connection parameter: {}", in_quotes(key)));
                return false;
            }
            after_password = after_password || what->how == writing::secret;
            if (!what->honoured()) {
                warn(name, fmt::format("{} is not honoured: {}", name, what->instead));
                continue;
            }
            if (what->zero_is_absent && value == "0") {
                continue;
            }
            if (const auto read = set_from_text(*what, value, into); !read) {
                fail(fmt::format("{} {}", name, read.error()));
                return false;
            }
        }
        return true;
    }

    const file_source& include_;
    configuration made_;
    std::vector<source> open_;  ///< each included by the one before
    std::string section_;
    std::string error_;
    std::set<std::string, std::less<>> warned_;
    std::size_t bytes_ = 0;
    std::size_t includes_ = 0;
    bool has_general_ = false;
};

}  // namespace

std::expected<configuration, std::string> read_ini(std::string_view text, const std::string& file,
                                                   const file_source& include) {
    return ini_reader(include).read(text, file);
}

}  // namespace weft::pool
