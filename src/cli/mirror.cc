#include <ostream>

#include "base/quantity.h"
#include "cli/commands.h"

namespace reeve::cli {
namespace {

std::string sentence(const api::MirrorView& mirror) {
  switch (mirror.state) {
    case api::MirrorState::off:
      return "there is none (reeve config mirror.redis redis://..., then reeve stop)";
    case api::MirrorState::away: return "not written now, tried again";
    case api::MirrorState::rewriting: return "all of the town is being written";
    case api::MirrorState::following:
      return mirror.behind == 0 ? "up to date" : std::to_string(mirror.behind) + " events behind";
  }
  return "";
}

class Mirror final : public Command {
  void declare(Options& /*options*/) override {}
  Status run(Session& session) override {
    auto client = session.client();
    if (!client) return fail(client.error());
    const auto mirror = client->mirror();
    if (!mirror) return fail(mirror.error());
    if (session.json) {
      session.print_json(*mirror);
      return {};
    }
    Table table;
    const auto row = [&](const char* label, std::string text) {
      table.row({session.paint(Colour::dim, label), std::move(text)});
    };
    row("mirror", sentence(*mirror));
    if (mirror->state != api::MirrorState::off) {
      row("redis", printable(mirror->redis));
      row("keys", printable(mirror->keys) + "*");
      row("position", std::to_string(mirror->position.value));
    }
    if (!mirror->error.empty()) row("trouble", printable(mirror->error));
    table.print(session.out);
    return {};
  }
};

class Adopt final : public Command {
  void declare(Options& options) override {
    options.positional("AGENT", request_.agent, "Its name, nickname or id in tinytown");
    options.value("--cli", request_.cli, "A preset or a command, instead of what tinytown says");
    options.flag("--force", request_.force, "Also if a loop of tinytown's seems to work for it");
    options.flag("--unchecked", request_.unchecked,
                 "Also where its CLI seems not to be ready for work");
  }
  Status run(Session& session) override {
    auto client = session.client();
    if (!client) return fail(client.error());
    const auto agent = client->adopt(request_);
    if (!agent) return fail(agent.error());
    if (session.json) {
      session.print_json(*agent);
      return {};
    }
    session.out << agent->name << " (" << agent->id.short_str() << ") is the town's\n";
    if (agent->note) session.err << printable(*agent->note) << '\n';
    return {};
  }
  api::AdoptRequest request_;
};

}  // namespace

std::unique_ptr<Command> make_adopt() { return make_command<Adopt>(); }
std::unique_ptr<Command> make_mirror() { return make_command<Mirror>(); }

}  // namespace reeve::cli
