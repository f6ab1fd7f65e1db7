// SPDX-License-Identifier: Apache-2.0
//
// The names of the models.
#include <array>

#include <weft/serve.h>

#include "base/assert.h"
#include "base/error.h"

namespace weft {

namespace {

struct named_model {
    std::string_view name;
    model which;
};

constexpr std::array<named_model, 4> models{{{"process", model::process},
                                             {"thread", model::thread},
                                             {"fiber", model::fiber},
                                             {"coroutine", model::coroutine}}};

}  // namespace

std::string_view to_string(model which) noexcept {
    for (const named_model& m : models) {
        if (m.which == which) {
            return m.name;
        }
    }
    WEFT_ASSERT(false, "no such model");
    return {};
}

result<model> parse_model(std::string_view name) noexcept {
    for (const named_model& m : models) {
        if (m.name == name) {
            return m.which;
        }
    }
    return base::fail(std::errc::invalid_argument, "parse a model", name);
}

}  // namespace weft
