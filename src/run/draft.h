#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/env.h"
#include "log/durable_sink.h"
#include "model/fact.h"
#include "run/documents.h"
#include "store/store.h"

namespace reeve::run {

/// Who asks for a change, and what protects the request.
struct Caller {
  std::string origin = "town";  ///< of the events: "cli", "agent:NAME", "town", ...
  std::optional<store::IdempotencyKey> key;
  /// Set inside a round: the request is refused once that round is fenced (G8).
  struct Round {
    RunId run;
    std::uint64_t epoch = 0;
  };
  std::optional<Round> round;
  /// The agent that asks; nobody: a person or a program outside, for whom the supervisor's mailbox
  /// stands.
  std::optional<AgentId> agent;

  [[nodiscard]] std::string sender() const {
    return agent ? agent->str() : std::string(kSupervisor);
  }
};

/// One change in the making: facts are folded into the documents that they concern, and commit()
/// writes exactly the documents that apply() gave, with the events of the facts, on the condition
/// that nobody changed in between any document that was looked at.
class Draft {
 public:
  Draft(Env& env, store::Store& store, Caller caller);

  /// Holds a document and answers it as it stands in this draft. not_found: there is none.
  template <class D>
  Async<Result<D>> get(typename DocOf<D>::Key id) {
    auto held = co_await hold<D>(id);
    if (!held) co_return fail(held.error());
    if (!(*held)->now)
      co_return fail(Errc::not_found, std::string("no ") + DocOf<D>::kKind + " " + id.str());
    co_return *(*held)->now;
  }

  /// Holds a document as its caller knows it to be in the store, without reading it (version 0: it
  /// is not there yet). A wrong guess is a conflict at commit().
  template <class D>
  void adopt(std::uint64_t version, std::optional<D> document, typename DocOf<D>::Key id);
  /// Adds the fact's event and folds it into what it concerns; documents not held yet are loaded.
  Async<Status> add(Fact fact);
  /// Folds a fact whose event is not kept (Durability::disabled).
  Async<Status> fold_only(const Fact& fact, Time at);
  /// Adds an event that changes no document: a run's AgentEvent.
  void add_event(NewEvent event) { commit_.events.push_back(std::move(event)); }
  void add_staged(const log::Staged& staged);
  /// Preconditions and bookkeeping: queues, epochs, names.
  void require(store::Precondition precondition) {
    commit_.require.push_back(std::move(precondition));
  }
  void write(store::Write write) { commit_.writes.push_back(std::move(write)); }
  /// What a repetition of the request is answered.
  void answer(std::string text) { commit_.answer = std::move(text); }

  /// As it stands now, with the version that it has once this is committed; null: not held.
  template <class D>
  [[nodiscard]] const std::optional<D>* held(const typename DocOf<D>::Key& id);

  /// Once, last. conflict: somebody was faster, or a precondition of the caller's does not hold.
  Async<Result<store::Committed>> commit();

  [[nodiscard]] Env& env() { return env_; }

 private:
  template <class D>
  struct Held {
    std::uint64_t version = 0;  // 0: absent in the store
    std::string before;         // its body there
    std::optional<D> now;
    bool adopted = false;  // its body in the store was not looked at
  };
  template <class D>
  using Holding = std::map<typename DocOf<D>::Key, Held<D>>;

  template <class D>
  Async<Result<Held<D>*>> hold(typename DocOf<D>::Key id);
  /// Folds what is held already, and answers what has to be loaded first.
  template <class D>
  std::vector<typename DocOf<D>::Key> fold_held(std::vector<typename DocOf<D>::Key> ids,
                                                const Fact& fact, Time at);
  template <class D>
  Async<Status> fold(std::vector<typename DocOf<D>::Key> ids, const Fact& fact, Time at);
  template <class D>
  void put_all();
  template <class D>
  Holding<D>& holding();

  Env& env_;
  store::Store& store_;
  Caller caller_;
  store::Commit commit_;
  Holding<reeve::Agent> agents_;
  Holding<reeve::Task> tasks_;
  Holding<reeve::Message> messages_;
  Holding<reeve::Run> runs_;
  Holding<reeve::Thread> threads_;
  Holding<reeve::ThreadMessage> thread_messages_;
  Holding<reeve::Webhook> webhooks_;
};

/// How often a change that lost a race is drafted anew: each round somebody else got on, so this
/// ends.
inline constexpr int kAttempts = 64;

}  // namespace reeve::run
