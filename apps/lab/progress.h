// SPDX-License-Identifier: Apache-2.0
//
// progress: one line on a terminal that says which model and phase runs, how far it is and how
// long the rest takes. When the output is no terminal it writes nothing but notes.
//
// The caller lists the steps of the run before it starts, each with the seconds it expects; what
// finished steps really took corrects the estimate of the rest. Not thread-safe: the orchestrator
// owns it. The destructor clears the line, so that whatever is printed next starts clean.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace weft::lab {

struct progress_step {
    /// "fiber"; empty for what belongs to no model.
    std::string model;
    /// "connect".
    std::string phase;
    unsigned repeat = 1;
    double expected_seconds = 1;
};

class progress {
public:
    /// Where the line goes and what the time is; replaced in tests.
    struct environment {
        std::function<void(std::string_view)> write;
        /// Seconds of a steady clock.
        std::function<double()> now;
        bool live = false;
        std::size_t width = 80;
    };

    /// Writes to `descriptor`, live when it is a terminal.
    progress(int descriptor, std::vector<progress_step> steps, unsigned repeats);
    progress(environment where, std::vector<progress_step> steps, unsigned repeats);
    ~progress();

    progress(const progress&) = delete;
    progress& operator=(const progress&) = delete;

    /// Starts the step with this index; the ones before it are over (or were skipped).
    void begin(std::size_t step);
    /// How far the step is: "7,300 of 10,000 clients". At most ten times a second reach the
    /// terminal; calling it more often is cheap.
    void count(std::uint64_t done, std::uint64_t total, std::string_view what);
    /// A line of its own that stays, also when not live.
    void note(std::string_view text);
    /// Clears the line; begin() may be called again.
    void clear();

    /// Seconds that are left, as far as is known.
    [[nodiscard]] double remaining_seconds() const;

private:
    void draw(bool now);

    environment where_;
    std::vector<progress_step> steps_;
    unsigned repeats_;
    std::size_t step_ = 0;
    bool begun_ = false;
    double step_started_ = 0;
    double last_drawn_ = -1;
    /// Of finished steps.
    double expected_ = 0;
    double taken_ = 0;
    std::string counts_;
    bool line_shown_ = false;
};

}  // namespace weft::lab
