#include <ostream>

#include "base/secret.h"
#include "cli/commands.h"

namespace reeve::cli {
namespace {

class WebhookAdd final : public Command {
  void declare(Options& options) override {
    options.positional("URL", request_.url, "Where to POST each event");
    options.values("--kind", request_.kinds,
                   "Only events of this kind, e.g. TaskCompleted (repeatable)");
    options.values("--scope", request_.scopes,
                   "Only events about agent:NAME, task:ID, run:ID, thread:ID (repeatable)");
    options.value("--after", request_.after, "A cursor: tell what comes behind it, not from now");
    options.value("--secret-file", secret_file_,
                  "A 0600 file with the signing secret (whsec_...); without it one is made");
    options.flag("--allow-http", request_.allow_http,
                 "Plain http to another machine: everybody on the way can read it");
  }
  Status run(Session& session) override {
    if (!secret_file_.empty()) {
      const auto secret = secret_from_file(secret_file_);
      if (!secret) return fail(secret.error());
      request_.secret = secret->reveal();
    }
    auto client = session.client();
    if (!client) return fail(client.error());
    const auto made = client->add_webhook(request_);
    if (!made) return fail(made.error());
    if (session.json) {
      session.print_json(*made);
      return {};
    }
    session.out << "webhook " << made->webhook.id.short_str() << " tells " << made->webhook.origin
                << '\n';
    if (secret_file_.empty()) {
      session.err << "its deliveries are signed with this secret, which is not shown again:\n";
      session.out << made->secret.value_or("") << '\n';
    }
    return {};
  }
  api::WebhookRequest request_;
  std::string secret_file_;
};

std::string wanted(const Webhook& webhook) {
  std::string text;
  const auto add = [&](std::string_view word) {
    text += (text.empty() ? "" : ", ") + std::string(word);
  };
  for (const auto& kind : webhook.kinds) add(kind);
  for (const auto& scope : webhook.scopes) {
    add(std::string(scope.family()) + ":" + std::string(scope.id().substr(0, 4)));
  }
  return text.empty() ? "everything" : text;
}

class WebhookList final : public Command {
  void declare(Options& /*options*/) override {}
  Status run(Session& session) override {
    auto client = session.client();
    if (!client) return fail(client.error());
    const auto webhooks = client->webhooks();
    if (!webhooks) return fail(webhooks.error());
    if (session.json) {
      session.print_json(*webhooks);
      return {};
    }
    if (webhooks->empty()) session.err << "there are no webhooks (reeve webhook add URL)\n";
    Table table;
    for (const auto& view : *webhooks) {
      const auto& webhook = view.webhook;
      const bool active = webhook.state == WebhookState::active;
      std::string state(enum_name(webhook.state));
      if (!active) state += ": " + webhook.reason;
      std::string dead;
      if (view.dead > 0) dead = session.paint(Colour::red, std::to_string(view.dead) + " dead");
      table.row({webhook.id.short_str(), one_line(view.url, 60),
                 session.paint(active ? Colour::green : Colour::red, state),
                 std::to_string(view.waiting) + " waiting",
                 std::to_string(view.delivered) + " delivered today", dead,
                 one_line(wanted(webhook), 60)});
    }
    table.print(session.out);
    return {};
  }
};

/// The commands that change one webhook and say so.
class WebhookChange : public Command {
 public:
  WebhookChange(std::string action, std::string done)
      : action_(std::move(action)), done_(std::move(done)) {}

 private:
  void declare(Options& options) override {
    options.positional("WEBHOOK", webhook_, "Its id, or the first digits");
  }
  Status run(Session& session) override {
    auto client = session.client();
    if (!client) return fail(client.error());
    const auto webhook = client->change_webhook(webhook_, action_);
    if (!webhook) return fail(webhook.error());
    if (session.json) {
      session.print_json(*webhook);
    } else {
      session.out << "webhook " << webhook->id.short_str() << " is " << done_ << '\n';
    }
    return {};
  }
  std::string action_;
  std::string done_;
  std::string webhook_;
};

class WebhookEnable final : public WebhookChange {
 public:
  WebhookEnable() : WebhookChange("enable", "active") {}
};
class WebhookRemove final : public WebhookChange {
 public:
  WebhookRemove() : WebhookChange("remove", "removed") {}
};

class WebhookTest final : public Command {
  void declare(Options& options) override {
    options.positional("WEBHOOK", webhook_, "Its id, or the first digits");
  }
  Status run(Session& session) override {
    auto client = session.client();
    if (!client) return fail(client.error());
    const auto test = client->test_webhook(webhook_);
    if (!test) return fail(test.error());
    if (session.json) session.print_json(*test);
    if (!test->error.empty()) return fail(Errc::unavailable, "the test failed: " + test->error);
    if (!session.json) {
      session.out << "it answered " << test->status << " after " << test->took_ms.count()
                  << " ms\n";
    }
    return {};
  }
  std::string webhook_;
};

class WebhookDead final : public Command {
  void declare(Options& options) override {
    options.positional("WEBHOOK", webhook_, "Its id, or the first digits");
    options.rest("ID", ids_, "With --retry and --discard: only these deliveries");
    options.flag("--retry", retry_, "Try them again");
    options.flag("--discard", discard_, "Forget them");
  }
  Status run(Session& session) override {
    if (retry_ && discard_) return fail(Errc::invalid_argument, "one of --retry and --discard");
    auto client = session.client();
    if (!client) return fail(client.error());
    if (!retry_ && !discard_) return print(session, *client);
    const auto done = client->settle_dead(webhook_, retry_ ? "retry" : "discard", ids_);
    if (!done) return fail(done.error());
    if (session.json) {
      session.print_json(*done);
    } else {
      session.out << done->number << (retry_ ? " are tried again\n" : " are forgotten\n");
    }
    return {};
  }
  Status print(Session& session, client::Client& client) {
    std::uint64_t after = 0;
    Table table;
    for (;;) {
      const auto page = client.dead_deliveries(webhook_, after);
      if (!page) return fail(page.error());
      for (const auto& dead : page->dead) {
        if (session.json) {
          session.print_json(dead);
        } else {
          table.row({dead.id, to_rfc3339(dead.since), std::to_string(dead.attempts) + " attempts",
                     one_line(dead.error, 72)});
        }
      }
      if (!page->next) break;
      after = *page->next;
    }
    table.print(session.out);
    return {};
  }
  std::string webhook_;
  std::vector<std::string> ids_;
  bool retry_ = false;
  bool discard_ = false;
};

}  // namespace

std::unique_ptr<Command> make_webhook_add() { return make_command<WebhookAdd>(); }
std::unique_ptr<Command> make_webhook_list() { return make_command<WebhookList>(); }
std::unique_ptr<Command> make_webhook_enable() { return make_command<WebhookEnable>(); }
std::unique_ptr<Command> make_webhook_remove() { return make_command<WebhookRemove>(); }
std::unique_ptr<Command> make_webhook_test() { return make_command<WebhookTest>(); }
std::unique_ptr<Command> make_webhook_dead() { return make_command<WebhookDead>(); }

}  // namespace reeve::cli
