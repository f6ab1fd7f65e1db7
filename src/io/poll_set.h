// SPDX-License-Identifier: Apache-2.0
//
// poll(2) on several descriptors at once, by a fiber: it stands before each of them until one is
// ready.
#pragma once

#include <poll.h>

#include <span>

#include <weft/time.h>

namespace weft::io {

/// As poll(2), whose rules on events hold: how many of `set` have some; 0 at `until`; or an errno
/// value, negated: -ECANCELED and -ETIMEDOUT if what bounds the fiber ended it, -ENOMEM for large
/// sets, or what epoll_ctl(2) says. Waits for what is not ready at first. By a fiber.
int poll_set(std::span<pollfd> set, deadline until) noexcept;

}  // namespace weft::io
