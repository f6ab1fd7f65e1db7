// SPDX-License-Identifier: Apache-2.0
//
// Reading and writing a stream, socket or pipe, by a fiber or a plain thread: the hot calls, which
// are not made of io/call.h, since on a plain thread they leave the wait to the kernel where they
// can.
#pragma once

#include <cstddef>
#include <span>

#include <weft/error.h>
#include <weft/time.h>

#include "io/poll_descriptor.h"

namespace weft::io {

/// At least one byte; 0: the stream has ended, or `bytes` is empty. `from` null: closed.
result<std::size_t> read_some(poll_descriptor* from, std::span<std::byte> bytes, deadline until);

/// All of `bytes`. `to` null: closed.
result<void> write_all(poll_descriptor* to, std::span<const std::byte> bytes, deadline until);

}  // namespace weft::io
