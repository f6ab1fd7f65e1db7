// SPDX-License-Identifier: Apache-2.0
//
// One run of the simulator under one policy; simulator.h says what it models. For simulator.cpp.
//
// Time goes from event to event. Between two events a CPU does one thing, and what it has done is
// charged to its queue (catch_up) before anybody looks at or changes that queue, as the kernel's
// update_curr() does.
#pragma once

#include <algorithm>
#include <expected>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include <weft/fair_queue.h>

#include "event_queue.h"
#include "pattern.h"
#include "placement.h"
#include "recording.h"
#include "simulated_task.h"
#include "workload.h"

namespace weft::sim {

/// How often the load of the CPUs is compared: what the kernel does on two busy ones. Much longer
/// than a turn, so that turns and moves do not go in step.
inline constexpr nanoseconds balance_interval = 32 * ms;

template <class Policy>
class simulation {
public:
    using parameters = typename Policy::parameters;

    simulation(const workload& work, const parameters& settings)
        : work_(work),
          has_quota_(
              std::ranges::any_of(work.groups, [](const group_spec& g) { return g.quota != 0; })) {
        done_.duration = work.duration;
        done_.cpus.resize(work.cpus);
        group_sizes_.resize(work.groups.size());
        for (const group_spec& spec : work.groups) {
            quotas_left_.push_back(spec.quota);
        }
        for (const task_spec& spec : work.tasks) {
            forks_left_.push_back(spec.fork ? spec.fork->limit : 0);
        }
        for (unsigned i = 0; i < work.cpus; ++i) {
            cpus_.push_back(std::make_unique<cpu>(i, settings));
            for (const group_spec& spec : work.groups) {
                fair_quota limit{
                    .quota_ns = spec.quota, .period_ns = spec.period, .burst_ns = spec.burst};
                if (has_common_quotas() && spec.quota != 0) {
                    limit = {.quota_ns = 1};  // all but nothing: deal() grants it
                }
                cpus_.back()->groups.push_back(
                    std::make_unique<group_queue>(cpus_.back()->queue, spec.weight, limit));
            }
        }
    }

    std::expected<recording, std::string> run(std::uint64_t step_limit) {
        for (std::size_t i = 0; i < work_.tasks.size(); ++i) {
            for (std::uint64_t n = 0; n < work_.tasks[i].count; ++n) {
                const std::string& name = work_.tasks[i].name;
                add_task(i, work_.tasks[i].count > 1 ? fmt::format("{}-{}", name, n + 1) : name,
                         work_.tasks[i].arrival);
            }
        }
        for (std::uint32_t g = 0; g < work_.groups.size(); ++g) {
            refill(g);
        }
        events_.add({.at = work_.tick, .what = event::kind::tick});
        for (std::uint64_t step = 0; !events_.empty() && events_.next().at < work_.duration;
             ++step) {
            if (step == step_limit) {
                return std::unexpected(
                    fmt::format("more than {} steps until {}: choose a shorter duration, or "
                                "longer runs and sleeps",
                                step_limit, text_of(now_)));
            }
            const event next = events_.take();
            now_ = next.at;
            handle(next);
        }
        finish();
        return std::move(done_);
    }

private:
    using task = simulated_task;
    using queue_type = fair_queue<task, Policy>;
    using group_queue = typename queue_type::group;

    struct cpu {
        cpu(std::uint32_t number, const parameters& settings) : id(number), queue(settings) {}
        std::uint32_t id;
        queue_type queue;
        std::vector<std::unique_ptr<group_queue>> groups;
        task* running = nullptr;
        nanoseconds runs_from = 0;  // when the switch to the running one is over
        nanoseconds charged = 0;    // until when it is accounted for
        std::uint64_t turn = 0;
    };

    void handle(const event& what) {
        switch (what.what) {
            case event::kind::step:
                if (cpus_[what.index]->turn == what.serial) {
                    step(*cpus_[what.index]);
                }
                break;
            case event::kind::wake:
                become_ready(*tasks_[what.index], change::woken);
                break;
            case event::kind::arrival:
                become_ready(*tasks_[what.index], change::arrived);
                break;
            case event::kind::refill:
                refill(what.index);
                break;
            case event::kind::tick:
                tick();
                break;
        }
    }

    void add_task(std::size_t spec_index, std::string name, nanoseconds arrival) {
        const task_spec& spec = work_.tasks[spec_index];
        const auto id = static_cast<std::uint32_t>(tasks_.size());
        tasks_.push_back(std::make_unique<task>(spec, work_.seed, id));
        task& t = *tasks_.back();
        t.set_slice(spec.slice);
        t.total_left = spec.total.value_or(forever);
        t.fork_left = spec.fork ? spec.fork->every : forever;
        t.run_left = std::min(t.draws.next_run(), t.total_left);
        done_.tasks.push_back({.name = std::move(name),
                               .spec = spec_index,
                               .forked = false,
                               .arrived = arrival,
                               .ended = {},
                               .latencies = {}});
        events_.add({.at = arrival, .what = event::kind::arrival, .index = id});
    }

    void note(const task& t, change what) {
        done_.transitions.push_back({.at = now_, .task = t.id, .what = what});
    }

    group_queue* group_on(const cpu& c, const task& t) const {
        return t.spec->group ? c.groups[*t.spec->group].get() : nullptr;
    }

    // What the CPUs do.

    /// Charges what has happened since the last look.
    void catch_up(cpu& c) {
        if (c.running == nullptr) {
            done_.cpus[c.id].idle += now_ - c.charged;
            c.charged = now_;
            return;
        }
        if (c.charged < c.runs_from) {
            const nanoseconds until = std::min(now_, c.runs_from);
            done_.cpus[c.id].switching += until - c.charged;
            c.charged = until;
        }
        const nanoseconds ran = now_ - c.charged;
        if (ran == 0) {
            return;
        }
        c.charged = now_;
        c.queue.charge(ran);
        task& t = *c.running;
        t.run_left -= t.run_left == forever ? 0 : ran;
        t.total_left -= t.total_left == forever ? 0 : ran;
        t.fork_left -= t.fork_left == forever ? 0 : ran;
        deal(c, t);
    }

    /// The running one stops, or goes on elsewhere.
    void end_span(cpu& c) {
        if (c.running != nullptr && c.runs_from < now_) {
            done_.spans.push_back(
                {.task = c.running->id, .cpu = c.id, .from = c.runs_from, .to = now_});
        }
        c.running = nullptr;
        ++c.turn;
    }

    /// The running one, if any, would go on.
    void stop_running(cpu& c) {
        if (task* const before = c.running) {
            before->is = task::state::ready;
            before->ready_since = now_;
            ++done_.tasks[before->id].preempted;
        }
        end_span(c);
    }

    /// Who runs from now on. The queue is up to date.
    void dispatch(cpu& c) {
        task* next = c.queue.pick_next();
        note_throttling(c);
        if (next == nullptr && pull(c)) {
            next = c.queue.pick_next();
            note_throttling(c);
        }
        if (next == c.running) {
            return;
        }
        stop_running(c);
        if (next == nullptr) {
            return;
        }
        c.running = next;
        c.runs_from = now_ + work_.switch_cost;
        ++done_.cpus[c.id].switches;
        task_record& record = done_.tasks[next->id];
        ++record.picked;
        next->is = task::state::running;
        if (std::exchange(next->just_woken, false)) {
            record.latencies.push_back(c.runs_from - next->ready_since);
        }
        plan_step(c);
    }

    /// When the running one does something by itself.
    void plan_step(cpu& c) {
        const nanoseconds left = std::min(c.running->run_left, c.running->fork_left);
        ++c.turn;
        if (left < forever) {
            events_.add({.at = std::max(now_, c.runs_from) + left,
                         .what = event::kind::step,
                         .index = c.id,
                         .serial = c.turn});
        }
    }

    void step(cpu& c) {
        catch_up(c);
        task& t = *c.running;
        if (t.fork_left == 0) {
            fork(t);
        }
        if (t.run_left != 0) {
            if (c.queue.should_switch()) {
                dispatch(c);
            }
            if (c.running == &t) {
                plan_step(c);
            }
            return;
        }
        end_span(c);
        if (t.total_left == 0 || !t.spec->sleep) {
            c.queue.remove(t);
            t.is = task::state::ended;
            done_.tasks[t.id].ended = now_;
            note(t, change::ended);
        } else {
            c.queue.block();
            t.is = task::state::asleep;
            note(t, change::slept);
            events_.add(
                {.at = now_ + t.draws.next_sleep(), .what = event::kind::wake, .index = t.id});
            t.run_left = std::min(t.draws.next_run(), t.total_left);
        }
        t.is_throttled = false;
        count_member(t, false);
        dispatch(c);
    }

    void fork(task& parent) {
        const std::size_t spec = done_.tasks[parent.id].spec;
        parent.fork_left = parent.spec->fork->every;
        if (forks_left_[spec] == 0) {
            parent.fork_left = forever;
            return;
        }
        const std::uint64_t number = parent.spec->fork->limit - --forks_left_[spec];
        add_task(spec, fmt::format("{}+{}", parent.spec->name, number), now_);
        done_.tasks.back().forked = true;
        tasks_.back()->cpu = parent.cpu;
    }

    void become_ready(task& t, change how) {
        cpu& c = *cpus_[place(t)];
        cpu& before = *cpus_[t.cpu];
        catch_up(c);
        deal(c, t);
        t.is = task::state::ready;
        t.ready_since = now_;
        t.just_woken = how == change::woken;
        note(t, how);
        if (how == change::arrived) {
            c.queue.start(t, group_on(c, t));
        } else {
            if (&before != &c) {
                catch_up(before);
                before.queue.leave(t);
                ++done_.tasks[t.id].migrated;
            }
            c.queue.wake(t, group_on(c, t));
        }
        t.cpu = c.id;
        count_member(t, true);
        note_throttling(c);
        if (c.running == nullptr || c.queue.should_switch()) {
            dispatch(c);
        }
    }

    void tick() {
        const bool balances = now_ / balance_interval != (now_ - work_.tick) / balance_interval;
        for (const auto& c : cpus_) {
            catch_up(*c);
            if (c->running == nullptr || c->queue.tick() || c->queue.should_switch()) {
                dispatch(*c);
            }
        }
        if (balances && cpus_.size() > 1) {
            balance();
        }
        events_.add({.at = now_ + work_.tick, .what = event::kind::tick});
    }

    void finish() {
        now_ = work_.duration;
        for (const auto& c : cpus_) {
            catch_up(*c);
            end_span(*c);
        }
    }

    // Groups.

    /// With several CPUs a quota is common to all, and each takes small parts of it, as the kernel
    /// does. With one the queue does it all.
    [[nodiscard]] bool has_common_quotas() const { return work_.cpus > 1; }

    /// The group of `t` gets another part if it has used up the last one here.
    void deal(cpu& c, const task& t) {
        if (t.spec->group && has_common_quotas() && work_.groups[*t.spec->group].quota != 0) {
            deal(c, *t.spec->group);
        }
    }

    void deal(cpu& c, std::size_t g) {
        constexpr nanoseconds part = ms;
        while (c.groups[g]->left_ns() <= 0 && quotas_left_[g] != 0) {
            const nanoseconds granted = std::min(part, quotas_left_[g]);
            quotas_left_[g] -= granted;
            c.queue.grant(*c.groups[g], granted);
        }
    }

    void refill(std::uint32_t g) {
        const group_spec& spec = work_.groups[g];
        if (spec.quota == 0) {
            return;
        }
        if (now_ != 0) {
            quotas_left_[g] = std::min(quotas_left_[g] + spec.quota, spec.quota + spec.burst);
        }
        for (std::size_t i = 0; i < cpus_.size(); ++i) {
            // Not always the same one first: there may be less than a part for each.
            cpu& c = *cpus_[(i + now_ / spec.period) % cpus_.size()];
            catch_up(c);
            if (!has_common_quotas()) {
                c.queue.refill(*c.groups[g], now_);
            } else if (c.groups[g]->throttled()) {
                deal(c, g);
            }
            note_throttling(c);
            if (c.running == nullptr || c.queue.should_switch()) {
                dispatch(c);
            }
        }
        events_.add({.at = now_ + spec.period, .what = event::kind::refill, .index = g});
    }

    void note_throttling(cpu& c) {
        if (!has_quota_) {
            return;
        }
        for (const auto& t : tasks_) {
            if (t->cpu != c.id || !t->spec->group || !t->is_present()) {
                continue;
            }
            const bool throttled = c.groups[*t->spec->group]->throttled();
            if (throttled != t->is_throttled) {
                t->is_throttled = throttled;
                note(*t, throttled ? change::throttled : change::thawed);
            }
        }
    }

    /// A group's weight on a CPU is the part of it that its members there are of all: with several
    /// CPUs the kernel does the same (calc_group_shares).
    void count_member(const task& t, bool comes) {
        if (!t.spec->group || cpus_.size() == 1) {
            return;
        }
        const std::size_t g = *t.spec->group;
        group_sizes_[g] += comes ? t.weight.value : -std::uint64_t{t.weight.value};
        reweigh(g);
    }

    void reweigh(std::size_t g) {
        std::vector<std::uint64_t> here(cpus_.size());
        for (const auto& t : tasks_) {
            if (t->spec->group == g && t->is_present()) {
                here[t->cpu] += t->weight.value;
            }
        }
        for (const auto& c : cpus_) {
            if (here[c->id] != 0) {
                catch_up(*c);
                const std::uint64_t part = work_.groups[g].weight * here[c->id] / group_sizes_[g];
                c->queue.set_weight(*c->groups[g], static_cast<std::uint32_t>(part));
            }
        }
    }

    // Several CPUs.

    /// Where one that becomes ready goes: where it was, if nobody runs there or it must; else to an
    /// idle CPU. A new one goes to the least loaded.
    std::uint32_t place(const task& t) const {
        if (t.spec->cpu) {
            return *t.spec->cpu;
        }
        if (cpus_[t.cpu]->running == nullptr && t.is != task::state::absent) {
            return t.cpu;
        }
        const auto idle = std::ranges::find_if(
            cpus_, [](const auto& c) { return c->running == nullptr && c->queue.empty(); });
        if (idle != cpus_.end()) {
            return (*idle)->id;
        }
        if (t.is != task::state::absent) {
            return t.cpu;
        }
        return placement_.least_loaded();
    }

    /// An idle CPU takes who has waited longest elsewhere. Whether there was one.
    bool pull(cpu& to) {
        if (cpus_.size() == 1) {
            return false;
        }
        task* longest = nullptr;
        for (const auto& t : tasks_) {
            const bool waits = t->may_move() && t->is == task::state::ready && t->cpu != to.id &&
                               (!t->spec->group || !to.groups[*t->spec->group]->throttled()) &&
                               cpus_[t->cpu]->running != nullptr;
            if (waits && (longest == nullptr || t->ready_since < longest->ready_since)) {
                longest = t.get();
            }
        }
        if (longest != nullptr) {
            move(*longest, to);
        }
        return longest != nullptr;
    }

    void move(task& t, cpu& to) {
        cpu& from = *cpus_[t.cpu];
        catch_up(from);
        from.queue.leave(t);
        t.cpu = to.id;
        deal(to, t);
        to.queue.join(t, group_on(to, t));
        ++done_.tasks[t.id].migrated;
        if (t.spec->group) {
            reweigh(*t.spec->group);
        }
        note_throttling(to);
    }

    void balance() {
        const placement::move wanted = placement_.balancing();
        if (wanted.task == nullptr) {
            return;
        }
        cpu& from = *cpus_[wanted.task->cpu];
        cpu& to = *cpus_[wanted.to];
        catch_up(from);
        catch_up(to);
        if (from.running == wanted.task) {
            stop_running(from);
        }
        move(*wanted.task, to);
        for (cpu* const c : {&from, &to}) {
            if (c->running == nullptr || c->queue.should_switch()) {
                dispatch(*c);
            }
        }
    }

    const workload& work_;
    const bool has_quota_;
    std::vector<std::unique_ptr<cpu>> cpus_;
    placement::task_list tasks_;
    const placement placement_{work_, tasks_};
    std::vector<std::uint64_t> forks_left_;   // by line of the workload
    std::vector<nanoseconds> quotas_left_;    // of groups, not yet dealt out
    std::vector<std::uint64_t> group_sizes_;  // weights of those that are ready or running
    event_queue events_;
    recording done_;
    nanoseconds now_ = 0;
};

}  // namespace weft::sim
