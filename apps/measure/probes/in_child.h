// SPDX-License-Identifier: Apache-2.0
//
// A part of a round in a child of its own, where nothing of the parts before it is left: no memory
// that the allocator keeps, no threads. One thread.
#pragma once

#include <functional>

#include "measure/probe.h"

namespace weft::measure {

/// What `part` adds to its round, `round` gets. Throws std::system_error, and std::runtime_error
/// when the child fails or dies.
void in_child(probe_round& round, const std::function<void(probe_round&)>& part);

}  // namespace weft::measure
