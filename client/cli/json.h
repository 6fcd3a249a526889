#pragma once
// Json: a JSON value, for the output of --json. Wraps nlohmann's: only json.cc includes its header, which takes longer
// to compile than most of the command line. Objects keep the order of their members.

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

namespace dolium::cli {

class Json {
 public:
  struct Member;

  // NOLINTBEGIN(google-explicit-constructor): values of members
  Json();  ///< null
  Json(bool value);
  template <std::signed_integral Number>
  Json(Number number) : Json(Signed{number}) {}
  template <std::unsigned_integral Number>
  Json(Number number) : Json(Unsigned{number}) {}
  Json(double number);
  Json(std::string_view text);
  Json(const std::string& text) : Json(std::string_view(text)) {}
  Json(const char* text) : Json(std::string_view(text)) {}
  Json(std::initializer_list<Member> members);  ///< an object: {{"id", id.hex()}, {"size", 1}}
  // NOLINTEND(google-explicit-constructor)
  [[nodiscard]] static Json array();
  Json(const Json& other);
  Json(Json&& other) noexcept;
  Json& operator=(Json other) noexcept;
  ~Json();

  /// Adds a member to an object, or replaces it.
  void set(std::string_view key, const Json& value);
  /// Adds an element to an array.
  void push_back(const Json& value);

  /// ASCII only: invalid UTF-8 is replaced, and control characters are escaped. `indent` -1: in one line.
  [[nodiscard]] std::string dump(int indent) const;

 private:
  struct Value;
  struct Signed {
    std::int64_t number;
  };
  struct Unsigned {
    std::uint64_t number;
  };

  explicit Json(Signed number);
  explicit Json(Unsigned number);
  explicit Json(Value value);

  std::unique_ptr<Value> value_;  // null only after a move
};

struct Json::Member {
  std::string_view key;
  Json value;
};

}  // namespace dolium::cli
