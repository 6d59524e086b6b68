#include <ostream>

#include "cli/commands.h"
#include "cli/town_text.h"

namespace reeve::cli {
namespace {

class Send final : public Command {
  void declare(Options& options) override {
    options.positional("TO", request_.to, "An agent, or \"supervisor\"");
    options.text("TEXT", request_.text, "The message");
    options.flag("--query", query_, "It wants an answer");
    options.flag("--info", info_, "For knowledge; starts no round of its own");
    options.flag("--ack", ack_, "A confirmation; starts no round of its own");
    options.flag("--urgent", urgent_, "Before everything else in the inbox");
    options.value("--correlation", request_.correlation, "Joins a question and its answers");
  }
  Status run(Session& session) override {
    if (query_ + info_ + ack_ > 1)
      return fail(Errc::invalid_argument, "one of --query, --info and --ack");
    if (query_) request_.type = MessageType::query;
    if (info_) request_.type = MessageType::informational;
    if (ack_) request_.type = MessageType::confirmation;
    if (urgent_) request_.priority = Priority::urgent;
    auto client = session.client();
    if (!client) return fail(client.error());
    const auto message = client->send(request_);
    if (!message) return fail(message.error());
    if (session.json) {
      session.print_json(*message);
    } else {
      session.out << "sent to " << request_.to << " (" << enum_name(message->type) << ")\n";
    }
    return {};
  }
  api::SendRequest request_;
  bool query_ = false;
  bool info_ = false;
  bool ack_ = false;
  bool urgent_ = false;
};

class Inbox final : public Command {
  void declare(Options& options) override {
    options.positional("AGENT", agent_, "An agent; yours (the supervisor's) if absent", false);
  }
  Status run(Session& session) override {
    auto client = session.client();
    if (!client) return fail(client.error());
    const auto inbox = client->inbox(agent_.empty() ? std::string(kSupervisor) : agent_);
    if (!inbox) return fail(inbox.error());
    if (session.json) {
      session.print_json(*inbox);
      return {};
    }
    if (inbox->messages.empty()) session.err << inbox->agent << "'s inbox is empty\n";
    const auto print_more = [&](std::int64_t more) {
      if (more > 0) session.out << "... and " << more << " more\n";
    };
    print_messages(session, inbox->messages);
    print_more(inbox->more);
    if (!inbox->dead.empty()) {
      session.out << session.paint(Colour::red, "\ndead letters") << '\n';
      print_messages(session, inbox->dead);
      print_more(inbox->more_dead);
    }
    return {};
  }
  std::string agent_;
};

}  // namespace

std::unique_ptr<Command> make_send() { return make_command<Send>(); }
std::unique_ptr<Command> make_inbox() { return make_command<Inbox>(); }

}  // namespace reeve::cli
