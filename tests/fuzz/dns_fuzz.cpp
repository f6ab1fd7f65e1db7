// SPDX-License-Identifier: Apache-2.0
//
// What the resolver reads: the first byte says what, the rest is an answer of a server, or a hosts
// file.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "dns/hosts_file.h"
#include "dns/message.h"
#include "require.h"

namespace {

using namespace weft;
using weft::fuzz::require;

/// What is said of a name must be one: it is shown and looked up again.
void check_name(std::string_view name) {
    require(name.size() <= 253, "a name of at most 253 characters");
    require(std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c <= '~'; }),
            "a name of visible characters");
}

void check_answer(std::span<const unsigned char> bytes, dns::record_type wanted) {
    const dns::answer found = dns::read_answer(bytes, wanted);
    const std::size_t count = found.addresses.size() + found.names.size() + found.services.size();
    require(found.error ? count == 0 : count >= 1 && count <= dns::most_records,
            "an error or some records");
    for (const std::string& name : found.names) {
        check_name(name);
    }
    for (const dns::service& s : found.services) {
        check_name(s.target);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const std::span<const unsigned char> rest(data + 1, size - 1);
    constexpr dns::record_type types[] = {dns::record_type::a, dns::record_type::aaaa,
                                          dns::record_type::ptr, dns::record_type::srv};
    if (data[0] % 5 < 4) {
        check_answer(rest, types[data[0] % 5]);
        return 0;
    }
    const dns::hosts local(
        std::string_view(reinterpret_cast<const char*>(rest.data()), rest.size()));
    static_cast<void>(local.addresses("localhost"));
    static_cast<void>(local.names(endpoint::loopback(0)));
    return 0;
}
