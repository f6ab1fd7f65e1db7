// SPDX-License-Identifier: Apache-2.0
#include "session/client.h"

#include "session/pool_entry.h"
#include "session/registry.h"

namespace weft::pool {

client::~client() {
    if (registry != nullptr) {
        registry->remove(*this);
    }
    if (hears != nullptr) {
        pool->listener->leave(*hears);
    }
    if (place.account != nullptr) {
        pool->pool->leave(place);
    }
}

}  // namespace weft::pool
