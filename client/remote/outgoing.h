#pragma once
// Outgoing: a request on its way to the daemon, whatever its kind. Exchange sends all kinds alike, and is compiled
// once; what differs by kind is behind this interface.

#include <cstdint>
#include <span>

#include <dolium/result.h>

#include "client/remote/call.h"
#include "protocol/codec.h"

namespace dolium::detail {

class Outgoing {
 public:
  Outgoing(const Outgoing&) = delete;
  Outgoing& operator=(const Outgoing&) = delete;

  /// See Encoder::encode().
  [[nodiscard]] virtual Result<std::span<const std::byte>> encode(protocol::Encoder& encoder,
                                                                  std::uint64_t number) const = 0;
  /// See Call.
  virtual void name_object(Call& call) const = 0;
  virtual void remember(Call& call) const = 0;

 protected:
  Outgoing() = default;
  ~Outgoing() = default;
};

/// A request in its object-API type, or a view (RequestView, codec.h). It must outlive this.
template <class Request>
class OutgoingRequest final : public Outgoing {
 public:
  explicit OutgoingRequest(const Request& request) noexcept : request_(request) {}

  [[nodiscard]] Result<std::span<const std::byte>> encode(protocol::Encoder& encoder,
                                                          std::uint64_t number) const override {
    return encoder.encode(number, request_);
  }
  void name_object(Call& call) const override { call.name_object(request_); }
  void remember(Call& call) const override { call.remember(request_); }

 private:
  const Request& request_;
};

}  // namespace dolium::detail
