#include "redis.h"

#ifdef REEVE_HIREDIS

#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/wait.h>

#include <array>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "harness.h"

extern char** environ;

namespace reeve::bench {
namespace {

constexpr auto kWindow = std::chrono::seconds(2);

}  // namespace

struct BareRedis::Server {
  Server(const std::filesystem::path& folder, bool sync_always) : socket_(folder / "redis.sock") {
    std::vector<std::string> words{"redis-server",
                                   "--port",
                                   "0",
                                   "--unixsocket",
                                   socket_,
                                   "--dir",
                                   folder,
                                   "--save",
                                   "",
                                   "--appendonly",
                                   sync_always ? "yes" : "no",
                                   "--appendfsync",
                                   sync_always ? "always" : "no",
                                   "--logfile",
                                   (folder / "redis.log").string()};
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    if (::posix_spawnp(&pid_, "redis-server", nullptr, nullptr, argv.data(), environ) != 0)
      pid_ = 0;
  }
  ~Server() {
    if (pid_ == 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Null: it does not come up.
  redisContext* connect() const {
    for (int tries = 0; pid_ != 0 && tries < 500; ++tries) {
      auto* context = redisConnectUnix(socket_.c_str());
      if (context != nullptr && context->err == 0) return context;
      if (context != nullptr) redisFree(context);
      ::poll(nullptr, 0, 10);
    }
    return nullptr;
  }

  std::string socket_;
  pid_t pid_ = 0;
};

namespace {

struct Client {
  redisContext* context = nullptr;
  int step = 0;  // which of an event's three
};

void send(Client& client, std::uint64_t number, const std::string& body) {
  static constexpr std::array<const char*, 3> kStreams{"town", "agent", "mission"};
  const auto which = static_cast<std::size_t>(client.step);
  const auto key = std::string("tt:t:stream:") + kStreams[which] +
                   (which == 0 ? "" : std::to_string(number % (which == 1 ? 1'000 : 7)));
  redisAppendCommand(client.context, "XADD %s MAXLEN ~ 10000 * event %b", key.c_str(), body.data(),
                     body.size());
  int done = 0;
  while (done == 0) {
    if (redisBufferWrite(client.context, &done) != REDIS_OK)
      throw std::runtime_error(client.context->errstr);
  }
}

}  // namespace

BareRedis::BareRedis(const std::filesystem::path& folder, bool sync_always)
    : server_(std::make_unique<Server>(folder, sync_always)) {
  auto* context = server_->connect();
  up_ = context != nullptr;
  if (up_) redisFree(context);
}
BareRedis::~BareRedis() = default;

const std::string& BareRedis::socket() const { return server_->socket_; }

double BareRedis::three_xadds(int clients) const {
  const std::string body(350, 'x');
  const Fd poller(::epoll_create1(EPOLL_CLOEXEC));
  std::vector<Client> all(static_cast<std::size_t>(clients));
  for (auto& client : all) {
    client.context = server_->connect();
    if (client.context == nullptr) throw std::runtime_error("redis-server is gone");
    epoll_event event{.events = EPOLLIN, .data = {.ptr = &client}};
    ::epoll_ctl(poller.get(), EPOLL_CTL_ADD, client.context->fd, &event);
  }
  std::uint64_t number = 0, events = 0;
  const auto start = Clock::now();
  for (auto& client : all) send(client, ++number, body);
  std::array<epoll_event, 64> ready{};
  while (Clock::now() - start < kWindow) {
    const int n = ::epoll_wait(poller.get(), ready.data(), static_cast<int>(ready.size()), 100);
    for (int i = 0; i < n; ++i) {
      auto& client = *static_cast<Client*>(ready[static_cast<std::size_t>(i)].data.ptr);
      if (redisBufferRead(client.context) != REDIS_OK)
        throw std::runtime_error(client.context->errstr);
      void* reply = nullptr;
      redisGetReplyFromReader(client.context, &reply);
      if (reply == nullptr) continue;
      if (static_cast<redisReply*>(reply)->type == REDIS_REPLY_ERROR)
        throw std::runtime_error(static_cast<redisReply*>(reply)->str);
      freeReplyObject(reply);
      client.step = (client.step + 1) % 3;
      if (client.step == 0) {
        ++events;
        ++number;
      }
      send(client, number, body);
    }
  }
  const auto took = Seconds(Clock::now() - start).count();
  for (auto& client : all) redisFree(client.context);
  return static_cast<double>(events) / took;
}

double BareRedis::pipelined_xadds(int events_at_a_time) const {
  const std::string body(350, 'x');
  auto* context = server_->connect();
  if (context == nullptr) throw std::runtime_error("redis-server is gone");
  std::uint64_t events = 0;
  const auto start = Clock::now();
  while (Clock::now() - start < kWindow) {
    for (int i = 0; i < events_at_a_time; ++i) {
      ++events;
      for (const auto& [which, of] : {std::pair{"town", 1U}, {"agent", 1'000U}, {"mission", 7U}}) {
        const auto key = std::string("tt:t:stream:") + which + std::to_string(events % of);
        redisAppendCommand(context, "XADD %s MAXLEN ~ 10000 * event %b", key.c_str(), body.data(),
                           body.size());
      }
    }
    for (int i = 0; i < 3 * events_at_a_time; ++i) {
      void* reply = nullptr;
      if (redisGetReply(context, &reply) != REDIS_OK) throw std::runtime_error(context->errstr);
      freeReplyObject(reply);
    }
  }
  const auto took = Seconds(Clock::now() - start).count();
  redisFree(context);
  return static_cast<double>(events) / took;
}

namespace {

using Reply =
    std::unique_ptr<redisReply, decltype([](redisReply* reply) { freeReplyObject(reply); })>;

Reply ask(redisContext* context, const std::vector<std::string>& words) {
  std::vector<const char*> texts;
  std::vector<std::size_t> sizes;
  for (const auto& word : words) {
    texts.push_back(word.data());
    sizes.push_back(word.size());
  }
  Reply reply(static_cast<redisReply*>(
      redisCommandArgv(context, static_cast<int>(words.size()), texts.data(), sizes.data())));
  if (!reply) throw std::runtime_error(context->errstr);
  if (reply->type == REDIS_REPLY_ERROR) throw std::runtime_error(reply->str);
  return reply;
}

using Context = std::unique_ptr<redisContext, decltype([](redisContext* c) { redisFree(c); })>;

}  // namespace

double BareRedis::calls(const std::vector<std::string>& words) const {
  const Context context(server_->connect());
  std::uint64_t calls = 0;
  const auto start = Clock::now();
  for (; Clock::now() - start < kWindow; ++calls) ask(context.get(), words);
  return static_cast<double>(calls) / Seconds(Clock::now() - start).count();
}

std::string BareRedis::get(const std::string& key) const {
  const Context context(server_->connect());
  const auto reply = ask(context.get(), {"GET", key});
  return reply->str == nullptr ? std::string() : std::string(reply->str, reply->len);
}

}  // namespace reeve::bench

#else

namespace reeve::bench {
struct BareRedis::Server {
  std::string none;
};
BareRedis::BareRedis(const std::filesystem::path&, bool) : server_(std::make_unique<Server>()) {}
BareRedis::~BareRedis() = default;
const std::string& BareRedis::socket() const { return server_->none; }
double BareRedis::three_xadds(int) const { return 0; }
double BareRedis::pipelined_xadds(int) const { return 0; }
double BareRedis::calls(const std::vector<std::string>&) const { return 0; }
std::string BareRedis::get(const std::string&) const { return {}; }
}  // namespace reeve::bench

#endif
