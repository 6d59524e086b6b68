// The program as its users meet it: how long a command takes from start to end, how long until the
// first one has started its daemon, and what a daemon without work keeps in memory.

#include <stdexcept>

#include "client/client.h"
#include "harness.h"
#include "program.h"

namespace reeve::bench {
namespace {

void measure(Run& run) {
  const auto reeve = reeve_program();
  const auto town = run.fresh_folder("program").string();
  run_program({reeve, "--town", town, "init", "--name", "bench"});
  const auto first = run_program({reeve, "--town", town, "list"});
  run_program({reeve, "--town", town, "spawn", "ada", "--cli", "cat"});
  const double nothing = median_run({"/bin/true"});
  run.report("command/list", median_run({reeve, "--town", town, "list"}) * 1e3, "ms",
             {{"/bin/true", nothing * 1e3}});
  run.report("command/version", median_run({reeve, "--version"}) * 1e3, "ms",
             {{"/bin/true", nothing * 1e3}});
  run.report("command/first, which starts the daemon", first * 1e3, "ms", {});

  client::Client client(client::TownFolder(town), client::ClientSettings{});
  const auto view = client.town();
  if (!view) throw std::runtime_error(view.error().message());
  run.report("daemon/idle resident", resident_mb(view->pid), "MB", {});
  run.report("daemon/idle resident, its own", anonymous_mb(view->pid), "MB", {});
  run_program({reeve, "--town", town, "stop"});
}

const Registration kProgram{"program", "a command from start to end; an idle daemon's memory",
                            &measure};

}  // namespace
}  // namespace reeve::bench
