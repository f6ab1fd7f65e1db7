// SPDX-License-Identifier: Apache-2.0
//
// Which names of the system, or of certificates, may log in as which users: PgBouncer's
// auth_ident_file, "map-name system-name database-user" a line, # begins a comment, names may be
// quoted, `all` for any database user. For the rules of hba.h with map=. Pure: any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/errors.h"

namespace weft::pool {

class ident_maps {
public:
    struct entry {
        std::string map;
        std::string system_name;
        std::string user;
        bool any_user = false;
    };

    ident_maps() = default;
    explicit ident_maps(std::vector<entry> entries) : entries_(std::move(entries)) {}

    [[nodiscard]] bool contains(std::string_view map) const;

    /// Whether who is `system_name` may be `user`. Without a map (empty): only under the same name.
    [[nodiscard]] bool allows(std::string_view map, std::string_view system_name,
                              std::string_view user) const;

private:
    std::vector<entry> entries_;
};

/// The common name in a subject as RFC 2253 writes it ("CN=alice,O=Example"), its escapes undone.
/// Nothing: there is none, or several, of which nobody knows which one counts.
[[nodiscard]] std::optional<std::string> common_name(std::string_view subject);

struct ident_file {
    ident_maps maps;
    std::vector<line_error> errors;  ///< lines that count for nothing
};

ident_file parse_ident(std::string_view text);

}  // namespace weft::pool
