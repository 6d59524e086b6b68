#include "llm/transport.h"

#include <utility>

namespace reeve::llm {
namespace {

class HttpTransport final : public Transport {
 public:
  HttpTransport(aio::asio::any_io_executor executor, net::HttpClientOptions options)
      : client_(std::move(executor), std::move(options)) {}

  aio::Async<Result<net::Response>> request(net::OutgoingRequest request) override {
    return client_.request(std::move(request));
  }
  aio::Async<Result<net::Response>> stream(net::OutgoingRequest request,
                                           net::OnChunk on_chunk) override {
    return client_.stream(std::move(request), std::move(on_chunk));
  }

 private:
  net::HttpClient client_;
};

}  // namespace

std::shared_ptr<Transport> make_http_transport(aio::asio::any_io_executor executor,
                                               net::HttpClientOptions options) {
  return std::make_shared<HttpTransport>(std::move(executor), std::move(options));
}

}  // namespace reeve::llm
