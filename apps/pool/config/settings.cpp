// SPDX-License-Identifier: Apache-2.0
#include "config/settings.h"

namespace weft::pool {

namespace {

template <class Entry>
const Entry* found_in(const std::map<std::string, Entry, std::less<>>& all, std::string_view name) {
    const auto found = all.find(name);
    return found != all.end() ? &found->second : nullptr;
}

/// How many of the three it asks for; -1: it does not match.
int matches(const tenant& rule, std::string_view of_database, std::string_view of_user,
            std::string_view of_application) {
    int asked = 0;
    for (const auto& [wanted, is] :
         {std::pair<std::string_view, std::string_view>(rule.database, of_database),
          {rule.user, of_user},
          {rule.application_name, of_application}}) {
        if (!wanted.empty() && wanted != is) {
            return -1;
        }
        asked += wanted.empty() ? 0 : 1;
    }
    return asked;
}

}  // namespace

std::uint16_t port_of(const database& of, std::size_t host) noexcept {
    return of.ports[of.ports.size() == 1 ? 0 : host];
}

bool same(const configuration& a, const configuration& b) {
    return a.general == b.general && a.databases == b.databases && a.fallback == b.fallback &&
           a.users == b.users && a.tenants == b.tenants;
}

const database* find_database(const configuration& in, std::string_view name) {
    const database* const found = found_in(in.databases, name);
    return found != nullptr || !in.fallback ? found : &*in.fallback;
}

const user* find_user(const configuration& in, std::string_view name) {
    return found_in(in.users, name);
}

const tenant* rule_for(const configuration& in, std::string_view database, std::string_view user,
                       std::string_view application_name) {
    const tenant* best = nullptr;
    int most = -1;
    for (const auto& [name, rule] : in.tenants) {
        const int asked = matches(rule, database, user, application_name);
        if (asked > most) {
            best = &rule;
            most = asked;
        }
    }
    return best;
}

}  // namespace weft::pool
