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

}  // namespace

std::unique_ptr<Command> make_mirror() { return make_command<Mirror>(); }

}  // namespace reeve::cli
