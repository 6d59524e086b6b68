#include <ostream>

#include "base/quantity.h"
#include "cli/commands.h"

namespace reeve::cli {
namespace {

using namespace std::chrono_literals;

std::string list_of(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ", ") + printable(word);
  return text;
}

/// What the policy removes, a line each.
std::vector<std::string> rules(const RetentionPolicy& policy) {
  std::vector<std::string> lines;
  if (policy.max_age)
    lines.push_back("events older than " + duration_text(*policy.max_age) + " go");
  if (policy.max_events)
    lines.push_back("the oldest go of more than " + std::to_string(*policy.max_events) + " events");
  if (policy.max_bytes)
    lines.push_back("the oldest go of more than " + size_text(*policy.max_bytes));
  if (policy.removes())
    lines.push_back("the newest " + std::to_string(policy.keep_events) + " events stay");
  for (const auto& rule : policy.prune) {
    auto line = "payloads of " + list_of(rule.kinds);
    if (!rule.scopes.empty()) line += " of " + list_of(rule.scopes);
    lines.push_back(line + " go after " + duration_text(rule.after));
  }
  if (lines.empty()) lines.emplace_back("everything is kept ([retention] in .reeve/town.toml)");
  return lines;
}

std::string held(const api::RetentionHold& hold) {
  return printable(hold.name) + ", from position " + std::to_string(next(hold.position).value) +
         " on";
}

std::string events_of(std::uint64_t events, std::uint64_t bytes) {
  return std::to_string(events) + (events == 1 ? " event (" : " events (") + size_text(bytes) + ")";
}

class ShowRetention final : public Command {
  void declare(Options& /*options*/) override {}
  Status run(Session& session) override {
    auto client = session.client();
    if (!client) return fail(client.error());
    const auto view = client->retention();
    if (!view) return fail(view.error());
    if (session.json) {
      session.print_json(*view);
      return {};
    }
    const auto now = std::chrono::floor<Duration>(std::chrono::system_clock::now());
    Table table;
    auto label = [&, last = std::string()](const std::string& name) mutable {
      return std::exchange(last, name) == name ? "" : session.paint(Colour::dim, name);
    };
    for (auto& line : rules(view->policy)) table.row({label("policy"), std::move(line)});
    table.row({label("log"), events_of(view->events, view->bytes) + ", up to position " +
                                 std::to_string(view->head.value)});
    if (view->oldest_at) {
      table.row({label("oldest"), "position " + std::to_string(view->oldest.value) + ", of " +
                                      to_rfc3339(*view->oldest_at) + " (" +
                                      age(now - *view->oldest_at) + " ago)"});
    }
    table.row({label("cursor"), view->cursor + " is the oldest to go on from"});
    if (view->next) {
      table.row({label("would go"), "about " + events_of(view->next->events, view->next->bytes) +
                                        ", up to position " +
                                        std::to_string(view->next->upto.value) + ", by " +
                                        view->next->reason + " (reeve retention sweep)"});
    } else if (view->policy.removes()) {
      table.row({label("would go"), "nothing now"});
    }
    if (view->held_by) table.row({label("held by"), held(*view->held_by)});
    table.print(session.out);
    return {};
  }
};

class SweepRetention final : public Command {
  void declare(Options& /*options*/) override {}
  Status run(Session& session) override {
    auto client = session.client();
    if (!client) return fail(client.error());
    const auto report = client->sweep();
    if (!report) return fail(report.error());
    if (session.json) {
      session.print_json(*report);
      return {};
    }
    if (report->events > 0)
      session.out << "removed " << events_of(report->events, report->bytes) << '\n';
    if (report->pruned_events > 0) {
      session.out << "removed the payloads of "
                  << events_of(report->pruned_events, report->pruned_bytes) << '\n';
    }
    if (report->events == 0 && report->pruned_events == 0) session.out << "nothing was to go\n";
    session.out << "the log begins at position " << report->oldest.value << '\n';
    if (report->held_by) session.out << "held back by " << held(*report->held_by) << '\n';
    return {};
  }
};

}  // namespace

std::unique_ptr<Command> make_retention() { return make_command<ShowRetention>(); }
std::unique_ptr<Command> make_retention_sweep() { return make_command<SweepRetention>(); }

}  // namespace reeve::cli
