// SPDX-License-Identifier: Apache-2.0
//
// The files that say who may log in to weft-pool: the first byte says which, the rest is its text.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "auth/hba.h"
#include "auth/ident.h"
#include "auth/saslprep.h"
#include "auth/userlist.h"
#include "require.h"

namespace {

using namespace weft::pool;
using weft::fuzz::require;

void check_errors(std::span<const line_error> errors, std::string_view text) {
    const auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n')) + 1;
    std::size_t last = 0;
    for (const line_error& error : errors) {
        require(error.line >= std::max<std::size_t>(last, 1) && error.line <= lines,
                "lines of the file, ascending");
        require(error.message.size() <= 200, "a short message", error.message);
        require(std::ranges::none_of(error.message, [](char c) { return c >= 0 && c < ' '; }),
                "a message that can be shown");
        last = error.line;
    }
}

void check_userlist(std::string_view text) {
    const userlist list = parse_userlist(text);
    if (list.error) {
        check_errors(std::span(&*list.error, 1), text);
    }
    for (const auto& [name, stored] : list.users) {
        require(name.size() <= longest_user_name, "a short name");
        const std::string again = stored.stored_text();
        require(again.size() <= longest_secret && secret::parse(again) == stored,
                "a secret that can be stored");
    }
}

void check_hba(std::string_view text) {
    const hba_file file =
        parse_hba(text, [text](std::string_view name) -> std::optional<std::string> {
            // Lines of its own: files that refer to themselves.
            const std::size_t second = std::min(text.find('\n'), text.size());
            return name == "self" ? std::optional<std::string>(text.substr(second, 100))
                                  : std::nullopt;
        });
    check_errors(file.errors, text);
    check_errors(file.warnings, text);
    for (const std::string_view address : {"192.0.2.1", "2001:db8::1", ""}) {
        hba_client client;
        client.address = hba_address::parse(address).value_or(hba_address());
        client.database = "shop";
        client.user = "alice";
        const hba_rule* const rule = file.rules.match(client);
        require(rule == nullptr || (rule->kind == hba_rule::connection::local) == address.empty(),
                "local rules for local clients");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
    switch (data[0] % 4) {
        case 0:
            check_userlist(text);
            break;
        case 1:
            check_hba(text);
            break;
        case 2: {
            const ident_file file = parse_ident(text);
            check_errors(file.errors, text);
            require(file.maps.allows("", "alice", "alice"), "no map is the same name");
            break;
        }
        default:
            require(saslprep(text).empty() == text.empty(), "a password of what is one");
            break;
    }
    return 0;
}
