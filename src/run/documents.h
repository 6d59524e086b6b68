#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/limits.h"
#include "model/fold.h"
#include "store/store.h"

/// The town's documents in a Store: which kind each is, and the marks that it is listed by.
namespace reeve::run {

using aio::Async;

template <class D>
struct DocOf;

#define REEVE_DOC(type, id_type)                         \
  template <>                                            \
  struct DocOf<type> {                                   \
    using Key = id_type;                                 \
    static constexpr const char* kKind = kDocKind<type>; \
    static std::vector<std::string> marks(const type&);  \
  }
REEVE_DOC(reeve::Agent, AgentId);
REEVE_DOC(reeve::Task, TaskId);
REEVE_DOC(reeve::Message, MessageId);
REEVE_DOC(reeve::Run, RunId);
REEVE_DOC(reeve::Thread, ThreadId);
REEVE_DOC(reeve::ThreadMessage, ThreadMessageId);
REEVE_DOC(reeve::Webhook, WebhookId);
#undef REEVE_DOC

/// A document's words to be listed by.
inline constexpr std::string_view kOpen =
    "open";  ///< agents, tasks, messages, runs and webhooks that are not over
std::string agent_mark(const AgentId& agent);
std::string thread_mark(const ThreadId& thread);
std::string run_mark(const RunId& run);
/// Whether it is a reason for a round by itself: by its type, or since it answers what its agent
/// asked.
bool is_reason(const Message& message);
/// Of messages that wait for the agent and are a reason for a round.
std::string work_mark(const AgentId& agent);
/// Of messages that belong together: a question and its answers.
std::string correlation_mark(std::string_view correlation);
std::string state_mark(std::string_view state);
/// Of messages that wait for the agent, of the urgent ones among them, and of its dead letters.
/// Those that an earlier version wrote have none of these until they change.
std::string waiting_mark(const AgentId& agent);
std::string urgent_mark(const AgentId& agent);
std::string dead_mark(const AgentId& agent);
/// Of agents that a person should look at, or that wait for a time.
inline constexpr std::string_view kNeeds = "needs";
/// The only mark of an agent that is out of the town.
inline constexpr std::string_view kPruned = "pruned";
/// Of an agent's open tasks.
std::string open_mark(const AgentId& agent);
/// Of tasks with that tag, in whatever case.
std::string tag_mark(std::string_view tag);
/// Of open tasks that begin after that one.
std::string after_mark(const TaskId& task);
/// Of messages by which an agent takes up that task, until they are handled: also dead letters.
std::string task_mark(const TaskId& task);
/// Of agents that claim from the backlog by themselves, unless they are ended.
inline constexpr std::string_view kClaims = "claims";

template <class D>
store::DocKey key_of(const typename DocOf<D>::Key& id) {
  return {DocOf<D>::kKind, id.str()};
}

/// Kinds that begin with an underscore are bookkeeping: in a commit, but not folded from events.
inline constexpr const char* kRoundKind = "_round";
/// The last message that was to interrupt the agent (town/mailbox.h): its body is the id.
inline constexpr const char* kInterruptKind = "_interrupt";
/// The variables that an agent's CLI is given, {NAME: value}: kept out of documents and events,
/// since keys are among them.
inline constexpr const char* kEnvKind = "_agent_env";
/// A name of an agent that is taken: its body is the agent's id.
inline constexpr const char* kNameKind = "_agent_name";

template <class D>
Result<D> decode(const store::Doc& doc) {
  auto value = parse_json_as<D>(doc.body);
  if (!value)
    return fail(
        Error(Errc::corrupt, value.error().message()).during(doc.key.kind + " " + doc.key.id));
  return value;
}

/// not_found: there is none.
template <class D>
Async<Result<D>> load(store::Store& store, typename DocOf<D>::Key id) {
  auto key = key_of<D>(id);
  auto doc = co_await store.get(key);
  if (!doc) co_return fail(doc.error());
  if (!*doc) co_return fail(Errc::not_found, "no " + key.kind + " " + key.id);
  co_return decode<D>(**doc);
}

/// Whether a document that was to be loaded is missing or damaged: no time heals that.
inline bool is_unreadable(const Error& error) {
  return error.is(Errc::not_found) || error.is(Errc::corrupt);
}

/// A page of a list, decoded.
template <class D>
Async<Result<std::vector<D>>> load_list(store::Store& store, store::DocQuery query) {
  query.kind = DocOf<D>::kKind;
  auto docs = co_await store.list(std::move(query));
  if (!docs) co_return fail(docs.error());
  std::vector<D> out;
  out.reserve(docs->size());
  for (const auto& doc : *docs) {
    auto value = decode<D>(doc);
    if (!value) co_return fail(value.error());
    out.push_back(std::move(*value));
  }
  co_return out;
}

/// A document that cannot be read. It is left as it is: whoever mends it finds it there.
struct Damaged {
  store::DocKey key;
  std::string why;
};

/// What a look through documents found.
template <class D>
struct Found {
  std::vector<D> readable;
  std::vector<Damaged> damaged;

  /// Sorts in what the store gave; false: it cannot be read.
  bool take(const store::Doc& doc) {
    auto value = decode<D>(doc);
    if (value) {
      readable.push_back(std::move(*value));
    } else {
      damaged.push_back({doc.key, value.error().message()});
    }
    return value.has_value();
  }
};

/// All documents of a kind that carry the mark (empty: all there are), page by page.
template <class D>
Async<Result<Found<D>>> look_through(store::Store& store, std::string mark) {
  store::DocQuery query;
  query.kind = DocOf<D>::kKind;
  query.mark = std::move(mark);
  query.limit = limits::kPage;
  Found<D> found;
  for (;;) {
    auto docs = co_await store.list(query);
    if (!docs) co_return fail(docs.error());
    for (const auto& doc : *docs) {
      found.take(doc);
      query.after_rank = doc.rank;
    }
    if (docs->size() < query.limit) co_return found;
  }
}

/// The same, without those that are damaged: they hold nothing else up. Who has to tell of them
/// looks through.
template <class D>
Async<Result<std::vector<D>>> load_all(store::Store& store, std::string mark) {
  auto found = co_await look_through<D>(store, std::move(mark));
  if (!found) co_return fail(found.error());
  co_return std::move(found->readable);
}

}  // namespace reeve::run
