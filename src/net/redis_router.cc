#include "net/redis_router.h"

#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <charconv>
#include <exception>
#include <map>
#include <optional>
#include <utility>

#include "aio/real_env.h"

namespace reeve::net {
namespace {

using namespace std::chrono_literals;

/// How long one node of a cluster is waited for before another one is asked.
constexpr std::chrono::milliseconds kNodeAway = 1s;
/// Redirects in a row with no command run in between, before a pause: a slot that moves while we
/// follow is sent on once or twice.
constexpr int kHops = 8;
constexpr std::chrono::nanoseconds kFirstPause = 10ms;
constexpr std::chrono::nanoseconds kLongestPause = 250ms;

/// What a town is while its slot moves. It is in two parts then, and whole in neither.
Error moving() {
  return {Errc::unavailable,
          "the keys of the town are moving in its Redis Cluster; try again later"};
}

bool is_script(const RedisWords& words) {
  return words.front() == "EVALSHA" || words.front() == "EVAL";
}

bool same_place(const HostPort& a, const HostPort& b) {
  return a.host == b.host && a.port == b.port;
}

/// The nodes that CLUSTER SLOTS names: [first, last, [host, port, id, ...], ...] for each range.
std::vector<HostPort> nodes_of(const RedisReply& slots, const std::string& asked_host) {
  std::vector<HostPort> out;
  for (const auto& range : slots.elements) {
    for (std::size_t i = 2; i < range.elements.size(); ++i) {
      const auto& node = range.elements[i].elements;
      if (node.size() < 2 || node[1].integer <= 0 || node[1].integer > 65535) continue;
      const auto& host = node[0].text.empty() || node[0].text == "?" ? asked_host : node[0].text;
      const auto port = static_cast<std::uint16_t>(node[1].integer);
      auto where = read_host_port(host.contains(':') ? "[" + host + "]" : host, port);
      const bool known = !where || std::ranges::any_of(out, [&](const HostPort& one) {
        return same_place(one, *where);
      });
      if (!known && out.size() < limits::kRedisNodes) out.push_back(std::move(*where));
    }
  }
  return out;
}

/// The primaries that CLUSTER NODES names, also those without slots: "ID HOST:PORT@BUS[,NAME] FLAGS
/// ..." in each line.
std::vector<HostPort> primaries_of(std::string_view nodes) {
  std::vector<HostPort> out;
  while (!nodes.empty() && out.size() < limits::kRedisNodes) {
    const auto line = nodes.substr(0, nodes.find('\n'));
    nodes.remove_prefix(std::min(line.size() + 1, nodes.size()));
    const auto begin = line.find(' ') + 1;
    const auto bus = line.find('@', begin);
    const auto flags = line.find(' ', begin);
    if (bus == line.npos || flags == line.npos || bus > flags) continue;
    if (!line.substr(flags, line.find(' ', flags + 1) - flags).contains("master")) continue;
    const auto where = line.substr(begin, bus - begin);
    const auto colon = where.rfind(':');
    if (colon == where.npos || colon == 0) continue;
    const std::string host(where.substr(0, colon));
    std::uint16_t port = 0;
    std::from_chars(where.data() + colon + 1, where.data() + where.size(), port);
    if (port == 0) continue;
    auto place = read_host_port(host.contains(':') ? "[" + host + "]" : host, port);
    if (place) out.push_back(std::move(*place));
  }
  return out;
}

}  // namespace

struct RedisRouter::State {
  State(asio::any_io_executor where, Env& e, RedisAddress whom, std::string any_key,
        RedisOptions how)
      : executor(where),
        env(e),
        first(std::move(whom)),
        key(std::move(any_key)),
        options(std::move(how)),
        group(where) {}

  struct Node {
    Node(State& state, const RedisAddress& where, RedisOptions how)
        : address(where), connection(state.executor, state.env, where, std::move(how)) {}
    RedisAddress address;
    RedisConnection connection;
  };
  using NodePtr = std::shared_ptr<Node>;
  /// What became of the commands of one pipeline.
  struct Pipeline {
    std::vector<RedisWords> commands;
    RedisReplies replies;
    std::vector<std::size_t> left;        // those that have not run, in their order
    bool begun = false;                   // one has run
    std::optional<RedisRedirect> asking;  // the first of `left` is to be asked there, this once
    NodePtr asked;                        // the node that said so
  };

  static Async<bool> is_split(std::shared_ptr<State> self);
  static Async<Result<RedisReplies>> ask_all(std::shared_ptr<State> self,
                                             std::vector<RedisWords> commands);
  Async<Result<RedisReplies>> ask_once(NodePtr node, const Pipeline& pipeline);
  bool sort_out(RedisReplies replies, const NodePtr& node, Pipeline& pipeline);

  NodePtr node_of_slot(const RedisAddress& where);
  NodePtr other_node(const RedisAddress& where);
  Async<Status> greet(RedisAsk ask, HostPort where);
  Async<> retire(NodePtr node);
  void move_to(const NodePtr& from, HostPort to);
  void try_another(const NodePtr& away);
  NodePtr asking_node(const RedisRedirect& redirect, const NodePtr& from);
  Result<HostPort> place_of(const RedisRedirect& redirect, const NodePtr& from) const;

  asio::any_io_executor executor;
  Env& env;
  const RedisAddress first;
  const std::string key;
  const RedisOptions options;
  NodePtr current;
  std::map<std::string, NodePtr> asking;  // nodes that a slot is just moving to
  std::vector<HostPort> known;
  std::vector<HostPort> primaries;
  std::size_t next_known = 0;
  std::uint64_t generation = 0;
  bool closing = false;
  aio::TaskGroup group;
};

/// One that is thought to have the slot: its owner greets it.
RedisRouter::State::NodePtr RedisRouter::State::node_of_slot(const RedisAddress& where) {
  auto how = options;
  if (first.cluster) how.away_limit = std::min(how.away_limit, kNodeAway);
  how.greet = [this, place = where.tcp](RedisAsk ask, std::uint64_t) {
    return greet(std::move(ask), place);
  };
  return std::make_shared<Node>(*this, where, std::move(how));
}

RedisRouter::State::NodePtr RedisRouter::State::other_node(const RedisAddress& where) {
  auto how = options;
  how.away_limit = std::min(how.away_limit, kNodeAway);
  how.greet = nullptr;
  return std::make_shared<Node>(*this, where, std::move(how));
}

/// On a connection to the node that is thought to have the slot.
Async<Status> RedisRouter::State::greet(RedisAsk ask, HostPort where) {
  if (first.cluster) {
    RedisWords words{"CLUSTER", "SLOTS"};
    const auto slots = co_await ask(std::move(words));
    if (!slots) co_return fail(slots.error());
    if (slots->is_error()) {
      co_return fail(Errc::invalid_argument, "Redis at " + where.text() +
                                                 " is no cluster (it says \"" + slots->text +
                                                 "\"): leave cluster=true out of its address");
    }
    known = nodes_of(*slots, where.host);
    words = {"CLUSTER", "NODES"};
    if (const auto nodes = co_await ask(std::move(words)); nodes && !nodes->is_error())
      primaries = primaries_of(nodes->text);
    words = {"EXISTS", key};
    const auto probe = co_await ask(std::move(words));
    if (!probe) co_return fail(probe.error());
    if (!same_place(current->address.tcp, where)) co_return Status();  // left meanwhile
    if (const auto redirect = redirect_of(*probe)) {
      if (!redirect->for_good) co_return fail(moving());
      const auto to = place_of(*redirect, current);
      if (to) move_to(current, *to);  // who waits here is told so, too
      if (to) co_return Status();
    }
  }
  if (options.greet) {
    const auto greeted = co_await options.greet(std::move(ask), generation + 1);
    if (!greeted) co_return greeted;
  }
  ++generation;
  co_return Status();
}

Async<Result<RedisReplies>> RedisRouter::State::ask_all(std::shared_ptr<State> self,
                                                        std::vector<RedisWords> commands) {
  const auto until = self->env.uptime() + self->options.away_limit;
  Pipeline pipeline{.commands = std::move(commands)};
  pipeline.replies.resize(pipeline.commands.size());
  for (std::size_t i = 0; i < pipeline.commands.size(); ++i) pipeline.left.push_back(i);
  auto pause = kFirstPause;
  int hops = 0;
  std::optional<Error> why;
  while (!pipeline.left.empty()) {
    if (self->closing) {
      why = Error(Errc::unavailable, "the connection to Redis is closed");
      break;
    }
    const auto node =
        pipeline.asking ? self->asking_node(*pipeline.asking, pipeline.asked) : self->current;
    auto replies = co_await self->ask_once(node, pipeline);
    const auto asked = std::exchange(pipeline.asking, std::nullopt);
    if (!replies) {
      why = replies.error();
      // Only what has surely not run is asked again, of another node.
      if (!why->is(Errc::unavailable) || self->env.uptime() >= until) break;
      if (!asked) self->try_another(node);
      co_await aio::sleep(self->env, kFirstPause);
      continue;
    }
    const auto before = pipeline.left.size();
    const bool redirected = self->sort_out(std::move(*replies), node, pipeline);
    if (pipeline.left.empty()) break;
    hops = pipeline.left.size() < before ? 0 : hops + 1;
    if (redirected && hops < kHops) continue;
    if (self->env.uptime() + pause > until) {
      why = moving();
      break;
    }
    co_await aio::sleep(self->env, pause);
    pause = std::min(2 * pause, kLongestPause);
  }
  if (pipeline.left.empty()) co_return std::move(pipeline.replies);
  if (pipeline.begun && why->is(Errc::unavailable)) {
    co_return fail(Errc::unknown_outcome, why->message() + "; a part of what was asked has run");
  }
  co_return fail(*why);
}

/// Who takes a slot over lets those see its keys who say that they were sent there.
Async<bool> RedisRouter::State::is_split(std::shared_ptr<State> self) {
  const auto primaries = self->primaries;
  for (const auto& place : primaries) {
    if (self->closing || same_place(place, self->current->address.tcp)) continue;
    auto address = self->first;
    address.tcp = place;
    const auto node = self->other_node(address);
    std::vector<RedisWords> words;
    words.push_back({"ASKING"});
    words.push_back({"EXISTS", self->key});
    const auto replies = co_await node->connection.ask_all(std::move(words));
    co_await node->connection.close();
    if (replies && !replies->back().is_error()) co_return true;
  }
  co_return false;
}

/// What is left of it, on that node; of what is to be asked there this once, the first.
Async<Result<RedisReplies>> RedisRouter::State::ask_once(NodePtr node, const Pipeline& pipeline) {
  std::vector<RedisWords> words;
  if (pipeline.asking) {
    words.push_back({"ASKING"});
    words.push_back(pipeline.commands[pipeline.left.front()]);
    auto replies = co_await node->connection.ask_all(std::move(words));
    if (replies) replies->erase(replies->begin());
    co_return replies;
  }
  words.reserve(pipeline.left.size());
  for (const auto index : pipeline.left) words.push_back(pipeline.commands[index]);
  co_return co_await node->connection.ask_all(std::move(words));
}

/// Takes the replies of what has run; the rest stays. True: it is to be asked elsewhere, at once.
bool RedisRouter::State::sort_out(RedisReplies replies, const NodePtr& node, Pipeline& pipeline) {
  bool redirected = false;
  std::vector<std::size_t> left;
  for (std::size_t i = 0; i < pipeline.left.size(); ++i) {
    const auto index = pipeline.left[i];
    if (i >= replies.size()) {
      left.push_back(index);  // asked was the first only
      redirected = true;
      continue;
    }
    auto& reply = replies[i];
    const auto redirect = redirect_of(reply);
    const auto to = redirect ? place_of(*redirect, node) : Result<HostPort>();
    if (redirect && !redirect->for_good && is_script(pipeline.commands[index])) {
      left.push_back(index);
    } else if (redirect && to) {
      if (redirect->for_good) move_to(node, *to);
      if (!redirect->for_good && left.empty()) {
        pipeline.asking = *redirect;
        pipeline.asked = node;
      }
      redirected = true;
      left.push_back(index);
    } else if (passes(reply) || (!left.empty() && pipeline.commands[index].front() == "WAIT")) {
      left.push_back(index);
    } else {
      pipeline.replies[index] = std::move(reply);
      pipeline.begun = true;
    }
  }
  pipeline.left = std::move(left);
  return redirected;
}

Result<HostPort> RedisRouter::State::place_of(const RedisRedirect& redirect,
                                              const NodePtr& from) const {
  const auto& host = redirect.host.empty() ? from->address.tcp.host : redirect.host;
  return read_host_port(host.contains(':') ? "[" + host + "]" : host, redirect.port);
}

/// The slot has moved from the node that said so, unless somebody has followed it already.
void RedisRouter::State::move_to(const NodePtr& from, HostPort to) {
  if (closing || from != current) return;
  auto address = first;
  address.tcp = std::move(to);
  // A new connection even where there is one for ASK: this one is greeted.
  const auto old = std::exchange(current, node_of_slot(address));
  group.spawn("a redis node that was left", retire(old));
}

void RedisRouter::State::try_another(const NodePtr& away) {
  if (!first.cluster || closing || away != current) return;
  for (std::size_t i = 0; i < known.size(); ++i) {
    auto to = known[next_known++ % known.size()];
    if (same_place(to, away->address.tcp)) continue;
    return move_to(away, std::move(to));
  }
  if (!same_place(first.tcp, away->address.tcp)) move_to(away, first.tcp);
}

RedisRouter::State::NodePtr RedisRouter::State::asking_node(const RedisRedirect& redirect,
                                                            const NodePtr& from) {
  auto address = first;
  address.tcp = place_of(redirect, from).value();
  auto& node = asking[address.tcp.text()];
  if (!node) node = other_node(address);
  return node;
}

/// Its asks come to their ends first.
Async<> RedisRouter::State::retire(NodePtr node) {
  try {
    co_await node->connection.finish();
    co_return;
  } catch (const std::exception&) {  // cancelled: at once, then
  }
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await node->connection.close();
}

RedisRouter::RedisRouter(asio::any_io_executor executor, Env& env, RedisAddress address,
                         std::string key, RedisOptions options)
    : state_(std::make_shared<State>(std::move(executor), env, std::move(address), std::move(key),
                                     std::move(options))) {
  state_->current = state_->node_of_slot(state_->first);
}

RedisRouter::~RedisRouter() = default;

Async<Result<RedisReply>> RedisRouter::ask(RedisWords words) {
  const auto self = state_;
  if (!self->first.cluster) {
    const auto node = self->current;
    co_return co_await node->connection.ask(std::move(words));
  }
  std::vector<RedisWords> commands;
  commands.push_back(std::move(words));
  auto replies = co_await State::ask_all(self, std::move(commands));
  if (!replies) co_return fail(replies.error());
  co_return settled(std::move(replies->front()));
}

Async<Result<RedisReplies>> RedisRouter::ask_all(std::vector<RedisWords> commands) {
  const auto self = state_;
  if (!self->first.cluster) {
    const auto node = self->current;
    co_return co_await node->connection.ask_all(std::move(commands));
  }
  co_return co_await State::ask_all(self, std::move(commands));
}

bool RedisRouter::tell(std::string& command, RedisDone& done) {
  return !state_->first.cluster && state_->current->connection.tell(command, done);
}

std::uint64_t RedisRouter::generation() const { return state_->generation; }
bool RedisRouter::connected() const { return state_->current->connection.connected(); }
Async<bool> RedisRouter::is_split() {
  const auto self = state_;
  if (!self->first.cluster) co_return false;
  co_return co_await State::is_split(self);
}

bool RedisRouter::in_cluster() const { return state_->first.cluster; }
RedisAddress RedisRouter::address() const { return state_->current->address; }

Async<> RedisRouter::close() {
  const auto self = state_;
  co_await asio::this_coro::throw_if_cancelled(false);
  self->closing = true;
  self->group.cancel();
  co_await self->group.join();
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await self->current->connection.close();
  for (const auto& [name, node] : self->asking) {
    co_await asio::this_coro::throw_if_cancelled(false);
    co_await node->connection.close();
  }
}

}  // namespace reeve::net
