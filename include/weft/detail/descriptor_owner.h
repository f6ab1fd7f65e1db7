// SPDX-License-Identifier: Apache-2.0
//
// descriptor_owner: what the classes share that own one descriptor of weft's: pipe ends, signals,
// file watchers. Not an API by itself; the code is in src/io/descriptor_owner.cpp.
//
// Thread safety, of all that derive from it: close(), is_open() and native_handle() beside
// anything; moving, destroying and release() need the object for themselves.
#pragma once

#include <utility>

namespace weft::io {

class poll_descriptor;
struct access;

class descriptor_owner {
public:
    descriptor_owner(const descriptor_owner&) = delete;

    /// Ends whoever waits: std::errc::operation_canceled; later calls report
    /// std::errc::bad_file_descriptor. The number is not used again before they have left.
    /// Idempotent.
    void close() noexcept;

    /// Whether it was opened and not closed or released since. Any thread.
    [[nodiscard]] bool is_open() const noexcept;

    /// It is in non-blocking mode. -1 when closed.
    [[nodiscard]] int native_handle() const noexcept;

protected:
    /// Closed.
    descriptor_owner() noexcept = default;
    explicit descriptor_owner(poll_descriptor* descriptor) noexcept : descriptor_(descriptor) {}
    descriptor_owner(descriptor_owner&& other) noexcept
        : descriptor_(std::exchange(other.descriptor_, nullptr)) {}
    descriptor_owner& operator=(descriptor_owner&& other) noexcept;
    ~descriptor_owner();

    [[nodiscard]] poll_descriptor* descriptor() const noexcept { return descriptor_; }
    int release() noexcept;

private:
    friend struct access;

    poll_descriptor* descriptor_ = nullptr;
};

}  // namespace weft::io
