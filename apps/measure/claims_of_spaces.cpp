// SPDX-License-Identifier: Apache-2.0
#include "claims_of_spaces.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "figure_text.h"

namespace weft::measure {

namespace {

using lab::mark;
using lab::unit;

/// The parts that are one's own (or are not), where all were tried: "data, heap".
std::optional<std::string> parts_of(const measurement& all, std::string_view id, bool own) {
    const measured_figure* const figure = find_figure(all, id);
    if (figure == nullptr || figure->points.size() != figure->places.size()) {
        return std::nullopt;
    }
    std::string text;
    for (const figure_point& point : figure->points) {
        if ((point.value.median > 0.5) == own) {
            text += text.empty() ? "" : ", ";
            text += place_of(*figure, point);
        }
    }
    return text;
}

struct sizes {
    double reserved = 0;
    double resident = 0;
};

sizes size_of(const std::vector<address_part>& map, std::string_view kind = {}) {
    sizes all;
    for (const address_part& one : map) {
        if (kind.empty() || one.kind == kind) {
            all.reserved += one.reserved;
            all.resident += one.resident;
        }
    }
    return all;
}

std::string text_of(const sizes& size) {
    return fmt::format("{} of {}", figure_text(size.resident, unit::bytes),
                       figure_text(size.reserved, unit::bytes));
}

}  // namespace

maybe_finding own_address_space(const measurement& all) {
    const auto own = parts_of(all, "own.process", true);
    if (!own || all.map.empty()) {
        return std::nullopt;
    }
    const bool holds = *own == "data, heap, descriptors, stack, thread-locals";
    return finding{
        .measured = fmt::format(
            "{} resident: text {}, data {}, heap {}, stacks {}; own: {}", text_of(size_of(all.map)),
            text_of(size_of(all.map, "text")), text_of(size_of(all.map, "data")),
            text_of(size_of(all.map, "heap")), text_of(size_of(all.map, "stack")), *own),
        .conclusion = holds ? "as claimed, but that code is shared" : "not as claimed",
        .mark = holds ? mark::holds : mark::off};
}

maybe_finding shared_by_threads(const measurement& all) {
    const auto own = parts_of(all, "own.thread", true);
    const auto shared = parts_of(all, "own.thread", false);
    const auto fibers = parts_of(all, "own.fiber", true);
    if (!own || !shared || !fibers) {
        return std::nullopt;
    }
    const bool holds = *own == "stack, thread-locals";
    return finding{.measured = fmt::format("threads share {}; own: {}; of fibers own: {}", *shared,
                                           *own, *fibers),
                   .conclusion = holds ? "as claimed" : "not as claimed",
                   .mark = holds ? mark::holds : mark::off};
}

maybe_finding shared_memory(const measurement& all) {
    const auto copied = median_near(all, "shared.private");
    const auto own = median_near(all, "cow.private");
    if (!copied || !own) {
        return std::nullopt;
    }
    return finding{
        .measured = fmt::format(
            "{:.0f} % of what was written was copied, {:.0f} % of private memory", *copied, *own),
        .conclusion = *copied < 5 ? "as claimed" : "some of it was copied",
        .mark = *copied < 5 ? mark::holds : mark::off};
}

maybe_finding isolation(const measurement& all) {
    const auto* const processes = find_figure(all, "isolation.process");
    const auto* const threads = find_figure(all, "isolation.thread");
    const auto* const fibers = find_figure(all, "isolation.fiber");
    if (processes == nullptr || threads == nullptr || fibers == nullptr) {
        return std::nullopt;
    }
    const auto unharmed = [](const measured_figure& figure) {
        return std::ranges::count_if(figure.points,
                                     [](const auto& point) { return point.value.median >= 3; });
    };
    const auto bugs = static_cast<std::ptrdiff_t>(processes->points.size());
    const bool holds = unharmed(*processes) == bugs && unharmed(*threads) == 0;
    return finding{.measured = fmt::format(
                       "the others go on after {} of {} bugs in a process, {} in a thread, {} in "
                       "a fiber",
                       unharmed(*processes), bugs, unharmed(*threads), unharmed(*fibers)),
                   .conclusion = holds ? "as claimed; fibers are as threads" : "not as claimed",
                   .mark = holds ? mark::holds : mark::partly};
}

}  // namespace weft::measure
