#include "client/calls.h"
#include "model/recovery_api.h"

namespace reeve::client {

Result<api::RecoveryReport> Client::recover(bool dry_run) {
  lasting_ = true;
  return read<api::RecoveryReport>(
      post("/v1/recover", write_json_of(api::RecoverRequest{dry_run}), {}, kForEver));
}
Result<api::ImportReport> Client::import_part(const api::ImportRequest& part) {
  lasting_ = true;
  return read<api::ImportReport>(post("/v1/import", write_json_of(part), {}, kForEver));
}
Result<api::ReclaimReport> Client::reclaim(const api::ReclaimRequest& request) {
  lasting_ = true;
  return read<api::ReclaimReport>(post("/v1/reclaim", write_json_of(request), {}, kForEver));
}

}  // namespace reeve::client
