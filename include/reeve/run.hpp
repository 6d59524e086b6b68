#pragma once

#include <chrono>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reeve/event.hpp"

namespace reeve {
REEVE_INLINE namespace v1 {
  /// A piece of what is said to a model: a text, or an image (by its address, or as base64 with its
  /// media type).
  struct Part {
    std::string text;
    std::string image_url;
    std::string image_data;
    std::string media_type;

    static Part of_text(std::string text) { return {std::move(text), {}, {}, {}}; }
  };

  /// One entry of a conversation.
  struct Message {
    std::string role;  ///< system, user, assistant, tool
    std::string text;  ///< its text parts
    std::string json;  ///< all of it: images, tool calls, reasoning
  };

  /// Token counts; absent means not reported, which is not zero.
  struct Usage {
    std::optional<std::int64_t> input_tokens;
    std::optional<std::int64_t> output_tokens;
    std::optional<std::int64_t> total_tokens;
    std::optional<std::int64_t> cache_read_tokens;
    std::optional<std::int64_t> cache_write_tokens;
    std::optional<std::int64_t> reasoning_tokens;
  };

  /// May the model call tools, must it, and which?
  struct ToolChoice {
    enum class Mode { automatic, none, required, named };
    Mode mode = Mode::automatic;
    std::string name;  ///< of the tool, if `named`
  };

  /// How the model draws its words. What is absent is the provider's default.
  struct Sampling {
    std::optional<double> temperature;
    std::optional<double> top_p;
    std::optional<std::int64_t> max_output_tokens;
    std::vector<std::string> stop;
    std::optional<std::int64_t> seed;
  };

  /// What of a run the log keeps. Its start and its end are kept always.
  enum class Durability {
    disabled,       ///< nothing more; the conversation is kept all the same
    compacted,      ///< messages and tool results
    full_fidelity,  ///< every delta too
  };

  /// What is asked of a model: one of `provider` and `agent` is set.
  struct EmitRequest {
    std::string provider;
    /// Of the town, by name or id: the input goes into its inbox, and the round that takes it is
    /// the run. Only of a town that is connected; elsewhere `unsupported`.
    std::string agent;
    std::string model;  ///< empty: the provider's default
    std::vector<Part> input;
    std::string system;
    std::string session;  ///< id; empty: a new one
    /// The same id with the same request has no second effect, and gives the first result; with
    /// another request it is a conflict. Empty: none.
    std::string client_request_id;
    std::string metadata = "null";  ///< JSON; stands in the run's events
    ToolChoice tool_choice;
    Sampling sampling;
    std::optional<std::vector<std::string>> tools;  ///< by name; absent: all of the town's
    std::optional<Durability> durability;           ///< absent: the town's default
    std::int64_t max_steps = 50;                    ///< model calls
    bool events = true;  ///< false: nobody will ask the Run for its events

    static EmitRequest ask(std::string provider, std::string text) {
      EmitRequest request;
      request.provider = std::move(provider);
      request.input.push_back(Part::of_text(std::move(text)));
      return request;
    }
  };

  enum class RunState { running, completed, failed, cancelled };

  /// What a finished run gives.
  struct RunResult {
    std::string run;
    std::string session;
    RunState state = RunState::completed;
    std::string reason;  ///< "stop", "length", ...; of a run that failed or was cancelled, its code
    std::string error;   ///< the same for a person
    std::string text;    ///< the final answer
    std::vector<Message> messages;  ///< what the run added to its session, the input first
    Usage usage;
    std::int64_t steps = 0;  ///< model calls
  };

  /// A run that was asked for. Copies share it; letting go of it ends nothing. Any thread.
  class REEVE_API Run {
   public:
    Run() = default;

    /// Empty: no run of the agent has taken the request yet.
    [[nodiscard]] std::string id() const;
    [[nodiscard]] std::string session() const;
    [[nodiscard]] bool is_finished() const;

    /// Waits for the end. A run that failed or was cancelled has a result all the same; cancelled:
    /// it was ended before it began.
    [[nodiscard]] Result<RunResult> wait() const;
    /// timeout: it goes on.
    [[nodiscard]] Result<RunResult> wait_for(std::chrono::milliseconds timeout) const;

    /// The next of its events, from RunStarted to its end, deltas among them. No value: that was
    /// all. What one copy is given, the others are not. Slow readers get a gap instead of deltas.
    [[nodiscard]] Result<std::optional<Event>> next_event();
    /// timeout: nothing came, but more may.
    [[nodiscard]] Result<std::optional<Event>> next_event(std::chrono::milliseconds timeout);

    /// Ends it; what the model had said by then stays in the conversation.
    void cancel(std::string reason = "cancelled");
    /// Ends it; what was not committed yet is forgotten.
    void abort(std::string reason = "aborted");

    class Iterator;
    /// `for (const auto& event : run.events())`: until its end. An error throws Failure.
    class Events {
     public:
      explicit Events(Run& run) : run_(&run) {}
      [[nodiscard]] Iterator begin() const;
      [[nodiscard]] std::default_sentinel_t end() const { return {}; }

     private:
      Run* run_;
    };
    [[nodiscard]] Events events() { return Events(*this); }

   private:
    friend class library::Engine;
    explicit Run(std::shared_ptr<library::Watched> watched) : watched_(std::move(watched)) {}

    std::shared_ptr<library::Watched> watched_;
  };

  class Run::Iterator {
   public:
    using value_type = Event;
    using difference_type = std::ptrdiff_t;

    explicit Iterator(Run& run) : run_(&run) { ++*this; }
    const Event& operator*() const { return *event_; }
    Iterator& operator++() {
      event_ = run_->next_event().value();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& at, std::default_sentinel_t) { return !at.event_; }

   private:
    Run* run_;
    std::optional<Event> event_;
  };

  inline Run::Iterator Run::Events::begin() const { return Iterator(*run_); }

}  // namespace v1
}  // namespace reeve
