#pragma once

#include <gtest/gtest.h>

#include <boost/asio/post.hpp>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "aio/task_group.h"
#include "doors/rest/routes.h"
#include "llm/scripted.h"
#include "run/testing.h"
#include "town/desk.h"
#include "town/supervisor.h"

/// What the tests of the door share.
namespace reeve::doors {

using run::testing::World;

/// Keeps what a stream says.
class Collector final : public net::Writer {
 public:
  std::string text;
  aio::Async<Status> write(std::string_view bytes) override {
    text += bytes;
    co_return Status();
  }
};

/// What came back, as a client reads it.
struct Reply {
  int status = 0;
  json::value body;
  bool is_stream = false;
  net::Headers headers;
  std::string text;

  [[nodiscard]] std::string code() const {
    const auto* object = body.if_object();
    return object != nullptr && object->contains("code")
               ? std::string(object->at("code").as_string())
               : "";
  }
  [[nodiscard]] std::string detail() const { return std::string(body.at("detail").as_string()); }
};

/// The door over a whole town without a socket and without processes.
class DoorTest : public ::testing::Test {
 protected:
  DoorTest() {
    run::Runs::Options options;
    options.rounds = world_.dir.path() / "rounds";
    options.root = world_.dir.path();
    runs_ = std::make_unique<run::Runs>(world_.env, world_.loop.get_executor(), world_.log,
                                        world_.machine, supervisor_, options);
    EXPECT_TRUE(world_.await(supervisor_.start(*runs_)));
    invocation_.set_desk(desk_);
    world_.quiet();
  }
  ~DoorTest() override {
    world_.await(invocation_.close());
    world_.await(supervisor_.close());
    world_.await(runs_->close());
  }

  Reply ask(std::string method, std::string target, std::string body = "",
            net::Headers headers = {}) {
    net::Request request;
    request.method = std::move(method);
    request.target = std::move(target);
    request.body = std::move(body);
    request.headers = std::move(headers);
    EXPECT_TRUE(net::read_target(request)) << request.target;
    auto answered = world_.await(answer(rest_, std::move(request)));
    Reply reply;
    reply.status = answered.response.status;
    reply.is_stream = answered.stream != nullptr;
    reply.headers = answered.response.headers;
    reply.text = answered.response.body;
    if (auto parsed = parse_json(reply.text)) reply.body = *parsed;
    return reply;
  }
  Reply get(std::string target) { return ask("GET", std::move(target)); }
  Reply post(std::string target, const json::value& body, net::Headers headers = {}) {
    return ask("POST", std::move(target), write_json(body), std::move(headers));
  }
  void spawn(const std::string& name) {
    ASSERT_EQ(post("/v1/agents", {{"name", name}, {"cli", "worker"}}).status, 201);
  }
  std::string assign(const std::string& agent, const std::string& text) {
    const auto reply = post("/v1/agents/" + agent + "/tasks", {{"text", text}});
    EXPECT_EQ(reply.status, 201) << reply.text;
    return std::string(reply.body.at("id").as_string());
  }
  static std::vector<std::string> kinds(const Reply& reply) {
    std::vector<std::string> out;
    for (const auto& event : reply.body.at("events").as_array())
      out.emplace_back(event.at("kind").as_string());
    return out;
  }
  static std::string cursor(const Reply& reply) {
    return std::string(reply.body.at("cursor").as_string());
  }

  Async<Result<net::Response>> send(net::OutgoingRequest request) {
    sent_.push_back(std::move(request));
    net::Response answer;
    answer.status = 500;
    co_return answer;
  }

  void provide(std::string name, const char* script) {
    auto read = llm::read_script(parse_json(script).value()).value();
    providers_.put(
        std::make_shared<llm::ScriptedProvider>(std::move(name), world_.env, std::move(read)));
  }
  /// The whole body of a stream that ends.
  std::string read_stream(std::string method, std::string target, std::string body,
                          net::Headers headers) {
    net::Request request;
    request.method = std::move(method);
    request.target = std::move(target);
    request.body = std::move(body);
    request.headers = std::move(headers);
    EXPECT_TRUE(net::read_target(request)) << request.target;
    auto answered = world_.await(answer(rest_, std::move(request)));
    EXPECT_TRUE(answered.stream) << answered.response.body;
    Collector collector;
    if (answered.stream) world_.await(answered.stream(collector));
    return collector.text;
  }
  /// The caller is gone as soon as the daemon begins to answer. Whether it had begun.
  bool hang_up(std::string method, std::string target, std::string body) {
    net::Request request;
    request.method = std::move(method);
    request.target = std::move(target);
    request.body = std::move(body);
    EXPECT_TRUE(net::read_target(request)) << request.target;
    aio::TaskGroup callers(world_.loop.get_executor());
    const auto work = [](Rest& rest, net::Request asked) -> Async<> {
      static_cast<void>(co_await answer(rest, std::move(asked)));
    };
    callers.spawn("a caller", work(rest_, std::move(request)));
    world_.loop.restart();
    world_.loop.poll_one();
    const bool begun = !callers.empty();
    // On the loop, as a server does it.
    boost::asio::post(world_.loop, [&] { callers.cancel(); });
    world_.await(callers.join());
    return begun;
  }

  World world_;
  llm::Registry providers_;
  tool::Registry tools_;
  run::Invocation invocation_{world_.env, world_.loop.get_executor(), world_.log, providers_,
                              tools_,     run::Invocation::Options()};
  town::Ground ground_{world_.env, world_.log, "oak", "worker"};
  town::Desk desk_{ground_};
  town::Supervisor supervisor_{ground_, world_.loop.get_executor(), town::Supervisor::Options()};
  std::unique_ptr<run::Runs> runs_;
  std::vector<api::StopMode> stops_;
  std::vector<net::OutgoingRequest> sent_;  // by webhooks
  town::Webhooks webhooks_{
      ground_, world_.loop.get_executor(),
      [this](net::OutgoingRequest request) { return send(std::move(request)); },
      town::Webhooks::Options()};
  Rest rest_{.ground = ground_,
             .root = world_.dir.path(),
             .rounds = world_.dir.path() / "rounds",
             .store = "memory",
             .durability = "memory",
             .version = "1.2.3",
             .started_at = world_.env.now(),
             .webhooks = webhooks_,
             .invocation = invocation_,
             .providers = providers_,
             .stop = [this](api::StopMode mode) { stops_.push_back(mode); }};
};

}  // namespace reeve::doors
