// SPDX-License-Identifier: Apache-2.0
//
// The probes, one function a file; see probe_list.cpp for what each is.
#pragma once

#include <optional>

#include "measure/probe.h"

namespace weft::measure {

void probe_fork(probe_round& round);
void probe_exec(probe_round& round);
void probe_copy_on_write(probe_round& round);
void probe_threads(probe_round& round);
void probe_fibers(probe_round& round);
void probe_memory(probe_round& round);
void probe_switches(probe_round& round);
void probe_steps(probe_round& round);
void probe_scheduling(probe_round& round);
void probe_storm(probe_round& round);
std::optional<obstacle> why_no_storm();
void probe_address_space(probe_round& round);
void probe_isolation(probe_round& round);
void probe_postgres(probe_round& round);
std::optional<obstacle> why_not_postgres();

}  // namespace weft::measure
