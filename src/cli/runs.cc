#include <algorithm>
#include <ostream>

#include "cli/commands.h"
#include "cli/input.h"

namespace reeve::cli {
namespace {

std::optional<std::int64_t> milliseconds(const std::optional<double>& seconds) {
  if (!seconds) return std::nullopt;
  return static_cast<std::int64_t>(*seconds * 1000);
}

std::string tokens_of(const Usage& usage) {
  const auto number = [](const std::optional<std::int64_t>& count) {
    return count ? std::to_string(*count) : std::string("?");
  };
  if (!usage.input_tokens && !usage.output_tokens) return {};
  return ", " + number(usage.input_tokens) + " tokens in, " + number(usage.output_tokens) + " out";
}

/// What is said of a run's end below its text.
void print_end(Session& session, const RunResult& result) {
  const bool good = result.state == RunState::completed;
  auto line = "run " + result.run.short_str() + " " + std::string(enum_name(result.state)) +
              (result.reason.empty() || result.reason == "stop" ? "" : " (" + result.reason + ")") +
              tokens_of(result.usage) + ", session " + result.session.str();
  session.err << session.paint(good ? Colour::dim : Colour::red, line) << '\n';
}

/// A run that did not complete is an error of the command's.
Status status_of(const RunResult& result) {
  if (result.state == RunState::completed) return {};
  const auto text = "run " + result.run.short_str() + " " + std::string(enum_name(result.state)) +
                    ": " + (result.error.empty() ? result.reason : result.error);
  if (result.reason == "timeout") return fail(Errc::timeout, text);
  return fail(result.state == RunState::cancelled ? Errc::cancelled : Errc::conflict, text);
}

class Emit final : public Command {
  void declare(Options& options) override {
    options.positional("WHOM", whom_, "A provider of the town's settings, or an agent");
    options.text("TEXT", call_.text, "What is asked; - reads standard input");
    options.value("-m,--model", call_.model, "The model, instead of the provider's own");
    options.value("--system", call_.system, "What the model is told to be");
    options.value("-s,--session", session_, "Go on with this conversation");
    options.value("--id", call_.client_request_id,
                  "Your own id of the request: repeated with it, it has no second effect");
    options.seconds("--timeout", timeout_, "End the run after so many seconds");
    options.choice("--durability", durability_, {"disabled", "compacted", "full_fidelity"},
                   "What the log keeps of the run");
    options.flag("--no-wait", no_wait_, "Return as soon as it has begun");
    options.flag("--events", events_, "Print every event instead of the text");
  }

  Status run(Session& session) override {
    if (auto good = read_request(); !good) return good;
    auto client = session.client();
    if (!client) return fail(client.error());
    if (auto named = name(*client); !named) return named;
    if (no_wait_) {
      const auto asked = client->emit(call_);
      if (!asked) return fail(asked.error());
      if (session.json) {
        session.print_json(*asked);
      } else {
        session.out << asked->id << '\n';
      }
      return {};
    }
    api::Asked asked;
    const auto result =
        client->emit(call_, asked, [&](const std::string& name, const std::string& data) {
          print_frame(session, name, data);
          return session.out.good();
        });
    if (!result) return fail(result.error());
    if (session.json && !events_) {
      session.print_json(*result);
      return status_of(*result);
    }
    if (!events_) {
      // Where the text came token by token, the rest of it is missing at most.
      if (!result->text.starts_with(said_)) {
        session.out << '\n' << printable(result->text);
      } else {
        session.out << printable(result->text.substr(said_.size()));
      }
      if (!result->text.ends_with('\n')) session.out << '\n';
    }
    print_end(session, *result);
    return status_of(*result);
  }

  Status read_request() {
    auto text = read_text(call_.text);
    if (!text) return fail(text.error());
    call_.text = std::move(*text);
    if (!session_.empty()) {
      const auto id = ThreadId::parse(session_);
      if (!id) return fail(id.error().during("--session"));
      call_.session = *id;
    }
    if (!durability_.empty()) call_.durability = enum_from_name<Durability>(durability_);
    call_.timeout_ms = milliseconds(timeout_);
    return {};
  }

  /// A provider's name goes first; an agent can be called `agent:NAME` where both have it.
  Status name(client::Client& client) {
    constexpr std::string_view kAgent = "agent:";
    if (whom_.starts_with(kAgent)) {
      call_.agent = whom_.substr(kAgent.size());
      return {};
    }
    const auto providers = client.providers();
    if (!providers) return fail(providers.error());
    if (std::ranges::count(*providers, whom_) > 0) {
      call_.provider = whom_;
      return {};
    }
    const auto agent = client.agent(whom_);
    if (agent) {
      call_.agent = whom_;
      return {};
    }
    if (!agent.error().is(Errc::not_found)) return fail(agent.error());
    return fail(Errc::not_found,
                "neither a provider nor an agent is called " + whom_ + ": [providers." + whom_ +
                    "] in .reeve/town.toml makes a provider, `reeve spawn " + whom_ + "` an agent");
  }

  void print_frame(Session& session, const std::string& name, const std::string& data) {
    if (events_) {
      if (session.json || name == "event") session.print(data);
      return;
    }
    if (session.json || name != "delta") return;
    const auto value = parse_json(data);
    const auto* delta = value ? value->if_object() : nullptr;
    if (delta == nullptr || delta->at("kind").as_string() != "TextDelta") return;
    const auto* payload = delta->at("payload").if_object();
    const auto* piece = payload != nullptr ? payload->if_contains("delta") : nullptr;
    if (piece == nullptr || !piece->is_string()) return;
    said_ += piece->get_string();
    session.out << printable(std::string_view(piece->get_string())) << std::flush;
  }

  api::EmitCall call_;
  std::string whom_;
  std::string session_;
  std::string durability_;
  std::optional<double> timeout_;
  bool no_wait_ = false;
  bool events_ = false;
  std::string said_;
};

class RunShow final : public Command {
  void declare(Options& options) override {
    options.positional("RUN", run_, "The run's id; of an agent, the message's");
  }
  Status run(Session& session) override {
    auto client = session.client();
    if (!client) return fail(client.error());
    const auto view = client->run(run_);
    if (!view) return fail(view.error());
    if (session.json) {
      session.print_json(*view);
      return {};
    }
    if (!view->document) {
      session.out << "no run has begun for it yet\n";
      return {};
    }
    const auto& run = *view->document;
    Table table;
    table.row({"run", run.id.str()});
    table.row({"state", std::string(enum_name(run.state)) +
                            (run.code.empty() ? "" : " (" + run.code + ")")});
    table.row({"by", run.provider.empty() ? run.cli : run.provider + " " + run.model});
    table.row({"session", run.thread.str()});
    table.row({"began", to_rfc3339(run.started_at)});
    if (run.ended_at) table.row({"ended", to_rfc3339(*run.ended_at)});
    if (!run.error.empty()) table.row({"error", one_line(run.error, 200)});
    table.print(session.out);
    if (!run.text.empty()) session.out << '\n' << printable(run.text) << '\n';
    return {};
  }
  std::string run_;
};

class RunWait final : public Command {
  void declare(Options& options) override {
    options.positional("RUN", run_, "The run's id; of an agent, the message's");
    options.seconds("--timeout", timeout_, "Give up after so many seconds (exit status 5)");
  }
  Status run(Session& session) override {
    auto client = session.client();
    if (!client) return fail(client.error());
    std::optional<std::chrono::milliseconds> timeout;
    if (const auto ms = milliseconds(timeout_)) timeout = std::chrono::milliseconds(*ms);
    const auto result = client->run_result(run_, timeout);
    if (!result && result.error().is(Errc::timeout))
      return fail(Errc::timeout, "run " + run_ + " is not over yet");
    if (!result) return fail(result.error());
    if (session.json) {
      session.print_json(*result);
    } else {
      session.out << printable(result->text) << '\n';
      print_end(session, *result);
    }
    return status_of(*result);
  }
  std::string run_;
  std::optional<double> timeout_;
};

class RunCancel final : public Command {
  void declare(Options& options) override {
    options.positional("RUN", run_, "The run's id; of an agent, the message's");
    options.value("--reason", request_.reason, "Why");
    options.flag("--abort", request_.abort, "Forget what was not committed yet");
  }
  Status run(Session& session) override {
    auto client = session.client();
    if (!client) return fail(client.error());
    const auto asked = client->cancel_run(run_, request_);
    if (!asked) return fail(asked.error());
    if (session.json) {
      session.print_json(*asked);
    } else {
      session.out << (asked->finished ? "it is over already\n" : "it is being ended\n");
    }
    return {};
  }
  std::string run_;
  api::CancelRequest request_;
};

}  // namespace

std::unique_ptr<Command> make_emit() { return make_command<Emit>(); }
std::unique_ptr<Command> make_run_show() { return make_command<RunShow>(); }
std::unique_ptr<Command> make_run_wait() { return make_command<RunWait>(); }
std::unique_ptr<Command> make_run_cancel() { return make_command<RunCancel>(); }

}  // namespace reeve::cli
