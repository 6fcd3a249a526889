#include "client/c/call.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

namespace dolium::c {
namespace {

static_assert(code_of(Errc::not_found) == DOLIUM_NOT_FOUND && code_of(Errc::timed_out) == DOLIUM_TIMED_OUT &&
              code_of(Errc::system_error) == DOLIUM_SYSTEM_ERROR &&
              code_of(Errc::tier_unavailable) == DOLIUM_TIER_UNAVAILABLE);
static_assert(static_cast<dolium_cause>(RefusalCause::disk) == DOLIUM_CAUSE_DISK);

dolium_code report_parts(dolium_code code, dolium_cause cause, int number, std::string_view text,
                         dolium_error* out) noexcept {
  if (out == nullptr) return code;
  out->code = code;
  out->cause = cause;
  out->error_number = number;
  out->message_size = static_cast<std::uint32_t>(copy_text(text, out->message, sizeof out->message));
  return code;
}

/// The text without memory: for an exception that says that there is none.
dolium_code report_plain(dolium_code code, int number, const char* function, const char* text,
                         dolium_error* out) noexcept {
  char message[DOLIUM_ERROR_TEXT_SIZE];
  const int size = std::snprintf(message, sizeof message, "%s: %s", function, text);
  const auto written = std::min<std::size_t>(static_cast<std::size_t>(std::max(size, 0)), sizeof message - 1);
  return report_parts(code, DOLIUM_CAUSE_NONE, number, {message, written}, out);
}

}  // namespace

dolium_code report(const Error& error, dolium_error* out) noexcept {
  return report_parts(code_of(error.code), static_cast<dolium_cause>(error.cause), error.error_number, error.message,
                      out);
}

dolium_code report_exception(const char* function, dolium_error* out) noexcept {
  try {
    throw;
  } catch (const Misuse& misuse) {
    return report_plain(DOLIUM_INVALID_ARGUMENT, 0, function, misuse.what(), out);
  } catch (const std::bad_alloc&) {
    return report_plain(DOLIUM_SYSTEM_ERROR, ENOMEM, function, "this process has no memory left", out);
  } catch (const std::system_error& failed) {
    return report_plain(DOLIUM_SYSTEM_ERROR, failed.code().value(), function, failed.what(), out);
  } catch (const std::exception& unexpected) {
    return report_plain(DOLIUM_SYSTEM_ERROR, 0, function, unexpected.what(), out);
  } catch (...) {
    return report_plain(DOLIUM_SYSTEM_ERROR, 0, function, "a callback threw an exception", out);
  }
}

void give_up(const char* function, std::string_view text) noexcept {
  std::fprintf(stderr, "dolium: %s: %.*s\n", function, static_cast<int>(text.size()), text.data());
  std::abort();
}

void refuse_null(const char* name) {
  throw Misuse(fmt::format("{} is NULL", name));
}

std::span<const std::byte> bytes_of(const void* data, std::size_t size, const char* name) {
  if (data == nullptr && size != 0) throw Misuse(fmt::format("{} is NULL, but its size is {}", name, size));
  return {static_cast<const std::byte*>(data), size};
}

std::string_view text_of(const char* text, std::size_t size, const char* name) {
  if (text == nullptr && size != 0) throw Misuse(fmt::format("{} is NULL, but its size is {}", name, size));
  return {text, size};
}

std::size_t copy_text(std::string_view text, char* out, std::size_t capacity) noexcept {
  std::size_t size = std::min(text.size(), capacity - 1);
  const auto is_inside = [&](std::size_t at) { return (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80; };
  while (size != 0 && size < text.size() && is_inside(size)) --size;
  if (size != 0) std::memcpy(out, text.data(), size);
  out[size] = '\0';
  return size;
}

}  // namespace dolium::c
