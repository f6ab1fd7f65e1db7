// SPDX-License-Identifier: Apache-2.0
#include "context/stack_pool.h"

#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <new>
#include <utility>

#include "base/assert.h"
#include "context/page_size.h"
#include "context/sanitizer.h"
#include "context/valgrind.h"

namespace weft::context {

namespace {

constexpr int madv_guard_install = 102;  // linux/mman.h of 6.13; older headers lack it
constexpr std::size_t slab_bytes = std::size_t{4} << 20;
constexpr std::size_t smallest_slab = 4;  // stacks
constexpr std::size_t hand_back_batch = 64;
constexpr std::size_t smallest_stack_pages = 4;
constexpr std::size_t largest_stack = std::size_t{1} << 40;

/// Address space only: no memory, no swap, until it is touched.
std::byte* reserve(std::size_t size) noexcept {
    void* const p = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    return p != MAP_FAILED ? static_cast<std::byte*>(p) : nullptr;
}

bool aligned(const std::byte* p, std::size_t alignment) noexcept {
    return reinterpret_cast<std::uintptr_t>(p) % alignment == 0;
}

/// Recent kernels align large mappings by themselves; only where they do not, the range is made
/// larger and trimmed.
std::byte* reserve_aligned(std::size_t size, std::size_t alignment) noexcept {
    std::byte* const first = reserve(size);
    if (first == nullptr || aligned(first, alignment)) {
        return first;
    }
    ::munmap(first, size);
    std::byte* const wide = reserve(size + alignment);
    if (wide == nullptr) {
        return nullptr;
    }
    const auto address = reinterpret_cast<std::uintptr_t>(wide);
    const std::size_t head = (alignment - address % alignment) % alignment;
    if (head != 0) {
        ::munmap(wide, head);
    }
    if (alignment != head) {
        ::munmap(wide + head + size, alignment - head);
    }
    return wide + head;
}

/// Believes only what it sees, since emulators and sandboxes accept advice that they do not know
/// and ignore it: the kernel must refuse to write to a guarded page.
bool kernel_has_markers() noexcept {
    const std::size_t size = page_size();
    std::byte* const probe = reserve(size);
    if (probe == nullptr) {
        return false;
    }
    const bool has = ::madvise(probe, size, madv_guard_install) == 0 &&
                     ::getrandom(probe, 1, GRND_NONBLOCK) == -1 && errno == EFAULT;
    ::munmap(probe, size);
    return has;
}

guard_method choose_method(const stack_pool_options& options) noexcept {
    if (options.method != guard_method::automatic) {
        return options.method;
    }
    return kernel_has_markers() ? guard_method::markers : guard_method::protect;
}

/// A guarded stack takes two mappings; half of what the process may have is left to others.
std::size_t choose_protect_budget(const stack_pool_options& options) noexcept {
    if (options.protect_budget != 0) {
        return options.protect_budget;
    }
    std::size_t limit = 65530;  // the kernel's default, where /proc is not mounted
    if (std::FILE* const file = std::fopen("/proc/sys/vm/max_map_count", "re"); file != nullptr) {
        if (std::fscanf(file, "%zu", &limit) != 1) {
            limit = 65530;
        }
        std::fclose(file);
    }
    return limit / 4;
}

std::size_t choose_stack_size(const stack_pool_options& options) noexcept {
    WEFT_ASSERT(options.stack_size <= largest_stack, "a stack size beyond reason");
    return std::bit_ceil(std::max(options.stack_size, smallest_stack_pages * page_size()));
}

}  // namespace

stack_pool::stack_pool(stack_pool_options options)
    : stack_size_(choose_stack_size(options)),
      slab_stacks_(std::max(slab_bytes / stack_size_, smallest_slab)),
      guard_size_(options.guard ? page_size() : 0),
      method_(choose_method(options)),
      protect_budget_(choose_protect_budget(options)),
      warm_capacity_(options.high_water + hand_back_batch),
      warm_(std::make_unique_for_overwrite<std::byte*[]>(warm_capacity_)) {}

stack_pool::~stack_pool() {
    for (const slab& s : slabs_) {
        valgrind_forget_stacks(s.valgrind_ids, slab_stacks_);
        ::munmap(s.base, slab_stacks_ * stack_size_);
    }
    for (std::byte** const chunk : cold_) {
        base::free_pages(chunk, cold_chunk * sizeof(std::byte*));
    }
}

std::size_t stack_pool::allocate(std::span<stack> out) noexcept {
    std::size_t filled = 0;
    while (filled < out.size()) {
        std::size_t fresh = 0;
        {
            const base::spin_guard guard(lock_);
            const std::size_t reused = take_free(out.subspan(filled));
            fresh = take_fresh(out.subspan(filled + reused));
            in_use_ += reused + fresh;
            filled += reused;
        }
        install_guards(out.subspan(filled, fresh));
        filled += fresh;
        if (filled < out.size() && !grow()) {
            break;
        }
    }
    return filled;
}

void stack_pool::deallocate(std::span<const stack> in) noexcept {
    for (const stack& s : in) {
        sanitizer_recycle(s.base + guard_size_, s.size - guard_size_);
    }
    std::array<std::byte*, hand_back_batch> oldest;
    while (!in.empty()) {
        std::size_t count = 0;
        {
            const base::spin_guard guard(lock_);
            in = in.subspan(put_warm(in));
            if (!in.empty()) {
                count = take_oldest_warm(oldest);
            }
        }
        hand_back(std::span(oldest).first(count));
    }
}

void stack_pool::trim() noexcept {
    std::size_t spare = 0;
    {
        const base::spin_guard guard(lock_);
        spare = std::exchange(least_warm_, warm_count_);
    }
    std::array<std::byte*, hand_back_batch> oldest;
    while (spare != 0) {
        std::size_t count = 0;
        {
            const base::spin_guard guard(lock_);
            count = take_oldest_warm(std::span(oldest).first(std::min(spare, oldest.size())));
        }
        if (count == 0) {
            return;  // they have been needed meanwhile
        }
        hand_back(std::span(oldest).first(count));
        spare -= count;
    }
}

std::size_t stack_pool::take_free(std::span<stack> out) noexcept {
    std::size_t n = 0;
    for (; n < out.size() && warm_count_ != 0; ++n) {
        --warm_count_;
        out[n] = make_stack(warm_[(warm_oldest_ + warm_count_) % warm_capacity_]);
    }
    least_warm_ = std::min(least_warm_, warm_count_);
    for (; n < out.size() && cold_count_ != 0; ++n) {
        --cold_count_;
        out[n] = make_stack(cold_entry(cold_count_));
    }
    return n;
}

std::size_t stack_pool::take_fresh(std::span<stack> out) noexcept {
    if (slabs_.empty()) {
        return 0;
    }
    const std::size_t count = std::min(out.size(), slab_stacks_ - fresh_used_);
    for (stack& s : out.first(count)) {
        s = make_stack(slabs_.back().base + fresh_used_ * stack_size_);
        ++fresh_used_;
    }
    return count;
}

std::size_t stack_pool::put_warm(std::span<const stack> in) noexcept {
    const std::size_t count = std::min(in.size(), warm_capacity_ - warm_count_);
    WEFT_ASSERT(count <= in_use_, "a stack was given back twice");
    for (const stack& s : in.first(count)) {
        warm_[(warm_oldest_ + warm_count_) % warm_capacity_] = s.base;
        ++warm_count_;
    }
    in_use_ -= count;
    return count;
}

std::size_t stack_pool::take_oldest_warm(std::span<std::byte*> out) noexcept {
    const std::size_t count = std::min(out.size(), warm_count_);
    for (std::byte*& base : out.first(count)) {
        base = warm_[warm_oldest_];
        warm_oldest_ = (warm_oldest_ + 1) % warm_capacity_;
    }
    warm_count_ -= count;
    least_warm_ = std::min(least_warm_, warm_count_);
    return count;
}

std::byte*& stack_pool::cold_entry(std::size_t position) noexcept {
    return cold_[position / cold_chunk][position % cold_chunk];
}

stack stack_pool::make_stack(std::byte* base) const noexcept {
    const auto number = reinterpret_cast<std::uintptr_t>(base) / stack_size_;
    return {base, static_cast<std::uint32_t>(stack_size_),
            static_cast<std::uint32_t>(number % stack::colours)};
}

/// Outside of the lock, since nobody else knows these stacks yet.
void stack_pool::install_guards(std::span<const stack> fresh) noexcept {
    if (guard_size_ == 0 || fresh.empty()) {
        return;
    }
    std::size_t wanted = fresh.size();
    if (method_ == guard_method::protect) {
        const base::spin_guard guard(lock_);
        wanted = std::min(wanted, protect_budget_ - std::min(protect_budget_, guarded_));
        guarded_ += wanted;  // also when mprotect fails below: then the budget was too large
    }
    std::size_t installed = 0;
    for (const stack& s : fresh.first(wanted)) {
        const int failed = method_ == guard_method::protect
                               ? ::mprotect(s.base, guard_size_, PROT_NONE)
                               : ::madvise(s.base, guard_size_, madv_guard_install);
        installed += failed == 0 ? 1 : 0;
    }
    if (installed != fresh.size()) {
        const base::spin_guard guard(lock_);
        unguarded_ += fresh.size() - installed;
    }
}

/// False: no memory or no address space. True does not promise that the caller finds a stack,
/// others may be faster.
bool stack_pool::grow() noexcept {
    const base::spin_guard growing(growing_);
    {
        const base::spin_guard guard(lock_);
        if (!slabs_.empty() && fresh_used_ != slab_stacks_) {
            return true;  // somebody else did it
        }
    }
    const std::size_t size = slab_stacks_ * stack_size_;
    std::byte* const base = reserve_aligned(size, stack_size_);
    if (base == nullptr) {
        return false;
    }
    ::madvise(base, size, MADV_NOHUGEPAGE);
    if (!add_slab(base)) {
        ::munmap(base, size);
        return false;
    }
    return true;
}

/// All memory is allocated outside of lock_; inside, the table is copied at most.
bool stack_pool::add_slab(std::byte* base) noexcept {
    constexpr std::size_t fewest = 256;
    std::size_t capacity = 0;
    std::size_t room = 0;
    std::size_t stacks = slab_stacks_;  // with those of this slab
    {
        const base::spin_guard guard(lock_);
        if (slabs_.size() == slabs_.capacity()) {
            capacity = std::max(fewest, slabs_.size() * 2);
        }
        stacks += slabs_.size() * slab_stacks_;
        room = cold_.size() * cold_chunk;
    }
    if (room < stacks && !add_cold_chunk()) {
        return false;
    }
    try {
        page_vector<slab> larger;
        larger.reserve(capacity);
        unsigned* const ids = valgrind_register_stacks(base, slab_stacks_, stack_size_);
        const base::spin_guard guard(lock_);
        if (capacity != 0) {
            larger.assign(slabs_.begin(), slabs_.end());
            slabs_.swap(larger);
        }
        slabs_.push_back({base, ids});
        fresh_used_ = 0;
        return true;
    } catch (const std::bad_alloc&) {
        return false;
    }
}

/// Rare, so its table is copied under lock_.
bool stack_pool::add_cold_chunk() noexcept {
    void* const chunk = base::allocate_pages(cold_chunk * sizeof(std::byte*));
    if (chunk == nullptr) {
        return false;
    }
    const base::spin_guard guard(lock_);
    try {
        cold_.push_back(static_cast<std::byte**>(chunk));
    } catch (const std::bad_alloc&) {
        base::free_pages(chunk, cold_chunk * sizeof(std::byte*));
        return false;
    }
    return true;
}

/// Neighbours are handed back in one call, which costs a quarter per page. Whole ranges but for the
/// guards, whose markers outlast it: a page that is not there costs far less than a call.
void stack_pool::hand_back(std::span<std::byte*> batch) noexcept {
    std::ranges::sort(batch);
    for (std::size_t first = 0; first < batch.size();) {
        std::size_t last = first;
        while (last + 1 < batch.size() && batch[last + 1] == batch[last] + stack_size_) {
            ++last;
        }
        ::madvise(batch[first], (last - first + 1) * stack_size_, MADV_DONTNEED);
        first = last + 1;
    }
    const base::spin_guard guard(lock_);
    for (std::byte* const base : batch) {
        cold_entry(cold_count_) = base;
        ++cold_count_;
    }
    handed_back_ += batch.size();
}

stack_pool_stats stack_pool::stats() const noexcept {
    const base::spin_guard guard(lock_);
    stack_pool_stats s;
    s.mapped = slabs_.size() * slab_stacks_;
    s.in_use = in_use_;
    s.free_warm = warm_count_;
    s.free_cold = s.mapped - in_use_ - warm_count_;
    s.handed_back = handed_back_;
    s.unguarded = unguarded_;
    return s;
}

}  // namespace weft::context
