// SPDX-License-Identifier: Apache-2.0
#include "progress.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "report/terminal_style.h"
#include "units.h"

namespace weft::lab {

namespace {

constexpr double redraw_seconds = 0.1;
constexpr std::size_t narrowest = 20;
constexpr std::string_view erase_line = "\r\x1b[K";

void write_text(int descriptor, std::string_view text) {
    // A terminal that went away is no reason to stop measuring.
    while (!text.empty()) {
        const ssize_t written = ::write(descriptor, text.data(), text.size());
        if (written <= 0) {
            return;
        }
        text.remove_prefix(static_cast<std::size_t>(written));
    }
}

progress::environment terminal(int descriptor) {
    return {.write = [descriptor](std::string_view text) { write_text(descriptor, text); },
            .now =
                [] {
                    const auto since = std::chrono::steady_clock::now().time_since_epoch();
                    return std::chrono::duration<double>(since).count();
                },
            .live = ::isatty(descriptor) == 1,
            .width = report::width_of_terminal(descriptor, narrowest).value_or(80)};
}

std::string text_of_remaining(double seconds) {
    const auto whole = static_cast<long>(std::ceil(seconds));
    return whole < 60 ? fmt::format("{} s left", whole)
                      : fmt::format("{} min {:02} s left", whole / 60, whole % 60);
}

}  // namespace

progress::progress(int descriptor, std::vector<progress_step> steps, unsigned repeats)
    : progress(terminal(descriptor), std::move(steps), repeats) {}

progress::progress(environment where, std::vector<progress_step> steps, unsigned repeats)
    : where_(std::move(where)), steps_(std::move(steps)), repeats_(repeats) {}

progress::~progress() {
    clear();
}

void progress::begin(std::size_t step) {
    const double now = where_.now();
    if (begun_ && step_ < steps_.size()) {
        expected_ += steps_[step_].expected_seconds;
        taken_ += now - step_started_;
    }
    step_ = step;
    begun_ = true;
    step_started_ = now;
    counts_.clear();
    draw(true);
}

void progress::count(std::uint64_t done, std::uint64_t total, std::string_view what) {
    if (!where_.live) {
        return;
    }
    counts_ = total == 0
                  ? fmt::format("{} {}", text_of_count(done), what)
                  : fmt::format("{} of {} {}", text_of_count(done), text_of_count(total), what);
    draw(false);
}

void progress::note(std::string_view text) {
    if (line_shown_) {
        where_.write(erase_line);
        line_shown_ = false;
    }
    where_.write(printable(text) + "\n");
    if (begun_) {
        draw(true);
    }
}

void progress::clear() {
    if (line_shown_) {
        where_.write(erase_line);
        line_shown_ = false;
    }
    begun_ = false;
}

double progress::remaining_seconds() const {
    double expected = 0;
    for (std::size_t i = step_; i < steps_.size(); ++i) {
        expected += steps_[i].expected_seconds;
    }
    const double pace = expected_ > 0 ? taken_ / expected_ : 1;
    const double in_step = begun_ ? where_.now() - step_started_ : 0;
    const double of_step = step_ < steps_.size() ? steps_[step_].expected_seconds * pace : 0;
    return std::max(0.0, expected * pace - std::min(in_step, of_step));
}

void progress::draw(bool now) {
    if (!where_.live || !begun_ || step_ >= steps_.size()) {
        return;
    }
    const double time = where_.now();
    if (!now && time - last_drawn_ < redraw_seconds) {
        return;
    }
    last_drawn_ = time;
    const progress_step& step = steps_[step_];
    std::string text = fmt::format("[{}/{}] ", step_ + 1, steps_.size());
    if (!step.model.empty()) {
        text += step.model + ": ";
    }
    text += step.phase;
    if (repeats_ > 1) {
        text += fmt::format(", repeat {} of {}", step.repeat, repeats_);
    }
    if (!counts_.empty()) {
        text += ", " + counts_;
    }
    text += ", " + text_of_remaining(remaining_seconds());
    text = printable(text);
    // One column stays free: a full line would wrap and could not be erased.
    if (text.size() >= where_.width) {
        text.resize(where_.width - 1);
    }
    where_.write(std::string(erase_line) + text);
    line_shown_ = true;
}

}  // namespace weft::lab
