#include "tests/demo/digest.h"

#include <openssl/evp.h>

#include <stdexcept>

namespace dolium::demo {

Sha256 sha256(std::span<const std::byte> bytes) {
  Sha256 digest{};
  if (::EVP_Digest(bytes.data(), bytes.size(), digest.data(), nullptr, ::EVP_sha256(), nullptr) != 1)
    throw std::runtime_error("OpenSSL cannot compute a SHA-256");
  return digest;
}

std::uint64_t path_hash(std::string_view path) noexcept {
  return dolium::detail::type_hash(path);
}

}  // namespace dolium::demo
