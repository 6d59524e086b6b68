#include "asker.h"

#include "aio/within.h"
#include "llm/scripted.h"

namespace reeve::sim {
namespace {

struct Model {
  const char* name;
  const char* script;
};
/// What a model can do to a run.
constexpr std::array kModels{
    Model{"brief", R"({"turns":[["good ","day",{"usage":{"input_tokens":3,"output_tokens":2}}]]})"},
    Model{"slow", R"({"turns":[["a",{"wait_ms":700},"b",{"wait_ms":1900},"c"]]})"},
    Model{"busy", R"({"turns":[[{"call":{"name":"echo","arguments":{"n":1}}},
                                {"call":{"name":"rest","arguments":{}}}],
                               ["so ",{"call":{"name":"echo","arguments":{"n":2}}}],
                               [{"call":{"name":"trip","arguments":{}}},
                                {"call":{"name":"nothing","arguments":{}}}],
                               ["done"]]})"},
    Model{"wordy", R"({"turns":[["a","b","c","d","e","f","g",{"wait_ms":30},"h","i","j","k","l",
                                 "m","n","o",{"call":{"name":"echo","arguments":{}}}],
                                ["p","q","r","s","t",{"wait_ms":50},"u","v","w","x","y","z"]]})"},
    Model{"endless", R"({"turns":[["for ever",{"hang":true}]]})"},
    Model{"broken", R"({"turns":[["half",{"error":{"trouble":"overloaded","message":"busy"}}]]})"},
};

ToolDescriptor named(std::string name) {
  ToolDescriptor about;
  about.name = std::move(name);
  return about;
}

/// A tool that takes a while and may trip over itself.
class Rest final : public tool::Tool {
 public:
  Rest(World& world, Workshop& shop, std::string name)
      : world_(world), shop_(shop), about_(named(std::move(name))) {}
  [[nodiscard]] const ToolDescriptor& descriptor() const override { return about_; }
  Async<tool::Output> run(tool::Context context, json::object) override {
    shop_.began(context.idempotency_key, context.run, context.call_id);
    if (context.on_output) context.on_output("resting");
    co_await world_.sleep(world_.random.up_to(4s));
    if (about_.name == "trip") throw std::runtime_error("it tripped");
    co_return tool::Output::text("rested");
  }

 private:
  World& world_;
  Workshop& shop_;
  ToolDescriptor about_;
};

}  // namespace

// --- Workshop -----------------------------------------------------------------------------------

std::vector<std::string> Workshop::models() {
  std::vector<std::string> names;
  for (const auto& model : kModels) names.emplace_back(model.name);
  return names;
}

Async<> Workshop::play(Life& life) {
  for (const auto& model : kModels) {
    auto script = llm::read_script(parse_json(model.script).value()).value();
    life.providers.put(
        std::make_shared<llm::ScriptedProvider>(model.name, world.env, std::move(script)));
  }
  const auto echo = [this](const json::object& arguments,
                           const tool::BlockingContext& context) -> Result<json::value> {
    began(context.idempotency_key, context.run, context.call_id);
    return json::value(write_json(arguments));
  };
  bool good = life.tools.add(tool::make_blocking_tool(world.env, named("echo"), echo)).has_value();
  for (const auto* tool : {"rest", "trip"})
    good = good && life.tools.add(std::make_shared<Rest>(world, *this, tool));
  if (!good) complain("tools can be added", "they cannot");
  co_return;
}

void Workshop::began(const std::string& key, const RunId& run, const std::string& call) {
  ++calls_[key];
  world.note(name, fmt::format("call {}", key));
  if (world.results.contains({run, call}))
    complain("G10 a call with a committed result never runs again", key);
}

void Workshop::testify() {
  for (const auto& [key, times] : calls_) {
    if (times > 1)
      complain("G10 a tool call runs once", fmt::format("{} ran {} times", key, times));
  }
}

// --- Asker --------------------------------------------------------------------------------------

Asker::Ask Asker::invent() {
  const auto models = Workshop::models();
  Ask ask;
  ++made_;
  const auto& model = models[world.random.below(models.size())];
  ask.request = EmitRequest::ask(model, "", "hello");
  ask.title = fmt::format("{}-{}", name, made_);
  ask.request.metadata = json::object{{"ask", ask.title}};
  ask.keyed = world.random.chance(70);
  if (ask.keyed) ask.request.client_request_id = ask.title;
  if (!sessions_.empty() && world.random.chance(50))
    ask.request.session = sessions_[world.random.below(sessions_.size())];
  if (world.random.chance(40))
    ask.request.durability = static_cast<Durability>(world.random.pick(0, 2));
  ask.patience = static_cast<Patience>(world.random.pick(0, 3));
  if (model == "endless" && ask.patience == Patience::endless) ask.patience = Patience::cancel;
  ask.limit = world.random.up_to(5s);
  return ask;
}

Async<> Asker::play(Life& life) {
  while (!is_done() && !life.over) {
    if (!ask_) {
      co_await life.pause(1s);
      ask_ = invent();
      world.note(name, fmt::format("{} asks {}: {}", ask_->title, ask_->request.provider,
                                   write_json_of(ask_->request)));
    }
    // Without a key nobody may ask again: who knows what the first time has done.
    const bool again = ask_->keyed;
    const bool over = co_await ask(life);
    if (life.over && again) co_return;
    if (over || !again) {
      ask_.reset();
    } else {
      co_await life.pause(500ms);
    }
  }
}

Async<bool> Asker::ask(Life& life) {
  auto& ask = *ask_;
  run::Control control;
  if (ask.patience == Patience::timeout)
    control.set_timeout(std::chrono::ceil<Duration>(ask.limit + 1ms));
  auto handle = co_await life.invocation.emit(ask.request, control);
  if (life.over) co_return false;
  world.note(name, fmt::format("ask {} {}", made_,
                               handle ? handle->run().str() : text_of(handle.error())));
  if (!handle) {
    const auto& why = handle.error();
    if (!may_pass(why) && !why.is(Errc::conflict) && !why.is(Errc::cancelled))
      complain("a model can be asked", text_of(why));
    co_return why.is(Errc::cancelled);
  }
  co_return co_await await_result(life, std::move(*handle));
}

Async<bool> Asker::await_result(Life& life, run::RunHandle handle) {
  auto& ask = *ask_;
  std::optional<Result<RunResult>> result;
  if (ask.patience == Patience::cancel || ask.patience == Patience::abort) {
    result = co_await aio::within(world.env, ask.limit, handle.result());
    if (life.over) co_return false;
    if (!result && ask.patience == Patience::cancel) handle.cancel("had enough");
    if (!result && ask.patience == Patience::abort) handle.abort("had enough");
  }
  // Asked again for a run that another handle limits, it is over at some time all the same.
  if (!result) result = co_await aio::within(world.env, 10min, handle.result());
  if (life.over) co_return false;
  if (!result) {
    complain("G7 a run ends", handle.run().str() + " has no result after ten minutes");
    co_return true;
  }
  if (!*result) {
    const auto& why = result->error();
    world.note(name, fmt::format("result {}", text_of(why)));
    if (!may_pass(why) && !why.is(Errc::cancelled) && !why.is(Errc::conflict))
      complain("a run has a result", text_of(why));
    co_return why.is(Errc::cancelled);
  }
  check_result(**result);
  if (ask.run && *ask.run != (*result)->run)
    complain("G9 a repeated request gives the first result", ask.title);
  ask.run = (*result)->run;
  answered_.emplace_back(ask.title, (*result)->run);
  sessions_.push_back((*result)->session);
  co_return !world.random.chance(10) || !ask.keyed;  // now and then once more
}

void Asker::check_result(const RunResult& result) {
  world.note(name, fmt::format("result {} {}", result.run.str(), result.reason));
  const auto* end = world.end_of(result.run);
  if (end == nullptr) {
    complain("G3 a result is told after its commit", result.run.str());
    return;
  }
  const auto wanted = result.state == RunState::completed ? "RunCompleted"
                      : result.state == RunState::failed  ? "RunFailed"
                                                          : "RunCancelled";
  if (end->kind != wanted)
    complain("G7 a result is what the log says",
             fmt::format("{}: {}, and {}", result.run.str(), wanted, end->kind));
}

void Asker::testify() {
  std::map<std::string, std::vector<RunId>> started;
  for (const auto& event : world.history()) {
    if (event->kind != "RunStarted") continue;
    const auto run = parse_json_as<fact::RunStarted>(event->payload).value().run;
    if (const auto* metadata = run.metadata.if_object())
      started[std::string(metadata->at("ask").as_string())].push_back(run.id);
  }
  for (const auto& [title, runs] : started) {
    if (title.starts_with(name + "-") && runs.size() > 1)
      complain("G9 a repeated request begins one run",
               fmt::format("{} began {}", title, runs.size()));
  }
  for (const auto& [title, run] : answered_) {
    const auto& runs = started[title];
    if (runs.size() != 1 || runs.front() != run)
      complain("G1 a run that was acknowledged is there", title);
  }
}

}  // namespace reeve::sim
