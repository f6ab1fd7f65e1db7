// SPDX-License-Identifier: Apache-2.0
#include "serve/pid_set.h"

#include <sys/mman.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/error.h"

namespace weft::serving {

namespace {

constexpr std::size_t largest_pid = std::size_t{4} * 1024 * 1024;  // PID_MAX_LIMIT of 64-bit Linux
constexpr std::size_t bytes = largest_pid / 8;

struct place {
    std::size_t word;
    std::uint64_t bit;
};

place place_of(pid_t pid) noexcept {
    const auto n = static_cast<std::size_t>(pid);
    WEFT_ASSERT(pid > 0 && n < largest_pid, "not a process number");
    return {n / 64, std::uint64_t{1} << (n % 64)};
}

}  // namespace

result<pid_set> pid_set::make() noexcept {
    void* const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        return base::fail_errno();
    }
    ::madvise(memory, bytes, MADV_DONTFORK);
    ::madvise(memory, bytes, MADV_NOHUGEPAGE);
    return pid_set(static_cast<std::uint64_t*>(memory));
}

pid_set::pid_set(pid_set&& other) noexcept
    : words_(std::exchange(other.words_, nullptr)),
      words_used_(std::exchange(other.words_used_, 0)),
      size_(std::exchange(other.size_, 0)) {}

pid_set::~pid_set() {
    if (words_ != nullptr) {
        ::munmap(words_, bytes);
    }
}

void pid_set::insert(pid_t pid) noexcept {
    const place p = place_of(pid);
    WEFT_ASSERT((words_[p.word] & p.bit) == 0, "a child's number is in use twice");
    words_[p.word] |= p.bit;
    words_used_ = std::max(words_used_, p.word + 1);
    ++size_;
}

void pid_set::erase(pid_t pid) noexcept {
    const place p = place_of(pid);
    WEFT_ASSERT((words_[p.word] & p.bit) != 0, "not a child");
    words_[p.word] &= ~p.bit;
    --size_;
}

bool pid_set::contains(pid_t pid) const noexcept {
    if (pid <= 0 || static_cast<std::size_t>(pid) >= largest_pid) {
        return false;
    }
    const place p = place_of(pid);
    return (words_[p.word] & p.bit) != 0;
}

}  // namespace weft::serving
