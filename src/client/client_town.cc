#include "client/calls.h"

namespace reeve::client {

Result<api::TownView> Client::town() { return read<api::TownView>(get("/v1/town", kTimeout)); }
Result<api::MirrorView> Client::mirror() {
  return read<api::MirrorView>(get("/v1/mirror", kTimeout));
}
Result<api::SpawnReply> Client::adopt(const api::AdoptRequest& request) {
  return read<api::SpawnReply>(post("/v1/mirror/adopt", write_json_of(request)));
}
Result<api::RetentionView> Client::retention() {
  return read<api::RetentionView>(get("/v1/retention", kTimeout));
}
Result<api::RetentionReport> Client::sweep() {
  lasting_ = true;
  return read<api::RetentionReport>(post("/v1/retention/sweep", "{}", {}, kForEver));
}
Result<api::SnapshotView> Client::snapshot(std::uint64_t after, std::size_t limit) {
  return read<api::SnapshotView>(get(
      "/v1/snapshot?after=" + std::to_string(after) + "&limit=" + std::to_string(limit), kTimeout));
}

Result<std::vector<api::WebhookView>> Client::webhooks() {
  return read<std::vector<api::WebhookView>>(get("/v1/webhooks", kTimeout));
}
Result<api::WebhookView> Client::add_webhook(const api::WebhookRequest& request) {
  return read<api::WebhookView>(post("/v1/webhooks", write_json_of(request)));
}
Result<Webhook> Client::change_webhook(const std::string& webhook, const std::string& action) {
  return read<Webhook>(post("/v1/webhooks/" + escape(webhook) + "/" + action, "{}"));
}
Result<api::WebhookTest> Client::test_webhook(const std::string& webhook) {
  return read<api::WebhookTest>(post("/v1/webhooks/" + escape(webhook) + "/test", "{}"));
}
Result<api::DeadDeliveries> Client::dead_deliveries(const std::string& webhook,
                                                    std::uint64_t after) {
  return read<api::DeadDeliveries>(
      get("/v1/webhooks/" + escape(webhook) + "/dead?after=" + std::to_string(after), kTimeout));
}
Result<api::DeadReply> Client::settle_dead(const std::string& webhook, const std::string& action,
                                           std::vector<std::string> ids) {
  return read<api::DeadReply>(post("/v1/webhooks/" + escape(webhook) + "/dead/" + action,
                                   write_json_of(api::DeadRequest{std::move(ids)})));
}

}  // namespace reeve::client
