#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "aio/suspend.h"
#include "doors/tinytown/forms_of.h"
#include "doors/tinytown/writes.h"
#include "store/store.h"

namespace reeve::doors::tinytown {

using aio::Async;

/// How many items of ours stand in an agent's lists.
struct Listed {
  std::size_t inbox = 0;
  std::size_t urgent = 0;
  friend bool operator==(const Listed&, const Listed&) = default;
};

/// Makes writes of what happened: hashes and lists as they are in the store by now, which may be
/// later than what happened; streams, activity and stop flags as the facts tell.
///
/// Remembers what the lists hold as far as it has written them, so that a list that has not changed
/// is not written again. Whoever could not write what was composed calls forget().
///
/// Domain thread only. Errors: what the store fails with.
class Composer {
 public:
  using Guard = Writes::Guard;

  Composer(Env& env, store::Store& store, LogId owner);

  /// All that these events changed and tell.
  Async<Status> events(const std::vector<EventPtr>& events, Guard guard, Writes& writes);

  // One by one, whether it has changed or not.
  Async<Status> agent(AgentId id, Guard guard, Writes& writes);
  Async<Status> task(TaskId id, Guard guard, Writes& writes);
  Async<Status> mail(AgentId id, bool always, Writes& writes);
  Async<Status> backlog(bool always, Writes& writes);
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
  void put_list(std::string key, const std::vector<MessageId>* known,
                const std::vector<MessageId>& now, std::vector<std::string> items,
                Writes& writes) const;
  struct Touched;
  void note(const Fact& fact, Touched& touched);
  Async<Result<Item>> item(MessageId id);
  void tell(const std::vector<EventPtr>& events, const Touched& touched, Writes& writes);
  void sweep_items();
  void tell_broadcast(const Fact& fact, Writes& writes);

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
