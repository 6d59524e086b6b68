#include "town/import.h"

#include <algorithm>
#include <set>

#include "base/limits.h"
#include "base/near_names.h"
#include "town/change.h"
#include "town/directory.h"
#include "town/task_steps.h"

namespace reeve::town {
namespace {

/// Items of one part: an agent writes three documents, a task or message one and its place.
constexpr std::size_t kPart = 1'000;

/// What an import of that town has told so far of what happened there.
store::DocKey told_key(const api::ImportRequest& request) {
  return {"_import", request.origin + ":" + request.town};
}

Status check(const api::ImportRequest& request) {
  if (request.origin.empty() || request.origin.size() > limits::kName)
    return fail(Errc::invalid_argument, "an import says from which program: origin");
  const auto items = request.agents.size() + request.tasks.size() + request.messages.size() +
                     request.events.size();
  if (items > kPart)
    return fail(Errc::too_large,
                "one part of an import has at most " + std::to_string(kPart) + " things in it");
  const bool runs =
      std::ranges::any_of(request.agents, [](const Agent& a) { return a.current_run.has_value(); });
  if (runs) return fail(Errc::invalid_argument, "runs cannot be taken over");
  return {};
}

/// One part on its way into a draft.
class Import {
 public:
  Import(Ground& ground, run::Draft& draft, const api::ImportRequest& request)
      : ground_(ground), draft_(draft), request_(request) {}

  Async<Result<api::ImportReport>> run() {
    // What happened there was before what is made here.
    if (auto done = co_await take_events(); !done) co_return fail(done.error());
    for (const auto& agent : request_.agents) {
      if (auto done = co_await take(agent); !done) co_return fail(done.error());
    }
    for (const auto& task : request_.tasks) {
      if (auto done = co_await take(task); !done) co_return fail(done.error());
    }
    for (const auto& message : request_.messages) {
      if (auto done = co_await take(message); !done) co_return fail(done.error());
    }
    co_return report_;
  }

 private:
  /// Whether it is here, or was in this part; counted then.
  template <class D>
  Async<Result<bool>> is_known(typename run::DocOf<D>::Key id) {
    auto there = co_await draft_.get<D>(id);
    if (!there && !there.error().is(Errc::not_found)) co_return fail(there.error());
    if (there) ++report_.known;
    co_return there.has_value();
  }

  Async<Status> take(Agent agent) {
    auto known = co_await is_known<Agent>(agent.id);
    if (!known) co_return fail(known.error());
    if (*known) co_return Status();
    auto named = co_await free_name(agent.name);
    if (!named) co_return fail(named.error());
    if (!named->empty()) {
      report_.notes.push_back("agent " + agent.id.str() + " was called \"" + agent.name + "\" (" +
                              *named + "): it goes by its id");
      agent.name = agent.id.str();
    }
    if (agent.nickname) {
      auto nick = co_await free_name(*agent.nickname);
      if (!nick) co_return fail(nick.error());
      if (!nick->empty() || to_lower(*agent.nickname) == to_lower(agent.name)) {
        if (!nick->empty()) {
          report_.notes.push_back("agent " + agent.name + " had the nickname \"" + *agent.nickname +
                                  "\" (" + *nick + "): it has none now");
        }
        agent.nickname.reset();
      }
    }
    for (const auto& name : {std::optional(agent.name), agent.nickname}) {
      if (!name) continue;
      draft_.require(store::DocAbsent{name_key(*name)});
      draft_.write(store::PutDoc{name_key(*name), write_json_of(agent.id), {}});
      names_.insert(to_lower(*name));
    }
    ++report_.agents;
    fact::AgentSpawned spawned{std::move(agent)};
    co_return co_await draft_.add(std::move(spawned));
  }

  /// Empty: it can be an agent's name. Else why not.
  Async<Result<std::string>> free_name(std::string name) {
    if (auto good = check_name(name); !good) co_return "which is no name here";
    if (AgentId::parse(name)) co_return "which is an id";
    if (names_.contains(to_lower(name))) co_return "which another one has";
    auto free = co_await check_name_free(ground_.log.store(), std::move(name));
    if (free) co_return "";
    if (!free.error().is(Errc::conflict)) co_return fail(free.error());
    co_return "which another one has";
  }

  Async<Status> take(reeve::Task task) {
    auto known = co_await is_known<reeve::Task>(task.id);
    if (!known) co_return fail(known.error());
    if (*known) co_return Status();
    if (!task.agent && !is_ended(task.state)) {
      task.state = TaskState::pending;
      draft_.write(store::QueuePush{kBacklog, task.id.str(), static_cast<int>(task.priority)});
    }
    ++report_.tasks;
    fact::TaskCreated created{std::move(task)};
    co_return co_await draft_.add(std::move(created));
  }

  Async<Status> take(Message message) {
    auto known = co_await is_known<Message>(message.id);
    if (!known) co_return fail(known.error());
    if (*known) co_return Status();
    draft_.write(store::QueuePush{inbox_queue(message.to), message.id.str(),
                                  static_cast<int>(message.priority)});
    ++report_.messages;
    fact::MessageSent sent{std::move(message), std::nullopt};
    co_return co_await draft_.add(std::move(sent));
  }

  Async<Status> take_events() {
    if (request_.events.empty()) co_return Status();
    auto told = co_await ground_.log.store().get(told_key(request_));
    if (!told) co_return fail(told.error());
    auto upto = *told ? parse_json_as<std::string>((*told)->body) : Result<std::string>("");
    if (!upto) co_return fail(upto.error());
    for (const auto& one : request_.events) {
      if (one.id <= *upto) {
        ++report_.known;
        continue;
      }
      upto = one.id;
      tell(one);
    }
    if (report_.events == 0) co_return Status();
    if (*told)
      draft_.require(store::DocAt{told_key(request_), (*told)->version});
    else
      draft_.require(store::DocAbsent{told_key(request_)});
    draft_.write(store::PutDoc{told_key(request_), write_json_of(*upto), {}});
    co_return Status();
  }

  void tell(const api::ImportedEvent& one) {
    NewEvent event;
    event.id = EventId(ground_.env.uuid7());
    event.kind = "ImportedEvent";
    event.time = one.time;
    event.origin = request_.origin;
    if (one.agent && *one.agent != supervisor_id()) event.scopes.push_back(Scope::of(*one.agent));
    if (one.task) event.scopes.push_back(Scope::of(*one.task));
    event.payload = write_json_of(one);
    draft_.add_event(std::move(event));
    ++report_.events;
  }

  Ground& ground_;
  run::Draft& draft_;
  const api::ImportRequest& request_;
  api::ImportReport report_;
  std::set<std::string> names_;  // that this part gives
};

}  // namespace

Async<Result<api::ImportReport>> import_part(Ground ground, Caller caller,
                                             api::ImportRequest request) {
  if (auto good = check(request); !good) co_return fail(good.error());
  caller.origin = request.origin;
  const auto decide = [&](run::Draft& draft) -> Async<Result<api::ImportReport>> {
    Import import(ground, draft, request);
    co_return co_await import.run();
  };
  co_return co_await change<api::ImportReport>(ground, caller, decide);
}

}  // namespace reeve::town
