#include <map>
#include <ostream>

#include "base/limits.h"
#include "cli/commands.h"
#include "cli/town_text.h"

namespace reeve::cli {
namespace {

void print_whole(Session& session, const Message& message) {
  session.out << session.paint(Colour::bold, message.id.str()) << "  " << enum_name(message.type);
  if (message.kind) session.out << " " << printable(*message.kind);
  session.out << " from " << message.from << "  " << to_rfc3339(message.created_at);
  if (message.priority != Priority::normal) session.out << "  " << enum_name(message.priority);
  session.out << "\n\n" << printable(message.text);
  if (!message.text.ends_with('\n')) session.out << '\n';
  session.out << '\n';
}

class Inbox final : public Command {
  void declare(Options& options) override {
    options.positional("AGENT", agent_, "An agent; yours (the supervisor's) if absent", false);
    options.flag("-a,--all", all_, "Every inbox in which something waits");
    options.flag("--full", full_, "Whole texts instead of a line each");
  }
  Status run(Session& session) override {
    if (all_ && !agent_.empty()) return fail(Errc::invalid_argument, "an agent, or --all");
    auto client = session.client();
    if (!client) return fail(client.error());
    std::vector<std::string> names{agent_.empty() ? std::string(kSupervisor) : agent_};
    if (all_) {
      for (client::AgentQuery query{.limit = limits::kPage};;) {
        const auto agents = client->agents(query);
        if (!agents) return fail(agents.error());
        for (const auto& view : agents->agents) {
          if (view.inbox + view.dead > 0 || view.agent.attention)
            names.push_back(view.agent.id.str());
        }
        if (!agents->next) break;
        query.after = *agents->next;
      }
    }
    std::vector<api::InboxView> views;
    for (const auto& name : names) {
      auto view = client->inbox(name);
      if (!view) return fail(view.error());
      const bool empty = view->messages.empty() && view->dead.empty() && view->quarantined.empty();
      if (!all_ || !empty) views.push_back(std::move(*view));
    }
    if (session.json && all_) {
      session.print_json(views);
    } else if (session.json) {
      session.print_json(views.front());
    } else {
      for (auto& view : views) show(session, view);
      if (views.empty()) session.err << "nothing waits anywhere\n";
    }
    return {};
  }

  void show(Session& session, api::InboxView& view) const {
    if (all_) session.out << session.paint(Colour::bold, view.agent) << '\n';
    if (view.messages.empty()) session.err << view.agent << "'s inbox is empty\n";
    // A person reads what came last at the end; an agent's is in the order in which it is served.
    if (view.agent == kSupervisor) {
      std::multimap<Time, Message> by_time;
      for (auto& message : view.messages) by_time.emplace(message.created_at, std::move(message));
      view.messages.clear();
      for (auto& [time, message] : by_time) view.messages.push_back(std::move(message));
    }
    letters(session, view.messages, view.more);
    if (!view.dead.empty()) {
      session.out << session.paint(Colour::red, "\ndead letters") << '\n';
      letters(session, view.dead, view.more_dead);
    }
    if (view.quarantined.empty()) return;
    session.out << session.paint(Colour::red, "\nin quarantine: these cannot be read") << '\n';
    Table table;
    for (const auto& one : view.quarantined)
      table.row({one_line(printable(one.item), 40), one_line(printable(one.reason), 96)});
    table.print(session.out);
  }
  void letters(Session& session, const std::vector<Message>& messages, std::int64_t more) const {
    if (full_) {
      for (const auto& message : messages) print_whole(session, message);
    } else {
      print_messages(session, messages);
    }
    if (more > 0) session.out << "... and " << more << " more\n";
  }

  std::string agent_;
  bool all_ = false;
  bool full_ = false;
};

class InboxShow final : public Command {
  void declare(Options& options) override {
    options.positional("ID", id_, "A message's id, or its first digits");
  }
  Status run(Session& session) override {
    auto client = session.client();
    if (!client) return fail(client.error());
    auto view = client->message(id_);
    if (!view) return fail(view.error());
    if (session.json) {
      session.print_json(*view);
      return {};
    }
    const auto& message = view->message;
    session.out << "message " << message.id.str() << "  " << enum_name(message.state) << '\n'
                << "from     " << view->from << "\nto       " << view->to << "\ntype     "
                << enum_name(message.type);
    if (message.kind) session.out << " " << printable(*message.kind);
    session.out << "\npriority " << enum_name(message.priority) << "\nsent     "
                << to_rfc3339(message.created_at) << '\n';
    if (message.task) session.out << "task     " << message.task->str() << '\n';
    if (message.run) session.out << "run      " << message.run->str() << '\n';
    if (message.reply_to) session.out << "answers  " << message.reply_to->str() << '\n';
    if (message.attempt > 0) session.out << "failed   " << message.attempt << " times\n";
    if (message.withdrawn) session.out << "withdrawn: " << printable(*message.withdrawn) << '\n';
    session.out << '\n' << printable(message.text) << '\n';
    return {};
  }
  std::string id_;
};

class InboxDone final : public Command {
  void declare(Options& options) override {
    options.rest("ID", request_.ids, "Messages to you, or dead letters: ids or their first digits");
    options.flag("--all", request_.all, "All that waits for you");
    options.value("--agent", request_.agent,
                  "With --all: the agent's dead letters and what is in its quarantine");
  }
  Status run(Session& session) override {
    auto client = session.client();
    if (!client) return fail(client.error());
    const auto told = client->done_with(request_);
    if (!told) return fail(told.error());
    if (session.json) {
      session.print_json(*told);
    } else {
      session.out << "done with " << told->number
                  << (told->number == 1 ? " message\n" : " messages\n");
    }
    return {};
  }
  api::DoneRequest request_;
};

class InboxRetry final : public Command {
  void declare(Options& options) override {
    options.positional("ID", id_, "A dead letter: its id, or its first digits");
  }
  Status run(Session& session) override {
    auto client = session.client();
    if (!client) return fail(client.error());
    const auto message = client->retry_message(id_);
    if (!message) return fail(message.error());
    if (session.json) {
      session.print_json(*message);
    } else {
      session.out << "message " << message->id.short_str() << " waits in its inbox again\n";
    }
    return {};
  }
  std::string id_;
};

}  // namespace

std::unique_ptr<Command> make_inbox() { return make_command<Inbox>(); }
std::unique_ptr<Command> make_inbox_show() { return make_command<InboxShow>(); }
std::unique_ptr<Command> make_inbox_done() { return make_command<InboxDone>(); }
std::unique_ptr<Command> make_inbox_retry() { return make_command<InboxRetry>(); }

}  // namespace reeve::cli
