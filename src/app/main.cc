#include <unistd.h>

#include <array>
#include <csignal>
#include <exception>
#include <iostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/agent_script.h"
#include "app/doctor/doctor.h"
#include "app/import.h"
#include "app/init.h"
#include "app/migrate.h"
#include "app/reset.h"
#include "app/serve.h"
#include "cli/command.h"
#include "proc/shim.h"

namespace {

constexpr std::array kOwnCommands{
    reeve::cli::Entry{"init", "Make this folder a town",
                      "  reeve init\n  reeve init --name oak --cli codex\n"
                      "  reeve init --store redis://localhost:6379/2\n",
                      reeve::app::make_init},
    reeve::cli::Entry{"serve", "Run the town's daemon here",
                      "  reeve serve      # other commands start it by themselves\n",
                      reeve::app::make_serve},
    reeve::cli::Entry{"reset", "Begin the town anew; what was there is kept aside",
                      "  reeve reset              # lists what would go\n"
                      "  reeve reset --force      # ends all rounds; the settings stay\n",
                      reeve::app::make_reset},
    reeve::cli::Entry{"migrate", "Move the town to another store, with its cursors",
                      "  reeve migrate --to redis://localhost:6379/2 --dry-run\n"
                      "  reeve migrate --to unix:///run/redis.sock\n"
                      "  reeve migrate --to sqlite          # and back\n",
                      reeve::app::make_migrate},
    reeve::cli::Entry{"import tinytown", "Take over a tinytown town: agents, tasks, messages",
                      "  reeve import tinytown . --dry-run   # what would be taken over\n"
                      "  reeve import tinytown ~/project     # a second time, only what is new\n",
                      reeve::app::make_import_tinytown},
    reeve::cli::Entry{"doctor", "What is missing on this machine", "  reeve doctor\n",
                      reeve::app::make_doctor},
    reeve::cli::Entry{"agent-script", "Be an agent that does what a file says, without a model",
                      "  reeve agent-script greet.script < prompt.txt\n"
                      "  reeve spawn ada --cli \"reeve agent-script greet.script\"\n",
                      reeve::app::make_agent_script},
};

}  // namespace

int main(int argc, char** argv) {
  // A round's shim does nothing else first: it takes over its whole process.
  if (argc == 3 && std::string_view(argv[1]) == "shim") return reeve::proc::run_shim(argv[2]);
  std::signal(SIGPIPE, SIG_DFL);
  try {
    const std::vector<std::string> args(argv + 1, argv + argc);
    // What stands behind its script is a real CLI's: no option of ours is looked for there.
    if (!args.empty() && args[0] == "agent-script") {
      return reeve::app::run_agent_script(std::span(args).subspan(1), std::cin, std::cout,
                                          std::cerr);
    }
    reeve::cli::Session session{.out = std::cout,
                                .err = std::cerr,
                                .paint = reeve::cli::Paint::for_terminal(STDOUT_FILENO),
                                .json = false,
                                .version = REEVE_VERSION,
                                .town = std::nullopt};
    return reeve::cli::run_program(args, kOwnCommands, session);
  } catch (const std::exception& error) {
    std::cerr << "reeve: " << error.what() << '\n';
    return 1;
  }
}
