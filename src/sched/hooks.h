// SPDX-License-Identifier: Apache-2.0
//
// Tells the layers below, which know no fibers, what runs on a kernel thread: for the messages of
// failed assertions and stack overflows.
#pragma once

namespace weft::sched {

/// Idempotent. Installs the overflow handler, too.
void install_hooks() noexcept;

}  // namespace weft::sched
