#include <algorithm>
#include <ostream>

#include "cli/commands.h"
#include "cli/event_text.h"

namespace reeve::cli {
namespace {

class Events final : public Command {
  void declare(Options& options) override {
    options.flag("-f,--follow", follow_, "Go on with what happens, until interrupted");
    options.value("--after", query_.after, "A cursor: go on behind it");
    options.flag("--all", all_, "From the beginning of the log");
    options.values("--scope", query_.scopes,
                   "town, agent:NAME, task:ID, run:ID, thread:ID (repeatable)");
    options.values("--kind", query_.kinds,
                   "Only events of this kind, e.g. TaskCompleted (repeatable)");
    options.number("-n,--limit", limit_,
                   "How many of the newest, at most 1000; with --follow also 0");
    options.flag("--deltas", query_.deltas, "With --follow: token by token, too");
  }

  Status run(Session& session) override {
    constexpr std::uint64_t kMost = 1000;
    if (limit_ > kMost)
      return fail(Errc::invalid_argument, "--limit: at most 1000; --all has them all");
    if (limit_ == 0 && !follow_)
      return fail(Errc::invalid_argument, "--limit 0 shows nothing, but with --follow");
    auto client = session.client();
    if (!client) return fail(client.error());
    // Names of agents instead of ids; those that come later are looked up when they are seen.
    if (!session.json) lines_.learn_names(*client);
    if (!follow_)
      return all_ || !query_.after.empty() ? print_all(session, *client)
                                           : print_latest(session, *client);
    if (!all_ && query_.after.empty()) {
      auto shown = print_latest(session, *client);
      if (!shown) return shown;
    }
    return client->follow(
        query_, [&](const std::string& name, const std::string& data, const std::string& cursor) {
          print_frame(session, *client, name, data, cursor);
          return session.out.good();
        });
  }

  Status print_latest(Session& session, client::Client& client) {
    auto query = query_;
    query.latest = std::max<std::size_t>(limit_, 1);  // for the cursor, if for nothing else
    auto events = client.events(query);
    if (!events) return fail(events.error());
    if (limit_ == 0) events->events.clear();
    for (const auto& event : events->events) print_event(session, client, event, "");
    query_.after = events->cursor;
    return {};
  }

  Status print_all(Session& session, client::Client& client) {
    auto query = query_;
    for (;;) {
      auto page = client.events(query);
      if (!page) return fail(page.error());
      for (const auto& event : page->events) print_event(session, client, event, "");
      if (page->cursor == query.after) return {};
      query.after = page->cursor;
    }
  }

  void print_frame(Session& session, client::Client& client, const std::string& name,
                   const std::string& data, const std::string& cursor) {
    if (name == "event") {
      print_event(session, client, data, cursor);
    } else if (session.json) {
      if (name == "progress") return;
      session.print("{\"frame\":\"" + name + "\"," + data.substr(1));
    } else if (name == "delta") {
      if (auto value = parse_json(data)) {
        session.print(session.paint(
            Colour::dim,
            "         ~ " + one_line(gist(text_at(*value, "kind"), value->at("payload")), 96)));
      }
    } else if (name == "gap") {
      session.print(session.paint(Colour::dim, "         ~ some deltas were too fast to show"));
    }
  }

  void print_event(Session& session, client::Client& client, const std::string& text,
                   const std::string& cursor) {
    if (session.json) {
      session.print(cursor.empty()
                        ? text
                        : text.substr(0, text.size() - 1) + ",\"cursor\":\"" + cursor + "\"}");
      return;
    }
    const auto line = lines_.line(session, client, text);
    if (!line.empty()) session.print(line);
  }

  bool follow_ = false;
  bool all_ = false;
  std::uint64_t limit_ = 20;
  client::Client::EventQuery query_;
  EventLines lines_;
};

}  // namespace

std::unique_ptr<Command> make_events() { return make_command<Events>(); }

}  // namespace reeve::cli
