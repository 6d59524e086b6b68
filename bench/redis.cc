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
#include <vector>

#include "base/fd.h"
#include "harness.h"

extern char** environ;

namespace reeve::bench {
namespace {

constexpr auto kWindow = std::chrono::seconds(2);

/// A redis-server of its own, gone with this.
class Server {
 public:
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

 private:
  std::string socket_;
  pid_t pid_ = 0;
};

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

std::optional<double> redis_events(const std::filesystem::path& folder, int clients,
                                   bool sync_always) {
  const Server server(folder, sync_always);
  const std::string body(350, 'x');
  const Fd poller(::epoll_create1(EPOLL_CLOEXEC));
  std::vector<Client> all(static_cast<std::size_t>(clients));
  for (auto& client : all) {
    client.context = server.connect();
    if (client.context == nullptr) return std::nullopt;
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

}  // namespace reeve::bench

#else

namespace reeve::bench {
std::optional<double> redis_events(const std::filesystem::path&, int, bool) { return std::nullopt; }
}  // namespace reeve::bench

#endif
