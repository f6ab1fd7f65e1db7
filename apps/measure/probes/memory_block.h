// SPDX-License-Identifier: Apache-2.0
//
// Memory of a known kind for probes: resident, in small or in huge pages, private or shared. Throws
// std::system_error. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace weft::measure {

inline constexpr std::size_t mib = std::size_t{1} << 20;
inline constexpr std::size_t huge_page = 2 * mib;

enum class page_kind { small, huge };
enum class sharing { own, shared };

class memory_block {
public:
    /// Untouched. Aligned to a huge page.
    memory_block(std::size_t size, page_kind pages, sharing with = sharing::own);
    ~memory_block();
    memory_block(const memory_block&) = delete;
    memory_block& operator=(const memory_block&) = delete;

    /// Writes to each small page.
    void touch() noexcept;

    [[nodiscard]] std::byte* data() const noexcept { return data_; }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    /// How many bytes of it lie in huge pages now.
    [[nodiscard]] std::size_t huge_bytes() const;

private:
    std::byte* mapped_ = nullptr;
    std::size_t mapped_size_ = 0;
    std::byte* data_ = nullptr;
    std::size_t size_ = 0;
};

/// Of the system's small pages.
std::size_t page_size() noexcept;

/// The sizes among these that leave three quarters of the free memory alone.
std::vector<std::size_t> fitting(std::span<const std::size_t> sizes);

}  // namespace weft::measure
