#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "aio/suspend.h"
#include "doors/tinytown/forms_of.h"
#include "doors/tinytown/telling.h"
#include "doors/tinytown/writes.h"
#include "model/fact.h"
#include "store/store.h"

namespace reeve::doors::tinytown {

using aio::Async;

/// How many items of ours stand in an agent's lists.
struct Listed {
  std::size_t inbox = 0;
  std::size_t urgent = 0;
  friend bool operator==(const Listed&, const Listed&) = default;
};

/// What is to be written as it is by now.
struct Changed {
  std::set<AgentId> agents;
  std::set<AgentId> mail;  ///< their lists
  std::set<TaskId> tasks;
  bool backlog = false;

  [[nodiscard]] bool any() const {
    return !agents.empty() || !mail.empty() || !tasks.empty() || backlog;
  }
  void add(const Changed& other);
};

/// Makes writes of what happened: hashes and lists as they are in the store by now, which may be
/// later than what happened, each once for all that happened to it; streams, activity and stop
/// flags as the facts tell.
///
/// Remembers what the lists hold as far as it has written them, so that a list that has not changed
/// is not written again. Whoever could not write what was composed calls forget().
///
/// Domain thread only. Errors: what the store fails with, or `Send`.
class Composer {
 public:
  using Guard = Writes::Guard;
  /// Writes are sent and cleared when they have become large: hashes and lists, which may be
  /// written again.
  using Send = std::function<Async<Status>(Writes& writes)>;

  Composer(Env& env, store::Store& store, LogId owner);

  /// The same of what happened: up to `told` it is written with this and what was sent before;
  /// none: nothing more of it.
  using SendTold = std::function<Async<Status>(Writes& writes, std::optional<Position> told)>;
  /// All that these events changed, then what they tell. The rest of it is in `writes` at the end.
  /// Lets others have their turn while there is much.
  Async<Status> events(const std::vector<EventPtr>& events, Guard guard, Writes& writes,
                       SendTold send);
  /// What is there by now. `always`: lists whether they have changed or not.
  Async<Status> state(Changed changed, Guard guard, bool always, Writes& writes, Send send);
  void put(const Agent& agent, Guard guard, Writes& writes) const;
  void put(const Task& task, Guard guard, Writes& writes) const;

  void forget();
  /// none: not known.
  [[nodiscard]] std::optional<Listed> listed(const AgentId& id) const {
    const auto known = lists_.find(id);
    if (known == lists_.end()) return std::nullopt;
    return Listed{known->second.inbox.size(), known->second.urgent.size()};
  }

 private:
  struct Item {
    bool urgent = false;
    std::string text;  ///< blank: it is not shown
  };
  struct Lists {
    std::vector<MessageId> inbox;
    std::vector<MessageId> urgent;
  };
  struct Found;
  struct Happened;
  class Rounds;

  Async<Status> find(const Changed& changed, Found& found);
  Async<Status> write(const Changed& changed, const Found& found, Guard guard, bool always,
                      Writes& writes, const Send& send);
  Async<Status> mail(AgentId id, const std::vector<MessageId>& waiting, bool always,
                     Writes& writes);
  void put_list(std::string key, const std::vector<MessageId>* known,
                const std::vector<MessageId>& now, std::vector<std::string> items,
                Writes& writes) const;
  void put_backlog(std::vector<std::string> ids, bool always, Writes& writes);
  void note(const Fact& fact, Changed& changed);
  Async<Status> find_items(const std::vector<MessageId>& waiting, std::size_t from);
  Async<> look_at(const std::vector<EventPtr>& events, Changed& changed, Happened& happened);
  Async<> tell(const std::vector<EventPtr>& events, Happened& happened, const Found& found,
               Telling& telling);
  void sweep_items();
  std::optional<std::string> broadcast_of(const Fact& fact);

  Env& env_;
  store::Store& store_;
  LogId owner_;
  std::map<AgentId, Lists> lists_;
  std::optional<std::vector<std::string>> backlog_;
  std::map<MessageId, Item> items_;  // of lists_, and of messages that were just sent
  std::size_t items_limit_ = 0;      // at which sweep_items() looks through them
  // Of the last message that was sent, and how many in a row had it.
  std::optional<std::string> broadcast_;
  int broadcast_count_ = 0;
};

}  // namespace reeve::doors::tinytown
