#include "run/draft.h"

namespace reeve::run {

Draft::Draft(Env& env, store::Store& store, Caller caller)
    : env_(env), store_(store), caller_(std::move(caller)) {
  commit_.key = caller_.key;
  if (caller_.round)
    commit_.require.emplace_back(store::RunAt{caller_.round->run, caller_.round->epoch});
}

template <>
Draft::Holding<reeve::Agent>& Draft::holding<reeve::Agent>() {
  return agents_;
}
template <>
Draft::Holding<reeve::Task>& Draft::holding<reeve::Task>() {
  return tasks_;
}
template <>
Draft::Holding<reeve::Message>& Draft::holding<reeve::Message>() {
  return messages_;
}
template <>
Draft::Holding<reeve::Run>& Draft::holding<reeve::Run>() {
  return runs_;
}
template <>
Draft::Holding<reeve::Thread>& Draft::holding<reeve::Thread>() {
  return threads_;
}

template <class D>
Async<Result<Draft::Held<D>*>> Draft::hold(typename DocOf<D>::Key id) {
  auto& all = holding<D>();
  if (auto found = all.find(id); found != all.end()) co_return &found->second;
  auto key = key_of<D>(id);
  auto doc = co_await store_.get(std::move(key));
  if (!doc) co_return fail(doc.error());
  Held<D> held;
  if (*doc) {
    auto value = decode<D>(**doc);
    if (!value) co_return fail(value.error());
    held.version = (*doc)->version;
    held.before = std::move((*doc)->body);
    held.now = std::move(*value);
  }
  co_return &all.emplace(id, std::move(held)).first->second;
}

template <>
Draft::Holding<reeve::ThreadMessage>& Draft::holding<reeve::ThreadMessage>() {
  return thread_messages_;
}

template <>
Draft::Holding<reeve::Webhook>& Draft::holding<reeve::Webhook>() {
  return webhooks_;
}

template <class D>
void Draft::adopt(std::uint64_t version, std::optional<D> document, typename DocOf<D>::Key id) {
  holding<D>()[id] = Held<D>{version, {}, std::move(document), true};
}
template void Draft::adopt<reeve::Run>(std::uint64_t, std::optional<reeve::Run>, RunId);
template void Draft::adopt<reeve::Thread>(std::uint64_t, std::optional<reeve::Thread>, ThreadId);

template <class D>
const std::optional<D>* Draft::held(const typename DocOf<D>::Key& id) {
  const auto found = holding<D>().find(id);
  return found == holding<D>().end() ? nullptr : &found->second.now;
}
template const std::optional<reeve::Run>* Draft::held<reeve::Run>(const RunId&);
template const std::optional<reeve::Thread>* Draft::held<reeve::Thread>(const ThreadId&);

template Async<Result<Draft::Held<reeve::Agent>*>> Draft::hold<reeve::Agent>(AgentId);
template Async<Result<Draft::Held<reeve::Task>*>> Draft::hold<reeve::Task>(TaskId);
template Async<Result<Draft::Held<reeve::Message>*>> Draft::hold<reeve::Message>(MessageId);
template Async<Result<Draft::Held<reeve::Run>*>> Draft::hold<reeve::Run>(RunId);
template Async<Result<Draft::Held<reeve::Thread>*>> Draft::hold<reeve::Thread>(ThreadId);
template Async<Result<Draft::Held<reeve::Webhook>*>> Draft::hold<reeve::Webhook>(WebhookId);

template <class D>
std::vector<typename DocOf<D>::Key> Draft::fold_held(std::vector<typename DocOf<D>::Key> ids,
                                                     const Fact& fact, Time at) {
  std::erase_if(ids, [&](const auto& id) {
    const auto held = holding<D>().find(id);
    if (held == holding<D>().end()) return false;
    apply(held->second.now, fact, at);
    return true;
  });
  return ids;
}

template <class D>
Async<Status> Draft::fold(std::vector<typename DocOf<D>::Key> ids, const Fact& fact, Time at) {
  for (const auto& id : ids) {
    auto held = co_await hold<D>(id);
    if (!held) co_return fail(held.error());
    apply((*held)->now, fact, at);
  }
  co_return Status();
}

Async<Status> Draft::add(Fact fact) {
  auto event = to_event(env_, fact, caller_.origin);
  if (caller_.round) event.causation = caller_.round->run.str();
  const auto at = event.time;
  commit_.events.push_back(std::move(event));
  co_return co_await fold_only(fact, at);
}

Async<Status> Draft::fold_only(const Fact& fact, Time at) {
  auto about = concerned(fact);
  // The town's own mailbox has no agent behind it.
  std::erase(about.agents, supervisor_id());
  // Most documents are held by now; a coroutine for each that is would show.
  auto agents = fold_held<reeve::Agent>(std::move(about.agents), fact, at);
  auto tasks = fold_held<reeve::Task>(std::move(about.tasks), fact, at);
  auto messages = fold_held<reeve::Message>(std::move(about.messages), fact, at);
  auto runs = fold_held<reeve::Run>(std::move(about.runs), fact, at);
  auto threads = fold_held<reeve::Thread>(std::move(about.threads), fact, at);
  auto webhooks = fold_held<reeve::Webhook>(std::move(about.webhooks), fact, at);
  Status done;
  if (done && !agents.empty()) done = co_await fold<reeve::Agent>(std::move(agents), fact, at);
  if (done && !tasks.empty()) done = co_await fold<reeve::Task>(std::move(tasks), fact, at);
  if (done && !messages.empty())
    done = co_await fold<reeve::Message>(std::move(messages), fact, at);
  if (done && !runs.empty()) done = co_await fold<reeve::Run>(std::move(runs), fact, at);
  if (done && !threads.empty()) done = co_await fold<reeve::Thread>(std::move(threads), fact, at);
  if (done && !webhooks.empty())
    done = co_await fold<reeve::Webhook>(std::move(webhooks), fact, at);
  if (!done) co_return done;
  // Written once: nobody has them yet, and who says otherwise is told so at commit().
  for (const auto& id : about.thread_messages) {
    std::optional<reeve::ThreadMessage> message;
    apply(message, id, fact, at);
    thread_messages_[id] = {0, {}, std::move(message), true};
  }
  co_return Status();
}

void Draft::add_staged(const log::Staged& staged) {
  commit_.events.insert(commit_.events.end(), staged.events.begin(), staged.events.end());
  commit_.writes.insert(commit_.writes.end(), staged.blobs.begin(), staged.blobs.end());
}

template <class D>
void Draft::put_all() {
  for (const auto& [id, held] : holding<D>()) {
    auto key = key_of<D>(id);
    if (held.version == 0) {
      if (held.now) commit_.require.emplace_back(store::DocAbsent{key});
    } else {
      commit_.require.emplace_back(store::DocAt{key, held.version});
    }
    if (!held.now) continue;
    auto body = write_json_of(*held.now);
    if (!held.adopted && body == held.before) continue;
    commit_.writes.emplace_back(
        store::PutDoc{std::move(key), std::move(body), DocOf<D>::marks(*held.now)});
  }
}

Async<Result<store::Committed>> Draft::commit() {
  put_all<reeve::Agent>();
  put_all<reeve::Task>();
  put_all<reeve::Message>();
  put_all<reeve::Run>();
  put_all<reeve::Thread>();
  put_all<reeve::ThreadMessage>();
  put_all<reeve::Webhook>();
  co_return co_await store_.commit(std::move(commit_));
}

}  // namespace reeve::run
