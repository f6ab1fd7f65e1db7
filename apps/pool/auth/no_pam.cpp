// SPDX-License-Identifier: Apache-2.0
#include "auth/pam.h"

namespace weft::pool {

bool has_pam() noexcept {
    return false;
}

std::expected<void, std::string> ask_pam(const pam_question& /*about*/) {
    return std::unexpected("weft-pool was built without PAM");
}

}  // namespace weft::pool
