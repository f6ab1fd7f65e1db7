// SPDX-License-Identifier: Apache-2.0
//
// generator<T>: a range whose elements a coroutine computes one by one, when they are asked for;
// after std::generator of C++23, which g++ 12 does not have.
//
//     weft::generator<int> numbers(int last) {
//         for (int i = 0; i <= last; ++i) {
//             co_yield i;
//         }
//     }
//     for (const int i : numbers(3)) ...
//
// The body runs on the stack of whoever iterates: on a fiber it may wait in all the ways in which
// that one may. It has no co_await: what must be awaited between elements belongs into a task that
// sends to a channel.
//
// `co_yield weft::elements_of(other)` yields all elements of another generator, however deeply
// nested, without growing the stack; an element costs the same at any depth.
//
// An exception that leaves the body leaves the ++ or begin() that ran it, and ends the range.
// Frames come from the library's pools, as those of tasks. Not thread-safe; it may move between
// fibers and threads while the body does not run.
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <iterator>
#include <memory>
#include <ranges>
#include <type_traits>
#include <utility>

#include <weft/task.h>

namespace weft {

template <class T>
class generator;

/// What `co_yield elements_of(g)` yields from.
template <class T>
struct elements_of {
    /// `all` is used up.
    explicit elements_of(generator<T>&& all) noexcept : range(std::move(all)) {}

    generator<T> range;
};

/// Elements are of type T&& where T is no reference, else T: as std::generator<T>.
template <class T>
class [[nodiscard]] generator : public std::ranges::view_base {
public:
    using value_type = std::remove_cvref_t<T>;
    using reference = std::conditional_t<std::is_reference_v<T>, T, T&&>;

    class promise_type;
    class iterator;

    generator(generator&& other) noexcept : body_(std::exchange(other.body_, nullptr)) {}
    generator& operator=(generator other) noexcept {
        std::swap(body_, other.body_);
        return *this;
    }
    /// The body is destroyed where it stands.
    ~generator() {
        if (body_) {
            body_.destroy();
        }
    }

    /// Runs the body to its first element. Once only.
    iterator begin() {
        body_.promise().advance();
        return iterator(body_);
    }
    /// What an iterator is equal to when the body has ended.
    [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

private:
    friend promise_type;
    using handle = std::coroutine_handle<promise_type>;

    explicit generator(handle body) noexcept : body_(body) {}

    handle body_;
};

/// The outermost generator of a nest knows which body runs next, and the element. Bodies return to
/// the loop in advance() when they yield, begin on a nested one or end, so the stack stays as it
/// is.
template <class T>
class generator<T>::promise_type : public coro::pooled_frame {
public:
    generator get_return_object() noexcept { return generator(handle::from_promise(*this)); }
    std::suspend_always initial_suspend() const noexcept { return {}; }

    struct leave {
        static bool await_ready() noexcept { return false; }
        void await_suspend(handle self) const noexcept {
            promise_type& ended = self.promise();
            if (ended.parent_ != nullptr) {
                ended.root_->next_ = handle::from_promise(*ended.parent_);
            }
        }
        static void await_resume() noexcept {}
    };
    leave final_suspend() const noexcept { return {}; }

    void return_void() const noexcept {}

    void unhandled_exception() {
        if (parent_ == nullptr) {
            throw;
        }
        error_ = std::current_exception();  // for the body that yields from this one
    }

    std::suspend_always yield_value(reference element) noexcept {
        root_->element_ = std::addressof(element);
        return {};
    }

    struct copy {
        value_type element;

        static bool await_ready() noexcept { return false; }
        void await_suspend(handle self) noexcept {
            self.promise().root_->element_ = std::addressof(element);
        }
        static void await_resume() noexcept {}
    };
    /// Whoever iterates may move from the element: it gets a copy.
    copy yield_value(const value_type& element)
        requires(std::is_rvalue_reference_v<reference> && !std::is_const_v<T> &&
                 std::is_copy_constructible_v<value_type>)
    {
        return {element};
    }

    struct nest {
        generator range;

        [[nodiscard]] bool await_ready() const noexcept { return !range.body_; }
        void await_suspend(handle outer) noexcept {
            promise_type& inner = range.body_.promise();
            inner.parent_ = &outer.promise();
            inner.root_ = outer.promise().root_;
            inner.root_->next_ = range.body_;
        }
        void await_resume() const {
            if (range.body_ && range.body_.promise().error_) {
                std::rethrow_exception(range.body_.promise().error_);
            }
        }
    };
    nest yield_value(elements_of<T> all) noexcept { return {std::move(all.range)}; }

    void await_transform() = delete;

private:
    friend generator;
    friend iterator;

    using pointer = std::add_pointer_t<reference>;

    /// Runs bodies until one yields an element or the outermost has ended.
    void advance() {
        element_ = nullptr;
        const handle self = handle::from_promise(*this);
        do {
            next_.resume();
        } while (element_ == nullptr && !self.done());
    }

    promise_type* root_ = this;
    promise_type* parent_ = nullptr;             // null: the outermost
    handle next_ = handle::from_promise(*this);  // of the outermost: what runs next
    pointer element_ = nullptr;                  // of the outermost
    std::exception_ptr error_;                   // of a nested one
};

template <class T>
class generator<T>::iterator {
public:
    /// An input iterator, as that of std::generator: move-only, and good until the generator ends.
    using value_type = generator::value_type;
    using difference_type = std::ptrdiff_t;

    iterator(iterator&& other) noexcept : body_(std::exchange(other.body_, nullptr)) {}
    iterator& operator=(iterator&& other) noexcept {
        body_ = std::exchange(other.body_, nullptr);
        return *this;
    }

    /// The element that was yielded last. Not at the end.
    reference operator*() const noexcept {
        return static_cast<reference>(*body_.promise().element_);
    }
    /// Runs the body until it yields again or ends. Throws what leaves the body, which has ended
    /// then.
    iterator& operator++() {
        body_.promise().advance();
        return *this;
    }
    /// The same; there is no copy of an input iterator to return.
    void operator++(int) { ++*this; }

    friend bool operator==(const iterator& i, std::default_sentinel_t) noexcept {
        return i.body_.done();
    }

private:
    friend generator;
    explicit iterator(handle body) noexcept : body_(body) {}

    handle body_;
};

template <class T>
elements_of(generator<T>&&) -> elements_of<T>;

}  // namespace weft
