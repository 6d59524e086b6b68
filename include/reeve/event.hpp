#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "reeve/result.hpp"

namespace reeve {
REEVE_INLINE namespace v1 {
  /// Something that happened, as `on` and Run::next_event() tell it.
  struct Event {
    enum class Sort {
      durable,  ///< committed before it is told; never lost, never twice to one reader
      delta,    ///< token by token, seen live only; superseded by a durable event
      gap,      ///< deltas that this reader did not get; its kind is "Gap"
    };

    Sort sort = Sort::durable;
    std::string kind;                 ///< "RunStarted", "TextDelta", ...: docs/formats/events.md
    std::string payload;              ///< JSON: an object
    std::string run;                  ///< id; empty: it is about no run
    std::string session;              ///< id; empty: it is about no session
    std::vector<std::string> scopes;  ///< "run:ID", "thread:ID" (a session), "agent:ID", ...

    // Of durable events.
    std::uint64_t position = 0;  ///< in the town's log, dense from 1
    std::string cursor;          ///< to go on behind it: From::after(cursor)
    std::string id;              ///< UUIDv7
    std::string fidelity;        ///< observed, committed, domain, control
    std::string visibility;      ///< public, internal, audit, sensitive
    std::string origin;          ///< who produced it
    std::string correlation;     ///< empty: none
    std::string causation;       ///< id of what led to it; empty: not known
    std::uint32_t schema = 1;
    std::chrono::system_clock::time_point time;  ///< to the millisecond; of deltas too

    // Of deltas and gaps: numbered within the run and its epoch.
    std::uint64_t epoch = 0;
    std::uint64_t number = 0;   ///< of a gap: the first
    std::uint64_t last = 0;     ///< of a gap: the last
    std::uint64_t dropped = 0;  ///< of a gap: how many

    /// A run's end: RunCompleted, RunFailed or RunCancelled. Each run has exactly one.
    [[nodiscard]] bool is_run_end() const {
      return sort == Sort::durable &&
             (kind == "RunCompleted" || kind == "RunFailed" || kind == "RunCancelled");
    }
  };

  /// Which events are wanted. What is empty wants all; what is set must all hold.
  struct EventFilter {
    std::vector<std::string> kinds;   ///< any of them
    std::vector<std::string> scopes;  ///< any of them: "agent:ID", ...
    std::string run;                  ///< id
    std::string session;              ///< id
    /// Asked last; not asked about gaps. Called on a thread of the library's, or in Town::events()
    /// on the caller's.
    std::function<bool(const Event&)> predicate;

    [[nodiscard]] REEVE_API bool matches(const Event& event) const;
  };

  /// Where following begins.
  struct From {
    enum class Where { now, beginning, after };
    Where where = Where::now;
    std::string cursor;  ///< with `after`: Event::cursor, Listener::cursor(), Town::cursor()

    static From now() { return {}; }
    static From beginning() { return {Where::beginning, {}}; }
    static From after(std::string cursor) { return {Where::after, std::move(cursor)}; }
  };

  /// A piece of the log.
  struct EventPage {
    std::vector<Event> events;
    /// Where to go on: everything up to there has been looked at, also where nothing was found.
    std::string cursor;
    bool at_end = false;  ///< nothing more is there now
  };

}  // namespace v1
}  // namespace reeve
