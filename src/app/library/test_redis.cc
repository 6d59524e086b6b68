#include "app/library/test_redis.h"

#include "net/redis_testing.h"

namespace reeve::library_tests {
namespace {

net::testing::RedisServerOptions options_of(const TestRedis::Options& asked) {
  net::testing::RedisServerOptions options;
  options.tcp = asked.at == TestRedis::At::tcp;
  options.tls = asked.at == TestRedis::At::tls;
  options.password = asked.password;
  if (asked.durable) options.lines = {"appendonly yes", "appendfsync always"};
  return options;
}

}  // namespace

struct TestRedis::Server : net::testing::RedisServer {
  using RedisServer::RedisServer;
};

bool has_redis() { return net::testing::has_redis(); }

TestRedis::TestRedis(const Options& options)
    : server_(std::make_unique<Server>(options_of(options))) {}
TestRedis::~TestRedis() = default;

void TestRedis::kill() { server_->kill(); }
void TestRedis::start() { server_->start(); }
std::string TestRedis::url() const { return server_->url(); }
std::string TestRedis::socket() const { return server_->address().unix_socket.string(); }
long long TestRedis::ask(const std::vector<std::string>& words) const {
  return server_->ask(words).integer;
}

}  // namespace reeve::library_tests
