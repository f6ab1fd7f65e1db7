// SPDX-License-Identifier: Apache-2.0
#include "dns/message.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>

namespace weft::dns {

namespace {

constexpr std::size_t longest_name = 253;

struct record {
    std::string owner;
    std::uint16_t type;
    std::uint32_t ttl;
    std::size_t data;  // offset
    std::size_t size;
};

/// Reads on from a position. After a failure all that is read is empty or 0.
class reader {
public:
    reader(std::span<const unsigned char> message, std::size_t at) : all_(message), at_(at) {}

    [[nodiscard]] bool failed() const { return failed_; }
    [[nodiscard]] std::size_t position() const { return at_; }

    std::uint16_t number() {
        if (all_.size() - at_ < 2) {
            fail();
            return 0;
        }
        const auto value = static_cast<std::uint16_t>(all_[at_] << 8 | all_[at_ + 1]);
        at_ += 2;
        return value;
    }

    std::uint32_t long_number() {
        const std::uint32_t high = number();
        return high << 16 | number();
    }

    void skip(std::size_t size) {
        if (all_.size() - at_ < size) {
            return fail();
        }
        at_ += size;
    }

    /// In lower case, without the dot at its end; the root is empty.
    std::string name() {
        std::string out;
        std::size_t from = at_;
        std::size_t before = at_;  // pointers lead to what is before this
        bool jumped = false;
        for (;;) {
            if (from >= all_.size()) {
                break;
            }
            const unsigned length = all_[from];
            if (length >= 0xc0) {
                if (from + 1 >= all_.size()) {
                    break;
                }
                const std::size_t target = (length & 0x3fu) << 8 | all_[from + 1];
                if (!jumped) {
                    at_ = from + 2;
                }
                jumped = true;
                if (target >= before) {
                    break;
                }
                from = before = target;
                continue;
            }
            if (length == 0) {
                if (!jumped) {
                    at_ = from + 1;
                }
                return out;
            }
            if (length > 63 || !add_label(out, from + 1, length)) {
                break;
            }
            from += 1 + length;
        }
        fail();
        return {};
    }

    /// The next record, of whatever class.
    record next() {
        record out{};
        out.owner = name();
        out.type = number();
        const std::uint16_t kind = number();
        out.ttl = long_number();
        if (out.ttl > std::uint32_t{std::numeric_limits<std::int32_t>::max()}) {
            out.ttl = 0;  // RFC 2181, 8
        }
        out.size = number();
        out.data = at_;
        skip(out.size);
        if (kind != 1) {
            out.type = 0;
        }
        return out;
    }

private:
    void fail() {
        failed_ = true;
        at_ = all_.size();
    }

    /// False for what would read as something else in a text.
    bool add_label(std::string& out, std::size_t from, std::size_t length) {
        if (from + length > all_.size() || out.size() + 1 + length > longest_name) {
            return false;
        }
        if (!out.empty()) {
            out += '.';
        }
        for (const unsigned char c : all_.subspan(from, length)) {
            if (c <= ' ' || c > '~' || c == '.' || c == '\\') {
                return false;
            }
            out += static_cast<char>(c);
        }
        out = lower(out);
        return true;
    }

    std::span<const unsigned char> all_;
    std::size_t at_;
    bool failed_ = false;
};

/// Appends what `r` says; false if it is malformed.
bool add(answer& out, std::span<const unsigned char> message, const record& r) {
    if (r.type == static_cast<std::uint16_t>(record_type::a)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        if (r.size != sizeof address.sin_addr) {
            return false;
        }
        std::memcpy(&address.sin_addr, message.data() + r.data, r.size);
        out.addresses.push_back(
            *endpoint::from_native(reinterpret_cast<const sockaddr*>(&address), sizeof address));
        return true;
    }
    if (r.type == static_cast<std::uint16_t>(record_type::aaaa)) {
        sockaddr_in6 address{};
        address.sin6_family = AF_INET6;
        if (r.size != sizeof address.sin6_addr) {
            return false;
        }
        std::memcpy(&address.sin6_addr, message.data() + r.data, r.size);
        out.addresses.push_back(
            *endpoint::from_native(reinterpret_cast<const sockaddr*>(&address), sizeof address));
        return true;
    }
    reader in(message, r.data);
    service found;
    if (r.type == static_cast<std::uint16_t>(record_type::srv)) {
        found.priority = in.number();
        found.weight = in.number();
        found.port = in.number();
    }
    found.target = in.name();
    if (in.failed() || in.position() != r.data + r.size) {
        return false;
    }
    if (r.type == static_cast<std::uint16_t>(record_type::srv)) {
        out.services.push_back(std::move(found));
    } else {
        out.names.push_back(std::move(found.target));
    }
    return true;
}

/// Follows aliases from `name` to where the wanted records are; false if a record is malformed.
bool collect(answer& out, std::span<const unsigned char> message, std::string name,
             const std::vector<record>& records, record_type wanted) {
    constexpr int most_aliases = 16;
    std::uint32_t ttl = std::numeric_limits<std::uint32_t>::max();
    std::size_t kept = 0;
    for (int hops = 0; hops <= most_aliases; ++hops) {
        const record* alias = nullptr;
        for (const record& r : records) {
            if (r.owner != name) {
                continue;
            }
            if (r.type == static_cast<std::uint16_t>(wanted) && kept < most_records) {
                if (!add(out, message, r)) {
                    return false;
                }
                ++kept;
                ttl = std::min(ttl, r.ttl);
            } else if (r.type == static_cast<std::uint16_t>(record_type::cname)) {
                alias = &r;
            }
        }
        if (kept != 0 || alias == nullptr) {
            break;
        }
        reader in(message, alias->data);
        name = in.name();
        ttl = std::min(ttl, alias->ttl);
        if (in.failed()) {
            return false;
        }
    }
    out.ttl = kept != 0 ? ttl : 0;
    if (kept == 0) {
        out.error = errc::no_such_record;
    }
    return true;
}

/// How long a "no" may be kept: RFC 2308, 5.
std::uint32_t negative_ttl(std::span<const unsigned char> message, reader& in, unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
        const record r = in.next();
        if (in.failed()) {
            return 0;
        }
        if (r.type == static_cast<std::uint16_t>(record_type::soa)) {
            reader data(message, r.data);
            static_cast<void>(data.name());
            static_cast<void>(data.name());
            data.skip(16);
            const std::uint32_t minimum = data.long_number();
            return data.failed() ? 0 : std::min(minimum, r.ttl);
        }
    }
    return 0;
}

/// A domain that has no such service says so by one record with the root as target (RFC 2782).
void drop_root_service(answer& out) {
    if (out.services.size() == 1 && out.services.front().target.empty()) {
        out.services.clear();
        out.error = errc::no_such_record;
    }
}

answer malformed() {
    return {.error = errc::bad_answer};
}

}  // namespace

std::string lower(std::string_view name) {
    std::string out(name);
    for (char& c : out) {
        if (c >= 'A' && c <= 'Z') {
            c = static_cast<char>(c - 'A' + 'a');
        }
    }
    return out;
}

std::error_code error_of_response(int code) noexcept {
    switch (code) {
        case 0:
            return {};
        case 3:
            return errc::no_such_name;
        case 4:
        case 5:
            return errc::server_refused;
        default:
            return errc::server_failed;
    }
}

answer read_answer(std::span<const unsigned char> message, record_type wanted) {
    if (message.size() < header_size) {
        return malformed();
    }
    reader in(message, 2);
    const std::error_code error = error_of_response(in.number() & 0xf);
    if (error && error != errc::no_such_name) {
        return {.error = error};
    }
    const unsigned questions = in.number();
    const unsigned answers = in.number();
    const unsigned authorities = in.number();
    in.skip(2);
    if (questions != 1) {
        return malformed();
    }
    const std::string name = in.name();
    in.skip(4);
    std::vector<record> records;
    for (unsigned i = 0; i < answers && !in.failed(); ++i) {
        records.push_back(in.next());
    }
    answer out;
    if (in.failed() || !collect(out, message, name, records, wanted)) {
        return malformed();
    }
    if (error) {
        out = {.error = error};
    }
    drop_root_service(out);
    if (out.error && out.ttl == 0) {
        out.ttl = negative_ttl(message, in, authorities);
    }
    return out;
}

}  // namespace weft::dns
