#include <ostream>

#include "cli/commands.h"
#include "cli/input.h"
#include "cli/town_text.h"

namespace reeve::cli {
namespace {

/// How a message is sent: what its commands share.
class Posting {
 public:
  void declare(Options& options) {
    options.flag("--urgent", urgent_, "Before everything else in the inbox");
    options.choice("--priority", priority_, {"low", "normal", "high", "urgent"},
                   "Its place in the inbox; equals in their order");
    options.flag("--now", now_, "Interrupts the round in progress; the next one has all of it");
    options.flag("--next", next_, "Starts a round, or joins the very next one (the default)");
    options.flag("--idle", idle_, "Only when nothing else waits, and alone");
    options.value("--correlation", correlation_, "Joins a question and its answers");
  }
  /// invalid_argument: they do not go together.
  Status fill(api::SendRequest& request) const {
    if (now_ + next_ + idle_ > 1)
      return fail(Errc::invalid_argument, "one of --now, --next and --idle");
    if (now_) request.delivery = Delivery::now;
    if (idle_) request.delivery = Delivery::idle;
    request.priority = enum_from_name<Priority>(priority_).value_or(Priority::normal);
    if (urgent_) request.priority = Priority::urgent;
    request.correlation = correlation_;
    auto text = read_text(request.text);
    if (!text) return fail(text.error());
    request.text = std::move(*text);
    return {};
  }

 private:
  bool urgent_ = false;
  bool now_ = false;
  bool next_ = false;
  bool idle_ = false;
  std::string priority_ = "normal";
  std::optional<std::string> correlation_;
};

/// What a message is.
class Kind {
 public:
  void declare(Options& options, std::vector<std::string> types) {
    options.flag("--query", query_, "It wants an answer");
    options.flag("--info", info_, "For knowledge; starts no round of its own");
    options.flag("--ack", ack_,
                 "A confirmation; starts no round of its own. \"rejected: WHY\", \"received\", "
                 "\"approved\" and \"thanks\" are understood");
    options.value("--kind", kind_, "A custom message of this kind; starts a round");
    options.choice("--type", type_, std::move(types), "The same in a word");
  }
  Status fill(api::SendRequest& request) const {
    if (query_ + info_ + ack_ + (type_ != "task") > 1)
      return fail(Errc::invalid_argument, "one of --query, --info, --ack and --type");
    request.type = enum_from_name<MessageType>(type_).value_or(MessageType::task);
    if (query_) request.type = MessageType::query;
    if (info_) request.type = MessageType::informational;
    if (ack_) request.type = MessageType::confirmation;
    request.kind = kind_;
    if (kind_ && request.type == MessageType::task) request.type = MessageType::custom;
    return {};
  }

 private:
  bool query_ = false;
  bool info_ = false;
  bool ack_ = false;
  std::optional<std::string> kind_;
  std::string type_ = "task";
};

Status broadcast(Session& session, const api::SendRequest& request) {
  auto client = session.client();
  if (!client) return fail(client.error());
  const auto told = client->broadcast(request);
  if (!told) return fail(told.error());
  if (session.json) {
    session.print_json(*told);
    return {};
  }
  session.out << "sent to " << told->number << (told->number == 1 ? " agent\n" : " agents\n");
  for (const auto& left : told->left_out)
    session.out << "not to " << left.agent << ": " << left.reason << '\n';
  return {};
}

/// Prints an answer; who is outside a round has it now, and it waits for nobody any more.
void print_answer(Session& session, client::Client& client, const api::AnswerReply& answer) {
  if (session.json) {
    session.print_json(answer);
  } else {
    session.out << printable(answer.text);
    if (!answer.text.ends_with('\n')) session.out << '\n';
    if (answer.by == "run") {
      session.err << "(" << answer.from
                  << " sent no reply: these are the last words of the round that read it)\n";
    }
  }
  session.out.flush();
  if (!answer.message || client.in_round()) return;
  api::DoneRequest done;
  done.ids = {answer.message->str()};
  static_cast<void>(client.done_with(done));  // else it is shown once more
}

class Send final : public Command {
  void declare(Options& options) override {
    options.positional("TO", request_.to, "An agent, or \"supervisor\"");
    options.text("TEXT", request_.text, "The message; - reads it from standard input", false);
    kind_.declare(options, {"task", "query", "informational", "confirmation", "custom", "ping",
                            "status_request", "shutdown"});
    posting_.declare(options);
    options.value("--reply-to", request_.reply_to, "The message that it answers");
    options.flag("--all", all_, "To every agent that takes work: TEXT only");
  }
  Status run(Session& session) override {
    if (all_) {
      request_.text = request_.to + (request_.text.empty() ? "" : " " + request_.text);
      request_.to.clear();
    }
    if (auto filled = kind_.fill(request_); !filled) return filled;
    if (auto filled = posting_.fill(request_); !filled) return filled;
    if (all_) return broadcast(session, request_);
    auto client = session.client();
    if (!client) return fail(client.error());
    const auto message = client->send(request_);
    if (!message) return fail(message.error());
    if (session.json) {
      session.print_json(*message);
      return {};
    }
    if (message->type == MessageType::ping || message->type == MessageType::status_request) {
      const auto answer = client->wait_answer(message->id.str(), std::nullopt);
      if (!answer) return fail(answer.error());
      print_answer(session, *client, *answer);
      return {};
    }
    session.out << "sent to " << request_.to << " (" << enum_name(message->type) << ")\n";
    return {};
  }
  api::SendRequest request_;
  Kind kind_;
  Posting posting_;
  bool all_ = false;
};

class Broadcast final : public Command {
  void declare(Options& options) override {
    options.text("TEXT", request_.text, "The message; - reads it from standard input");
    kind_.declare(options, {"task", "query", "informational", "confirmation", "custom"});
    posting_.declare(options);
  }
  Status run(Session& session) override {
    if (auto filled = kind_.fill(request_); !filled) return filled;
    if (auto filled = posting_.fill(request_); !filled) return filled;
    return broadcast(session, request_);
  }
  api::SendRequest request_;
  Kind kind_;
  Posting posting_;
};

class Ask final : public Command {
  void declare(Options& options) override {
    options.positional("AGENT", request_.to, "An agent, or \"supervisor\": its people", false);
    options.text("TEXT", request_.text, "The question; - reads it from standard input", false);
    posting_.declare(options);
    options.seconds("--timeout", timeout_, "Seconds to wait at most; then the exit code is 5");
    options.value("--wait", wait_, "Goes on waiting for the answer to an earlier question: its id");
  }
  Status run(Session& session) override {
    if (wait_.empty() == request_.to.empty())
      return fail(Errc::invalid_argument, "say whom to ask and what, or --wait ID");
    if (auto filled = posting_.fill(request_); !filled) return filled;
    auto client = session.client();
    if (!client) return fail(client.error());
    if (wait_.empty()) {
      request_.type = MessageType::query;
      const auto question = client->send(request_);
      if (!question) return fail(question.error());
      wait_ = question->id.str();
    }
    std::optional<std::chrono::milliseconds> timeout;
    if (timeout_) timeout = std::chrono::milliseconds(static_cast<std::int64_t>(*timeout_ * 1000));
    const auto answer = client->wait_answer(wait_, timeout);
    if (!answer) {
      const bool asked = answer.error().is(Errc::timeout) || answer.error().is(Errc::unavailable);
      if (!asked) return fail(answer.error());
      return fail(answer.error().code(),
                  "there is no answer yet; the question stays asked: reeve ask --wait " + wait_);
    }
    print_answer(session, *client, *answer);
    return {};
  }
  api::SendRequest request_;
  Posting posting_;
  std::optional<double> timeout_;
  std::string wait_;
};

class Reply final : public Command {
  void declare(Options& options) override {
    options.positional("ID", id_, "A message to you: its id, or its first digits");
    options.text("TEXT", text_, "The answer; - reads it from standard input");
  }
  Status run(Session& session) override {
    const auto text = read_text(text_);
    if (!text) return fail(text.error());
    auto client = session.client();
    if (!client) return fail(client.error());
    const auto message = client->reply(id_, *text);
    if (!message) return fail(message.error());
    if (session.json) {
      session.print_json(*message);
    } else {
      session.out << "answered " << id_ << '\n';
    }
    return {};
  }
  std::string id_;
  std::string text_;
};

}  // namespace

std::unique_ptr<Command> make_send() { return make_command<Send>(); }
std::unique_ptr<Command> make_broadcast() { return make_command<Broadcast>(); }
std::unique_ptr<Command> make_ask() { return make_command<Ask>(); }
std::unique_ptr<Command> make_reply() { return make_command<Reply>(); }

}  // namespace reeve::cli
