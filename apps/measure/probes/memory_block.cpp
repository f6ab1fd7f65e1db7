// SPDX-License-Identifier: Apache-2.0
#include "memory_block.h"

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lab/proc_metrics.h"

namespace weft::measure {

memory_block::memory_block(std::size_t size, page_kind pages, sharing with)
    : mapped_size_(size + huge_page), size_(size) {
    const int flags =
        MAP_ANONYMOUS | MAP_NORESERVE | (with == sharing::shared ? MAP_SHARED : MAP_PRIVATE);
    void* const place = ::mmap(nullptr, mapped_size_, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (place == MAP_FAILED) {
        throw std::system_error(errno, std::generic_category(),
                                fmt::format("mmap of {} bytes", mapped_size_));
    }
    mapped_ = static_cast<std::byte*>(place);
    const auto address = reinterpret_cast<std::uintptr_t>(mapped_);
    data_ = mapped_ + (huge_page - address % huge_page) % huge_page;
    // Kernels without huge pages refuse: then there are none, as huge_bytes() tells.
    ::madvise(mapped_, mapped_size_, pages == page_kind::huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}

memory_block::~memory_block() {
    ::munmap(mapped_, mapped_size_);
}

void memory_block::touch() noexcept {
    // At once, without a fault for each page; since Linux 5.14.
    if (::madvise(data_, size_, MADV_POPULATE_WRITE) == 0) {
        return;
    }
    for (std::size_t at = 0; at < size_; at += page_size()) {
        *const_cast<volatile std::byte*>(data_ + at) = std::byte{1};
    }
}

/// smaps has a block of lines for each area, the first of which names its addresses.
std::size_t memory_block::huge_bytes() const {
    const std::string smaps = lab::read_file("/proc/self/smaps");
    const auto here = reinterpret_cast<std::uintptr_t>(data_);
    std::size_t bytes = 0;
    bool inside = false;
    for (std::string_view rest = smaps; !rest.empty();) {
        const std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
        std::uintptr_t from = 0;
        std::uintptr_t to = 0;
        const char* const end = line.data() + line.size();
        const auto first = std::from_chars(line.data(), end, from, 16);
        if (first.ec == std::errc() && first.ptr != end && *first.ptr == '-' &&
            std::from_chars(first.ptr + 1, end, to, 16).ec == std::errc()) {
            inside = from < here + size_ && here < to;
        } else if (inside) {
            bytes += lab::parse_kib_line(line, "AnonHugePages:").value_or(0);
        }
    }
    return bytes;
}

std::size_t page_size() noexcept {
    static const auto size = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    return size;
}

std::vector<std::size_t> fitting(std::span<const std::size_t> sizes) {
    const std::uint64_t free = lab::read_available_memory();
    std::vector<std::size_t> fits;
    for (const std::size_t size : sizes) {
        if (size <= free / 4) {
            fits.push_back(size);
        }
    }
    return fits;
}

}  // namespace weft::measure
