// SPDX-License-Identifier: Apache-2.0
//
// Values out of TOML tables, each with its checks. The first thing that is wrong is kept, with its
// place, and all that is asked for afterwards does nothing: whoever reads a file asks for all of it
// and looks for the error once. For workload_file.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

// Header-only, whatever the package's own configuration says: the library would be one more to
// install beside the program. Without its assertions, which toml++ 3.3 states of bytes that come
// from the file ("[=" fails one): it checks the same again where it reads them and reports an
// error. With NDEBUG it would even have the compiler rely on them.
#pragma push_macro("NDEBUG")
#undef NDEBUG
#define TOML_ASSERT(expression) static_cast<void>(0)
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 1
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>
#pragma pop_macro("NDEBUG")

#include "workload.h"

namespace weft::sim {

/// What a duration must be within.
struct bounds {
    nanoseconds least;
    nanoseconds most;
};

class workload_reader {
public:
    explicit workload_reader(std::string_view file) : file_(file) {}

    /// Empty: all is well so far.
    [[nodiscard]] const std::string& error() const noexcept { return error_; }
    void fail(const toml::source_region& at, std::string_view what);

    /// That a table has no other keys than these.
    void only(const toml::table& in, std::span<const std::string_view> keys);

    // Without the key, `into` keeps what it is.
    void text(const toml::table& in, std::string_view key, std::string& into, std::size_t most);
    template <class Number>
    void number(const toml::table& in, std::string_view key, Number& into, std::int64_t least,
                std::int64_t most) {
        if (const auto value = number_of(in, key, least, most)) {
            into = static_cast<Number>(*value);
        }
    }
    void duration(const toml::table& in, std::string_view key, nanoseconds& into, bounds within);
    void duration(const toml::table& in, std::string_view key, std::optional<nanoseconds>& into,
                  bounds within);
    /// A duration, {uniform = [a, b]} or {exponential = mean}.
    void drawn(const toml::table& in, std::string_view key, std::optional<length>& into,
               bounds within);

    std::optional<std::int64_t> number_of(const toml::table& in, std::string_view key,
                                          std::int64_t least, std::int64_t most);
    std::optional<nanoseconds> duration_of(const toml::node& node, std::string_view key,
                                           bounds within);

private:
    std::string file_;
    std::string error_;
};

/// A name as one can print it: letters, digits, and . _ - between them.
bool is_name(std::string_view text);

}  // namespace weft::sim
