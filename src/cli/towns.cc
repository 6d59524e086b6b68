#include <ostream>

#include "cli/commands.h"
#include "client/town_look.h"
#include "client/town_registry.h"

namespace reeve::cli {
namespace {

constexpr std::chrono::milliseconds kPatience{1'000};

std::string state_text(const client::TownLook& town) {
  using enum client::TownState;
  switch (town.state) {
    case running: return "running";
    case stopped: return "not running";
    case no_answer: return "no answer";
    case path_missing: return "path missing";
  }
  return {};
}

Colour colour_of(client::TownState state) {
  if (state == client::TownState::running) return Colour::green;
  return state == client::TownState::stopped ? Colour::dim : Colour::yellow;
}

class Towns final : public Command {
  void declare(Options& options) override {
    options.flag("--prune", prune_, "Forget those whose folder is gone");
  }
  Status run(Session& session) override {
    const auto registry = client::registry_path();
    if (!registry)
      return fail(Errc::unavailable,
                  "neither XDG_STATE_HOME nor HOME is set, so no list of towns is kept");
    if (prune_) {
      const auto gone = client::forget_missing(*registry);
      if (!gone) return fail(gone.error());
      if (session.json) {
        session.print_json(*gone);
        return {};
      }
      for (const auto& town : *gone)
        session.out << "forgot " << town.name << "  " << town.root << '\n';
      if (gone->empty()) session.err << "no town's folder is gone\n";
      return {};
    }
    const auto known = client::known_towns(*registry);
    if (!known) return fail(known.error());
    const auto towns = client::look_at(*known, kPatience);
    if (session.json) {
      session.print_json(towns);
      return {};
    }
    if (towns.empty()) session.err << "no towns yet: reeve init makes one\n";
    Table table;
    bool missing = false;
    for (const auto& town : towns) {
      std::string agents;
      if (town.agents)
        agents =
            std::to_string(*town.agents) + " agents, " + std::to_string(*town.working) + " working";
      table.row({session.paint(Colour::bold, printable(town.name)),
                 session.paint(colour_of(town.state), state_text(town)), agents,
                 printable(town.root)});
      missing = missing || town.state == client::TownState::path_missing;
    }
    table.print(session.out);
    if (missing) session.err << "reeve towns --prune forgets those whose path is missing\n";
    return {};
  }
  bool prune_ = false;
};

}  // namespace

std::unique_ptr<Command> make_towns() { return make_command<Towns>(); }

}  // namespace reeve::cli
