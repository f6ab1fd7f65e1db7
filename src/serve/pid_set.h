// SPDX-License-Identifier: Apache-2.0
//
// pid_set: the children of a forking server, one bit for each possible process number. No locks:
// single-threaded.
//
// It lies in a mapping of its own that the children do not inherit: a change between two forks then
// copies no page, and no child keeps an old copy of one (4 KiB each, for 10,000 children 40 MB).
// The mapping is reserved for the largest process number that Linux knows and is committed a page
// (32,768 numbers) at a time. A table of nodes would allocate for each child.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

#include <weft/error.h>

namespace weft::serving {

class pid_set {
public:
    static result<pid_set> make() noexcept;
    pid_set(pid_set&& other) noexcept;
    pid_set& operator=(pid_set&&) = delete;
    ~pid_set();

    void insert(pid_t pid) noexcept;
    void erase(pid_t pid) noexcept;
    [[nodiscard]] bool contains(pid_t pid) const noexcept;
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }

    /// Calls f(pid) for each; f may erase the pid that it was given.
    template <class F>
    void for_each(F f) {
        for (std::size_t i = 0; i < words_used_; ++i) {
            for (std::uint64_t left = words_[i]; left != 0; left &= left - 1) {
                f(static_cast<pid_t>(i * 64 + static_cast<unsigned>(__builtin_ctzll(left))));
            }
        }
    }

private:
    explicit pid_set(std::uint64_t* words) noexcept : words_(words) {}

    std::uint64_t* words_;
    std::size_t words_used_ = 0;
    std::size_t size_ = 0;
};

}  // namespace weft::serving
