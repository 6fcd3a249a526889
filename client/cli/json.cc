#include "client/cli/json.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace dolium::cli {

struct Json::Value {
  nlohmann::ordered_json json;
};

Json::Json(Value value) : value_(std::make_unique<Value>(std::move(value))) {}
Json::Json() : Json(Value{nullptr}) {}
Json::Json(bool value) : Json(Value{value}) {}
Json::Json(Signed number) : Json(Value{number.number}) {}
Json::Json(Unsigned number) : Json(Value{number.number}) {}
Json::Json(double number) : Json(Value{number}) {}
Json::Json(std::string_view text) : Json(Value{text}) {}
Json::Json(std::initializer_list<Member> members) : Json(Value{nlohmann::ordered_json::object()}) {
  for (const Member& member : members) set(member.key, member.value);
}
Json Json::array() {
  return Json(Value{nlohmann::ordered_json::array()});
}
Json::Json(const Json& other) : Json(Value(*other.value_)) {}
Json::Json(Json&& other) noexcept = default;
Json& Json::operator=(Json other) noexcept {
  value_.swap(other.value_);
  return *this;
}
Json::~Json() = default;

void Json::set(std::string_view key, const Json& value) {
  value_->json[std::string(key)] = value.value_->json;
}

void Json::push_back(const Json& value) {
  value_->json.push_back(value.value_->json);
}

std::string Json::dump(int indent) const {
  return value_->json.dump(indent, ' ', true, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace dolium::cli
