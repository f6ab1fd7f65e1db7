// SPDX-License-Identifier: Apache-2.0
#include "sched_output.h"

#include <unistd.h>

#include "output.h"
#include "sched/report_terminal.h"

namespace weft::cli {

bool write_reports(const sched_options& options, const report_texts& texts) {
    bool written = true;
    if (!options.json_path.empty()) {
        written = write_output(options.json_path, texts.json());
    }
    if (!options.trace_path.empty()) {
        written = write_output(options.trace_path, texts.trace()) && written;
    }
    if (!options.html_path.empty()) {
        written = write_output(options.html_path, texts.html()) && written;
    }
    const bool to_stdout = options.json_path == "-" || options.trace_path == "-";
    const int text = to_stdout ? STDERR_FILENO : STDOUT_FILENO;
    return print(text, texts.text(style_of(text, sim::narrowest_page))) && written;
}

}  // namespace weft::cli
