#pragma once

#include <memory>

#include <boost/asio/any_io_executor.hpp>

#include "aio/suspend.h"
#include "base/error.h"
#include "net/http_client.h"

namespace reeve::llm {

/// What providers need of HTTP, so that a test can stand in with bytes that it has. The promises
/// are those of net::HttpClient.
class Transport {
 public:
  virtual ~Transport() = default;

  virtual aio::Async<Result<net::Response>> request(net::OutgoingRequest request) = 0;
  virtual aio::Async<Result<net::Response>> stream(net::OutgoingRequest request,
                                                   net::OnChunk on_chunk) = 0;
};

std::shared_ptr<Transport> make_http_transport(aio::asio::any_io_executor executor,
                                               net::HttpClientOptions options);

}  // namespace reeve::llm
