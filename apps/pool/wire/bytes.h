// SPDX-License-Identifier: Apache-2.0
//
// Numbers and texts of the PostgreSQL protocol in bytes: big-endian integers, texts that end with a
// zero byte. Readers never read past their end; what is missing makes them fail for good, so that a
// caller asks once, at the end.
//
// Source: PostgreSQL documentation, "Message Data Types" (protocol-message-types).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weft::pool {

/// The big-endian number in the first 4 bytes of `bytes`, which must be there.
inline std::uint32_t u32_at(const char* bytes) noexcept {
    const auto at = [bytes](int i) { return std::uint32_t{static_cast<unsigned char>(bytes[i])}; };
    return at(0) << 24 | at(1) << 16 | at(2) << 8 | at(3);
}

/// Appends `value`, big-endian.
inline void put_u32(std::string& out, std::uint32_t value) {
    const char bytes[] = {static_cast<char>(value >> 24), static_cast<char>(value >> 16),
                          static_cast<char>(value >> 8), static_cast<char>(value)};
    out.append(bytes, sizeof bytes);
}

inline void put_u16(std::string& out, std::uint16_t value) {
    const char bytes[] = {static_cast<char>(value >> 8), static_cast<char>(value)};
    out.append(bytes, sizeof bytes);
}

/// Appends `text` and a zero byte. It must hold none itself.
inline void put_text(std::string& out, std::string_view text) {
    out += text;
    out += '\0';
}

/// Reads from the front of a piece of bytes, which must outlive what it returns.
class byte_reader {
public:
    explicit byte_reader(std::string_view bytes) noexcept : rest_(bytes) {}

    /// 0 when it is not there.
    std::uint8_t u8() noexcept { return take(1) ? static_cast<std::uint8_t>(taken_[0]) : 0; }
    std::uint16_t u16() noexcept {
        return take(2) ? static_cast<std::uint16_t>(static_cast<unsigned char>(taken_[0]) << 8 |
                                                    static_cast<unsigned char>(taken_[1]))
                       : std::uint16_t{0};
    }
    std::uint32_t u32() noexcept { return take(4) ? u32_at(taken_.data()) : 0; }

    /// Up to a zero byte, which is passed over; empty when there is none.
    std::string_view text() noexcept {
        const std::size_t end = rest_.find('\0');
        if (end == std::string_view::npos) {
            fail();
            return {};
        }
        const std::string_view found = rest_.substr(0, end);
        rest_.remove_prefix(end + 1);
        return found;
    }

    /// Just so many; empty when they are not there.
    std::string_view bytes(std::size_t count) noexcept {
        return take(count) ? taken_ : std::string_view();
    }

    /// What has not been read.
    [[nodiscard]] std::string_view rest() const noexcept { return rest_; }
    /// Whether all that was asked for was there.
    [[nodiscard]] bool ok() const noexcept { return ok_; }
    /// Whether it was, and nothing is left.
    [[nodiscard]] bool complete() const noexcept { return ok_ && rest_.empty(); }

private:
    void fail() noexcept {
        ok_ = false;
        rest_ = {};
    }
    bool take(std::size_t count) noexcept {
        if (rest_.size() < count) {
            fail();
            return false;
        }
        taken_ = rest_.substr(0, count);
        rest_.remove_prefix(count);
        return true;
    }

    std::string_view rest_;
    std::string_view taken_;
    bool ok_ = true;
};

}  // namespace weft::pool
