#include "town/directory.h"

#include <algorithm>

#include "base/limits.h"
#include "base/near_names.h"

namespace reeve::town {
namespace {

constexpr std::size_t kShortest = 4;

bool may_be_short_id(std::string_view text) {
  const auto digit = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == '-';
  };
  return text.size() >= kShortest && text.size() < 36 && std::ranges::all_of(text, digit);
}

/// Longer than any name, id or label: nobody is meant, and no sentence repeats it.
bool is_too_long(std::string_view reference) { return reference.size() > 4 * limits::kName; }

std::unexpected<Error> ambiguous(const std::string& digits, const char* what,
                                 const std::string& ids) {
  return fail(Errc::conflict, "\"" + digits + "\" may be any of these " + what + "s: " + ids +
                                  " (use more digits)");
}

/// The one value whose id begins with `digits`.
template <class D>
Result<D> one_of(std::vector<D> found, const std::string& digits, const char* what) {
  if (found.size() == 1) return std::move(found.front());
  std::string ids;
  for (const auto& value : found) ids += (ids.empty() ? "" : ", ") + value.id.str();
  return ambiguous(digits, what, ids);
}

}  // namespace

store::DocKey name_key(std::string_view name) { return {run::kNameKind, to_lower(name)}; }

std::vector<store::DocKey> names_like(const AgentId& id) {
  constexpr std::size_t kLongest = 8;  // what people use of an id
  std::vector<store::DocKey> names;
  for (auto digits = kShortest; digits <= kLongest; ++digits)
    names.push_back(name_key(id.str().substr(0, digits)));
  return names;
}

bool is_supervisor(std::string_view reference) {
  const auto lower = to_lower(reference);
  return lower == kSupervisor || lower == "conductor" || lower == supervisor_id().str();
}

std::string display_label(const Agent& agent) {
  return agent.nickname.value_or(agent.name) + " [" + agent.role.value_or(agent.name) + "]";
}

std::vector<std::string> marks_of_every_agent() {
  return {std::string(run::kOpen), run::state_mark("cold"), run::state_mark("error"),
          run::state_mark("stopped")};
}

Async<Result<std::vector<store::Doc>>> agents_behind(store::Store& store,
                                                     std::vector<std::string> marks,
                                                     std::uint64_t after, std::size_t limit) {
  std::vector<store::Doc> found;
  for (auto& mark : marks) {
    store::DocQuery query;
    query.kind = run::DocOf<Agent>::kKind;
    query.mark = std::move(mark);
    query.after_rank = after;
    query.limit = limit;
    auto docs = co_await store.list(std::move(query));
    if (!docs) co_return fail(docs.error());
    std::ranges::move(*docs, std::back_inserter(found));
  }
  std::ranges::sort(found, {}, &store::Doc::rank);
  const auto twice = std::ranges::unique(found, {}, &store::Doc::rank);
  found.erase(twice.begin(), twice.end());
  if (found.size() > limit) found.resize(limit);
  co_return found;
}

Async<Result<run::Found<Agent>>> look_through_agents(store::Store& store) {
  run::Found<Agent> agents;
  for (std::uint64_t after = 0;;) {
    auto docs = co_await agents_behind(store, marks_of_every_agent(), after, limits::kPage);
    if (!docs) co_return fail(docs.error());
    for (const auto& doc : *docs) {
      agents.take(doc);
      after = doc.rank;
    }
    if (docs->size() < limits::kPage) co_return agents;
  }
}

Async<Result<std::vector<Agent>>> all_agents(store::Store& store) {
  auto agents = co_await look_through_agents(store);
  if (!agents) co_return fail(agents.error());
  co_return std::move(agents->readable);
}

Async<Status> check_name_free(store::Store& store, std::string name) {
  auto key = name_key(name);
  auto named = co_await store.get(std::move(key));
  if (!named) co_return fail(named.error());
  if (*named) {
    const auto id = parse_json_as<AgentId>((*named)->body);
    auto agent = id ? co_await run::load<Agent>(store, *id) : Result<Agent>(fail(id.error()));
    const bool is_nickname = agent && to_lower(agent->name) != to_lower(name);
    co_return fail(Errc::conflict,
                   is_nickname ? "the agent " + agent->name + " goes by " + name + " already"
                               : "there is an agent " + name + " already");
  }
  const auto digits = to_lower(name);
  if (!may_be_short_id(digits)) co_return Status();
  auto agents = co_await all_agents(store);
  if (!agents) co_return fail(agents.error());
  for (const auto& agent : *agents) {
    if (agent.id.str().starts_with(digits)) {
      co_return fail(Errc::conflict, "the id of " + agent.name + " begins with " + digits +
                                         ", so " + name + " would mean two: choose another name");
    }
  }
  co_return Status();
}

namespace {

/// Nothing: nobody goes by it.
Async<Result<std::optional<Agent>>> find_named(store::Store& store, std::string name) {
  auto key = name_key(name);
  auto named = co_await store.get(std::move(key));
  if (!named) co_return fail(named.error());
  if (!*named) co_return std::optional<Agent>();
  const auto id = parse_json_as<AgentId>((*named)->body);
  if (!id) co_return fail(Errc::corrupt, "the name " + name + " has no agent");
  auto agent = co_await run::load<Agent>(store, *id);
  if (!agent) co_return fail(agent.error());
  co_return std::optional(std::move(*agent));
}

}  // namespace

Async<Result<Agent>> find_agent(store::Store& store, std::string reference) {
  if (is_too_long(reference)) co_return fail(Errc::not_found, "no agent has a name that long");
  if (const auto id = AgentId::parse(reference)) co_return co_await run::load<Agent>(store, *id);
  auto named = co_await find_named(store, reference);
  if (!named) co_return fail(named.error());
  if (*named) co_return std::move(**named);
  if (const auto bracket = reference.find(" ["); bracket != std::string::npos) {
    auto labelled = co_await find_named(store, reference.substr(0, bracket));
    if (!labelled) co_return fail(labelled.error());
    if (*labelled && to_lower(display_label(**labelled)) == to_lower(reference))
      co_return std::move(**labelled);
  }
  auto agents = co_await all_agents(store);
  if (!agents) co_return fail(agents.error());
  if (may_be_short_id(reference)) {
    std::vector<Agent> found;
    std::ranges::copy_if(*agents, std::back_inserter(found),
                         [&](const Agent& agent) { return agent.id.str().starts_with(reference); });
    if (found.size() == 1) co_return std::move(found.front());
    std::string candidates;
    for (const auto& agent : found)
      candidates += (candidates.empty() ? "" : ", ") + agent.name + " (" + agent.id.str() + ")";
    if (!found.empty()) {
      co_return fail(Errc::conflict, "\"" + reference + "\" may be any of these agents: " +
                                         candidates + " (use a name, or more digits)");
    }
  }
  std::vector<std::string> names;
  for (const auto& agent : *agents) {
    names.push_back(agent.name);
    if (agent.nickname) names.push_back(*agent.nickname);
  }
  std::string hint;
  for (const auto& name : near_names(reference, names)) hint += (hint.empty() ? "" : " or ") + name;
  co_return fail(Errc::not_found, "no agent " + reference +
                                      (hint.empty() ? " (reeve list shows who is there)"
                                                    : ": did you mean " + hint + "?"));
}

Async<Result<reeve::Task>> find_task(store::Store& store, std::string reference) {
  if (is_too_long(reference)) co_return fail(Errc::not_found, "no task has an id that long");
  if (const auto id = TaskId::parse(reference))
    co_return co_await run::load<reeve::Task>(store, *id);
  if (may_be_short_id(reference)) {
    store::DocQuery query;
    query.kind = run::DocOf<reeve::Task>::kKind;
    query.descending = true;
    query.limit = limits::kPage;
    auto docs = co_await store.list(std::move(query));
    if (!docs) co_return fail(docs.error());
    // Read only then: one that is damaged is in nobody's way but of those who mean it.
    std::erase_if(*docs, [&](const store::Doc& doc) { return !doc.key.id.starts_with(reference); });
    if (docs->size() == 1) co_return run::decode<reeve::Task>(docs->front());
    std::string ids;
    for (const auto& doc : *docs) ids += (ids.empty() ? "" : ", ") + doc.key.id;
    if (!ids.empty()) co_return ambiguous(reference, "task", ids);
  }
  co_return fail(Errc::not_found, "no task " + reference + " (reeve task list shows them)");
}

namespace {

/// The ids of messages that begin with `digits`.
Async<Result<std::vector<MessageId>>> messages_like(store::Store& store, std::string digits,
                                                    std::optional<AgentId> mailbox) {
  std::vector<MessageId> found;
  const auto note = [&](const std::string& text) {
    if (!text.starts_with(digits)) return;
    const auto id = MessageId::parse(text);
    if (id && std::ranges::find(found, *id) == found.end()) found.push_back(*id);
  };
  if (mailbox) {
    for (const auto& queue : {inbox_queue(*mailbox), dead_queue(*mailbox)}) {
      for (store::QueuePlace after;;) {
        auto page = co_await store.items(queue, limits::kPage, after);
        if (!page) co_return fail(page.error());
        for (const auto& item : *page) note(item.item);
        if (page->size() < limits::kPage) break;
        after = page->back().place();
      }
    }
  }
  store::DocQuery query;
  query.kind = run::DocOf<Message>::kKind;
  if (mailbox) query.mark = run::agent_mark(*mailbox);
  query.descending = true;
  query.limit = limits::kPage;
  auto docs = co_await store.list(std::move(query));
  if (!docs) co_return fail(docs.error());
  for (const auto& doc : *docs) note(doc.key.id);
  co_return found;
}

}  // namespace

Async<Result<Message>> find_message(store::Store& store, std::string reference,
                                    std::optional<AgentId> mailbox) {
  if (is_too_long(reference)) co_return fail(Errc::not_found, "no message has an id that long");
  std::vector<MessageId> ids;
  if (const auto id = MessageId::parse(reference)) {
    ids.push_back(*id);
  } else if (may_be_short_id(reference)) {
    auto like = co_await messages_like(store, reference, mailbox);
    if (!like) co_return fail(like.error());
    ids = std::move(*like);
  }
  std::vector<Message> found;
  for (const auto& id : ids) {
    auto message = co_await run::load<Message>(store, id);
    if (!message && message.error().is(Errc::not_found)) continue;
    if (!message) co_return fail(message.error());
    if (!mailbox || message->to == *mailbox) found.push_back(std::move(*message));
  }
  if (!found.empty()) co_return one_of(std::move(found), reference, "message");
  std::string whose;
  if (mailbox) whose = co_await display_name(store, mailbox->str());
  co_return fail(Errc::not_found,
                 "no message " + reference +
                     (whose.empty() ? "" : " to " + whose + " (reeve inbox shows what waits)"));
}

Async<Result<Webhook>> find_webhook(store::Store& store, std::string reference) {
  auto webhooks = co_await run::load_all<Webhook>(store, std::string(run::kOpen));
  if (!webhooks) co_return fail(webhooks.error());
  const auto id = WebhookId::parse(reference);
  std::erase_if(*webhooks, [&](const Webhook& webhook) {
    if (id) return webhook.id != *id;
    return !may_be_short_id(reference) || !webhook.id.str().starts_with(reference);
  });
  if (webhooks->empty()) {
    co_return fail(Errc::not_found, "no webhook " + reference.substr(0, limits::kName) +
                                        " (reeve webhook list shows them)");
  }
  co_return one_of(std::move(*webhooks), reference, "webhook");
}

Async<Result<Scope>> find_scope(store::Store& store, std::string text) {
  if (text.starts_with("agent:")) {
    auto agent = co_await find_agent(store, text.substr(6));
    if (!agent) co_return fail(agent.error());
    co_return Scope::of(agent->id);
  }
  if (text.starts_with("task:")) {
    auto task = co_await find_task(store, text.substr(5));
    if (!task) co_return fail(task.error());
    co_return Scope::of(task->id);
  }
  co_return Scope::parse(text);
}

Async<std::string> display_name(store::Store& store, std::string from) {
  const auto id = AgentId::parse(from);
  if (!id) co_return from;
  if (*id == supervisor_id()) co_return std::string(kSupervisor);
  auto agent = co_await run::load<Agent>(store, *id);
  co_return agent ? agent->name : from;
}

}  // namespace reeve::town
