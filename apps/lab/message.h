// SPDX-License-Identifier: Apache-2.0
//
// The bytes of a request: what the load generator sends, every server echoes, and the handlers
// look at. A message has a fixed size that both sides know (at least message_header_size): a
// header with the sender's number, a sequence number and the poison, then a pattern that is the
// same in every message. An echo server needs to know none of this.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace weft::lab {

/// What a poisoned message does to the handler that reads it.
enum class poison_kind : std::uint8_t {
    none = 0,
    /// A write through a null pointer.
    crash = 1,
    /// Recursion without end.
    overflow = 2,
    /// std::abort().
    abort = 3,
    /// Memory that nobody frees.
    leak = 4,
};

[[nodiscard]] std::string_view name_of(poison_kind kind) noexcept;
[[nodiscard]] std::optional<poison_kind> parse_poison(std::string_view text) noexcept;

struct message_header {
    std::uint32_t client = 0;
    std::uint32_t sequence = 0;
    std::uint8_t poison = 0;
    std::uint8_t reserved[7] = {};
};

inline constexpr std::size_t message_header_size = sizeof(message_header);
static_assert(message_header_size == 16);

/// The poison in the first bytes of a message; none for unknown values.
[[nodiscard]] poison_kind poison_of(std::span<const std::byte> message_start) noexcept;

/// Builds messages and checks echoes of one size. Not thread-safe.
class message_format {
public:
    explicit message_format(std::size_t size);

    [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }

    /// The whole message; valid until the next call.
    std::span<const std::byte> build(const message_header& header) noexcept;

    /// Whether `bytes` are what the message with this header has at `offset`.
    [[nodiscard]] bool matches(const message_header& header, std::size_t offset,
                               std::span<const std::byte> bytes) const noexcept;

private:
    std::vector<std::byte> bytes_;
};

}  // namespace weft::lab
