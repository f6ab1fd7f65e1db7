// SPDX-License-Identifier: Apache-2.0
#include "auth/saslprep.h"

#include <stringprep.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

namespace weft::pool {

namespace {

struct free_memory {
    void operator()(char* memory) const noexcept { std::free(memory); }
};

bool is_printable_ascii(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace

std::string saslprep(std::string_view password) {
    std::string bytes(password);
    // A NUL would end the text for libidn; it is prohibited.
    if (is_printable_ascii(password) || bytes.find('\0') != std::string::npos) {
        return bytes;
    }
    char* prepared = nullptr;
    // As PostgreSQL, which takes passwords for "stored strings": code points that Unicode 3.2 does
    // not know are prohibited.
    const int status =
        stringprep_profile(bytes.c_str(), &prepared, "SASLprep", STRINGPREP_NO_UNASSIGNED);
    const std::unique_ptr<char, free_memory> owner(prepared);
    if (status != STRINGPREP_OK || prepared == nullptr || *prepared == '\0') {
        return bytes;
    }
    return prepared;
}

}  // namespace weft::pool
