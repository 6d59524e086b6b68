// Follows a town's log and has one effect for each event, saved together with the cursor behind it.
// It knows nothing of what it did before it was killed but what its database says.
//   reeve_once_subscriber TOWN_ROOT DATABASE [KIND ...]

#include <chrono>
#include <cstdio>
#include <exception>
#include <thread>

#include "base/json.h"
#include "client/client.h"
#include "effects.h"

namespace reeve::once {
namespace {

using namespace std::chrono_literals;

int follow(const client::TownFolder& town, Effects& effects, std::vector<std::string> kinds) {
  client::ClientSettings settings;
  settings.version = REEVE_VERSION;
  settings.may_start_daemon = false;
  client::Client client(town, settings);
  client::Client::EventQuery query;
  query.kinds = std::move(kinds);
  for (;;) {
    query.after = effects.cursor();
    const auto done = client.follow(
        query, [&](const std::string& name, const std::string& data, const std::string& cursor) {
          if (name == "event") {
            const auto event = parse_json_as<Event>(data).value();
            effects.apply(event.position.value, event.id.str(), cursor);
          } else if (!cursor.empty()) {
            effects.move(cursor);
          }
          return true;
        });
    // Nobody is there to ask, and no keeper: somebody will start the daemon.
    if (!done && !done.error().is(Errc::unavailable)) {
      effects.complain("following failed: " + done.error().message());
      return 1;
    }
    std::this_thread::sleep_for(20ms);
  }
}

}  // namespace
}  // namespace reeve::once

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fputs("usage: reeve_once_subscriber TOWN_ROOT DATABASE [KIND ...]\n", stderr);
    return 2;
  }
  try {
    reeve::once::Effects effects(argv[2]);
    return reeve::once::follow(reeve::client::TownFolder(argv[1]), effects,
                               {argv + 3, argv + argc});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "subscriber: %s\n", error.what());
    return 1;
  }
}
