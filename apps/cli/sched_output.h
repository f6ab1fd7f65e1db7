// SPDX-License-Identifier: Apache-2.0
//
// What `weft sched` does with its reports, whatever was run. One thread.
#pragma once

#include <expected>
#include <functional>
#include <string>

#include "report/terminal_style.h"
#include "sched_command.h"

namespace weft::cli {

template <class Value>
using checked = std::expected<Value, std::string>;

/// Makes the texts of a run; only what is asked for is made.
struct report_texts {
    std::function<std::string()> json;
    std::function<std::string()> trace;
    std::function<std::string()> html;
    std::function<std::string(const report::terminal_style&)> text;
};

/// The files first, so that they are there whatever becomes of the terminal. False when something
/// could not be written, which is said.
bool write_reports(const sched_options& options, const report_texts& texts);

}  // namespace weft::cli
