// SPDX-License-Identifier: Apache-2.0
#include "admin/tables.h"

#include <algorithm>
#include <array>

namespace weft::pool {

const show_table* find_table(std::string_view name) {
    for (const auto& part : {configuration_tables(), pool_tables(), socket_tables(),
                             fairness_tables(), pin_tables(), listener_tables()}) {
        const auto found = std::ranges::find(part, name, &show_table::name);
        if (found != part.end()) {
            return &*found;
        }
    }
    return nullptr;
}

known_pools::known_pools(const pooler& of) : config(of.config()), pools(of.pools()) {
    std::erase_if(pools, [&](const auto& each) {
        return find_database(config->config, each->database_name) == nullptr;
    });
}

}  // namespace weft::pool
