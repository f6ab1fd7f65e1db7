// SPDX-License-Identifier: Apache-2.0
//
// The login that asks PAM, as PgBouncer does: for the service "pgbouncer", so that its file in
// /etc/pam.d serves both. Where weft-pool was built without libpam every password is wrong
// (no_pam.cpp).
//
// What modules do is theirs: it blocks, for seconds after a wrong password, and wants the stack of
// a thread of the system. From any thread.
#pragma once

#include <expected>
#include <string>

namespace weft::pool {

struct pam_question {
    std::string user;
    std::string password;
    std::string host;  ///< where the client is, for modules that want to know
};

/// Whether there is PAM to ask.
[[nodiscard]] bool has_pam() noexcept;

/// Nothing: the password is right, and the user may come now. Else why not, for the log.
std::expected<void, std::string> ask_pam(const pam_question& about);

}  // namespace weft::pool
