// SPDX-License-Identifier: Apache-2.0
//
// fiber_local: a variable of which each fiber, and each plain thread, has its own; what
// thread_local is for threads. A thread_local itself is no use to fibers: they change threads.
//
//     weft::fiber_local<int> depth;                             // each begins with int()
//     weft::fiber_local<std::string> user([] { return std::string("nobody"); });
//     weft::fiber_local<std::string> request(weft::inherited);  // with a copy of its spawner's
//
//     *depth += 1;
//     request.get() = "42";
//
// A value is made when its fiber first asks for it, or at the spawn if it is inherited and the
// spawner has one. It ends with its fiber, on it: the last that was made is the first to end. The
// variable may end before its values do. Coroutines have none: asserts there.
//
// Cost: a search through the fiber's values, 2 ns for the first of them; spawning from a fiber that
// has inherited values copies them.
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <type_traits>

namespace weft {

/// For the constructor of fiber_local: a fiber begins with a copy of what its spawner has.
struct inherited_t {
    explicit inherited_t() = default;
};
/// To be said: `fiber_local<T>(weft::inherited)`.
inline constexpr inherited_t inherited{};

namespace detail {

/// What there is to be done with a value, whatever its type.
struct local_type {
    void (*destroy)(void* value) noexcept;
    void* (*copy)(const void* value);  ///< null: not inherited
};

/// Unique, not 0.
std::uint64_t new_local_key() noexcept;

/// The caller's; null: it has none yet.
void* find_local(std::uint64_t key) noexcept;

/// Takes `value` over. Throws std::bad_alloc.
void add_local(std::uint64_t key, void* value, const local_type& type);

void remove_local(std::uint64_t key) noexcept;

/// All that the calling fiber has.
void remove_locals() noexcept;

}  // namespace detail

/// Thread-safe: each sees its own. Usually a static or global variable.
template <class T>
class fiber_local {
public:
    using maker = T (*)();

    /// Each begins with T().
    constexpr fiber_local() noexcept
        requires std::default_initializable<T>
        : fiber_local(&make_default, plain) {}
    /// A fiber begins with `make()`.
    constexpr explicit fiber_local(maker make) noexcept : fiber_local(make, plain) {}

    /// A fiber begins with a copy of its spawner's, or with T() if that has none.
    constexpr explicit fiber_local(inherited_t) noexcept
        requires std::default_initializable<T> && std::copy_constructible<T>
        : fiber_local(&make_default, copied) {}
    /// A fiber whose spawner has none begins with `make()`.
    constexpr fiber_local(inherited_t, maker make) noexcept
        requires std::copy_constructible<T>
        : fiber_local(make, copied) {}

    fiber_local(const fiber_local&) = delete;
    fiber_local& operator=(const fiber_local&) = delete;
    ~fiber_local() = default;

    /// The caller's. Throws what making it throws, and std::bad_alloc. The reference is good until
    /// the fiber ends or calls reset().
    T& get() const {
        const std::uint64_t key = this->key();
        if (void* const value = detail::find_local(key)) [[likely]] {
            return *static_cast<T*>(value);
        }
        auto made = std::unique_ptr<T>(new T(make_()));
        detail::add_local(key, made.get(), *type_);
        return *made.release();
    }

    /// As get().
    T& operator*() const { return get(); }
    /// As get(), as a pointer.
    T* operator->() const { return std::addressof(get()); }

    /// Ends the caller's value; the next get() makes a new one.
    void reset() const noexcept { detail::remove_local(key()); }

private:
    static T make_default() { return T(); }
    static void destroy(void* value) noexcept { delete static_cast<T*>(value); }
    static void* copy(const void* value) { return new T(*static_cast<const T*>(value)); }

    static constexpr detail::local_type plain{&destroy, nullptr};
    static constexpr detail::local_type copied = [] {
        detail::local_type type{&destroy, nullptr};
        if constexpr (std::copy_constructible<T>) {
            type.copy = &copy;
        }
        return type;
    }();

    constexpr fiber_local(maker make, const detail::local_type& type) noexcept
        : make_(make), type_(&type) {}

    /// Given when first asked for, so that a global variable needs no code at the start.
    [[nodiscard]] std::uint64_t key() const noexcept {
        const std::uint64_t known = __atomic_load_n(&key_, __ATOMIC_RELAXED);
        if (known != 0) [[likely]] {
            return known;
        }
        std::uint64_t none = 0;
        const std::uint64_t fresh = detail::new_local_key();
        const bool mine = __atomic_compare_exchange_n(&key_, &none, fresh, false, __ATOMIC_RELAXED,
                                                      __ATOMIC_RELAXED);
        return mine ? fresh : none;
    }

    maker make_;
    const detail::local_type* type_;
    mutable std::uint64_t key_ = 0;
};

}  // namespace weft
