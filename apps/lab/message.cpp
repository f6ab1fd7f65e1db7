// SPDX-License-Identifier: Apache-2.0
#include "message.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace weft::lab {

namespace {

constexpr std::array poison_names{
    std::pair{poison_kind::none, std::string_view("none")},
    std::pair{poison_kind::crash, std::string_view("crash")},
    std::pair{poison_kind::overflow, std::string_view("overflow")},
    std::pair{poison_kind::abort, std::string_view("abort")},
    std::pair{poison_kind::leak, std::string_view("leak")},
};

}  // namespace

std::string_view name_of(poison_kind kind) noexcept {
    for (const auto& [value, name] : poison_names) {
        if (value == kind) {
            return name;
        }
    }
    return "unknown";
}

std::optional<poison_kind> parse_poison(std::string_view text) noexcept {
    for (const auto& [value, name] : poison_names) {
        if (name == text) {
            return value;
        }
    }
    return std::nullopt;
}

poison_kind poison_of(std::span<const std::byte> message_start) noexcept {
    constexpr std::size_t place = offsetof(message_header, poison);
    if (message_start.size() <= place) {
        return poison_kind::none;
    }
    const auto value = std::to_integer<std::uint8_t>(message_start[place]);
    return value <= std::to_underlying(poison_kind::leak) ? poison_kind{value} : poison_kind::none;
}

message_format::message_format(std::size_t size) : bytes_(std::max(size, message_header_size)) {
    for (std::size_t i = message_header_size; i < bytes_.size(); ++i) {
        bytes_[i] = static_cast<std::byte>((i * 131 + 7) & 0xff);
    }
}

std::span<const std::byte> message_format::build(const message_header& header) noexcept {
    std::memcpy(bytes_.data(), &header, message_header_size);
    return bytes_;
}

bool message_format::matches(const message_header& header, std::size_t offset,
                             std::span<const std::byte> bytes) const noexcept {
    if (offset + bytes.size() > bytes_.size()) {
        return false;
    }
    std::size_t in_header = 0;
    if (offset < message_header_size) {
        in_header = std::min(message_header_size - offset, bytes.size());
        const auto* expected = reinterpret_cast<const std::byte*>(&header) + offset;
        if (std::memcmp(bytes.data(), expected, in_header) != 0) {
            return false;
        }
    }
    const auto rest = bytes.subspan(in_header);
    return rest.empty() ||
           std::memcmp(rest.data(), bytes_.data() + offset + in_header, rest.size()) == 0;
}

}  // namespace weft::lab
