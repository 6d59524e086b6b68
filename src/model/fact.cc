#include "model/fact.h"

#include <boost/mp11/algorithm.hpp>

#include <algorithm>
#include <concepts>
#include <unordered_map>

#include "base/json.h"
#include "base/overloaded.h"

namespace reeve {
namespace {

template <class>
inline constexpr std::string_view kKind = "";

}  // namespace

template <class F>
  requires boost::mp11::mp_contains<AnyFact, F>::value
Fact::Fact(F fact) : AnyFact(std::move(fact)) {}
Fact::Fact(const Fact& other) = default;
Fact::Fact(Fact&& other) noexcept = default;
Fact& Fact::operator=(const Fact& other) = default;
Fact& Fact::operator=(Fact&& other) noexcept = default;
Fact::~Fact() = default;

#define REEVE_NAME(type)                                       \
  template <>                                                  \
  inline constexpr std::string_view kKind<fact::type> = #type; \
  template Fact::Fact(fact::type)
REEVE_NAME(TownCreated);
REEVE_NAME(TownMoved);
REEVE_NAME(TownReset);
REEVE_NAME(DaemonStarted);
REEVE_NAME(DaemonStopped);
REEVE_NAME(LogTruncated);
REEVE_NAME(PayloadsPruned);
REEVE_NAME(MirrorRewritten);
REEVE_NAME(AgentSpawned);
REEVE_NAME(AgentStateChanged);
REEVE_NAME(AgentStopRequested);
REEVE_NAME(AgentStopped);
REEVE_NAME(AgentRestarted);
REEVE_NAME(AgentInterrupted);
REEVE_NAME(AgentResumed);
REEVE_NAME(AgentParked);
REEVE_NAME(AgentFailed);
REEVE_NAME(AgentCompleted);
REEVE_NAME(AgentPruned);
REEVE_NAME(AgentNeedsAttention);
REEVE_NAME(TaskCreated);
REEVE_NAME(TaskAssigned);
REEVE_NAME(TaskDelegated);
REEVE_NAME(TaskStarted);
REEVE_NAME(TaskProgressed);
REEVE_NAME(TaskCompleted);
REEVE_NAME(TaskFailed);
REEVE_NAME(TaskCancelled);
REEVE_NAME(TaskReturned);
REEVE_NAME(TaskLeftOpen);
REEVE_NAME(TaskRequeued);
REEVE_NAME(MessageSent);
REEVE_NAME(MessagesReturned);
REEVE_NAME(MessagesHandled);
REEVE_NAME(MessageWithdrawn);
REEVE_NAME(MessageMoved);
REEVE_NAME(MessageQuarantined);
REEVE_NAME(MessageDeadLettered);
REEVE_NAME(ConductorEscalation);
REEVE_NAME(OrphanMended);
REEVE_NAME(ThreadStarted);
REEVE_NAME(SessionStarted);
REEVE_NAME(MessagesAppended);
REEVE_NAME(RunStarted);
REEVE_NAME(RunStopRequested);
REEVE_NAME(RunSilent);
REEVE_NAME(RunCompleted);
REEVE_NAME(RunFailed);
REEVE_NAME(RunCancelled);
REEVE_NAME(WebhookAdded);
REEVE_NAME(WebhookEnabled);
REEVE_NAME(WebhookDisabled);
REEVE_NAME(WebhookRemoved);
REEVE_NAME(WebhookSkipped);
#undef REEVE_NAME

namespace {

template <class T>
void append(std::vector<T>& out, const std::optional<T>& id) {
  if (id) out.push_back(*id);
}

/// A message's sender, where it is an agent of the town.
std::optional<AgentId> sender(const Message& message) {
  const auto parsed = AgentId::parse(message.from);
  return parsed ? std::optional(*parsed) : std::nullopt;
}

}  // namespace

Concerned concerned(const Fact& fact) {
  Concerned out;
  const auto agent = [&](const std::optional<AgentId>& id) {
    if (id && std::ranges::find(out.agents, *id) == out.agents.end()) out.agents.push_back(*id);
  };
  // What begins a document, or names somebody by another word than the rest.
  const Overloaded special{
      [&](const fact::AgentSpawned& f) { agent(f.agent.id); },
      [&](const fact::TaskCreated& f) { out.tasks = {f.task.id}; },
      [&](const fact::TaskDelegated& f) {
        out.tasks = {f.task};
        agent(f.from);
        agent(f.to);
        append(out.runs, f.run);
      },
      [&](const fact::MessageSent& f) {
        out.messages = {f.message.id};
        agent(f.message.to);
        agent(sender(f.message));
        append(out.runs, f.run);
        append(out.tasks, f.message.task);
      },
      [&](const fact::MessageMoved& f) {
        out.messages = {f.message};
        agent(f.from);
        agent(f.to);
      },
      [&](const fact::ThreadStarted& f) {
        out.threads = {f.thread.id};
        agent(f.thread.agent);
      },
      [&](const fact::MessagesAppended& f) {
        out.threads = {f.thread};
        for (auto number = f.from; number < f.from + f.messages.size(); ++number)
          out.thread_messages.push_back({f.thread, number});
      },
      [&](const fact::RunStarted& f) {
        out.runs = {f.run.id};
        agent(f.run.agent);
        out.threads = {f.run.thread};
        out.messages = f.run.messages;
        append(out.tasks, f.run.task);
      },
      [&](const fact::WebhookAdded& f) { out.webhooks = {f.webhook.id}; },
  };
  std::visit(
      [&]<class T>(const T& f) {
        if constexpr (std::invocable<decltype(special), const T&>) {
          special(f);
        } else {
          if constexpr (requires { f.agent; }) agent(f.agent);
          if constexpr (requires { f.task; }) append(out.tasks, std::optional(f.task));
          if constexpr (requires { f.run; }) append(out.runs, std::optional(f.run));
          if constexpr (requires { f.thread; }) out.threads = {f.thread};
          if constexpr (requires { f.messages; }) out.messages = f.messages;
          if constexpr (requires { f.message; }) out.messages = {f.message};
          if constexpr (requires { f.webhook; }) out.webhooks = {f.webhook};
        }
      },
      fact);
  return out;
}

std::string_view kind_of(const Fact& fact) {
  return std::visit([]<class T>(const T&) { return kKind<T>; }, fact);
}

std::vector<std::string> fact_kinds() {
  std::vector<std::string> kinds;
  boost::mp11::mp_for_each<boost::mp11::mp_transform<std::type_identity, AnyFact>>(
      [&]<class T>(std::type_identity<T>) { kinds.emplace_back(kKind<T>); });
  return kinds;
}

namespace {

using Read = Result<Fact> (*)(const json::value& payload);

template <class T>
Result<Fact> read_as(const json::value& payload) {
  auto read = from_json<T>(payload);
  if (!read) return fail(read.error());
  return Fact(std::move(*read));
}

/// How the facts of a kind are read; null: it is none of theirs.
Read reader_of(std::string_view kind) {
  static const auto kReaders = [] {
    std::unordered_map<std::string_view, Read> readers;
    boost::mp11::mp_for_each<boost::mp11::mp_transform<std::type_identity, AnyFact>>(
        [&]<class T>(std::type_identity<T>) { readers.emplace(kKind<T>, &read_as<T>); });
    return readers;
  }();
  const auto found = kReaders.find(kind);
  return found == kReaders.end() ? nullptr : found->second;
}

}  // namespace

bool is_fact_kind(std::string_view kind) { return reader_of(kind) != nullptr; }

NewEvent to_event(Env& env, const Fact& fact, std::string origin) {
  NewEvent event;
  event.id = EventId(env.uuid7());
  event.kind = kind_of(fact);
  event.fidelity = Fidelity::domain;
  event.time = env.now();
  event.origin = std::move(origin);
  event.payload = std::visit([](const auto& typed) { return write_json_of(typed); }, fact);
  const auto about = concerned(fact);
  const auto add = [&](const auto& ids) {
    for (const auto& id : ids) event.scopes.push_back(Scope::of(id));
  };
  add(about.agents);
  add(about.tasks);
  add(about.runs);
  add(about.threads);
  if (const auto* appended = std::get_if<fact::MessagesAppended>(&fact))
    event.scopes.push_back(Scope::of(appended->run));
  return event;
}

Result<std::optional<Fact>> fact_of(const Event& event) {
  // A driver's SessionStarted is folded only in its committed form, which names the thread.
  const auto read = event.fidelity == Fidelity::domain ? reader_of(event.kind) : nullptr;
  if (read == nullptr) return std::nullopt;
  const auto payload = parse_json(event.payload);
  // What a run says names its type, and no fact does: the RunFailed of a run whose life is in the
  // log only changes no document.
  if (payload && payload->is_object() && payload->get_object().contains("type"))
    return std::nullopt;
  auto fact = payload ? read(*payload) : Result<Fact>(fail(payload.error()));
  if (fact) return std::move(*fact);
  return fail(fact.error().during("event " + std::to_string(event.position.value) + " (" +
                                  event.kind + ")"));
}

}  // namespace reeve
