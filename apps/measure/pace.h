// SPDX-License-Identifier: Apache-2.0
//
// How fast the CPU is right now: a chain of additions that depend on each other takes a fixed
// number of cycles, so its time tells the frequency, and whether the other half of a core is busy.
// One thread.
#pragma once

namespace weft::measure {

/// Nanoseconds for one addition of the chain, the least of some attempts: about a millisecond in
/// all.
double pace_ns();

}  // namespace weft::measure
