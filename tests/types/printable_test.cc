// Which foreign text is shown as it is, and which is escaped.

#include "shm/text/printable.h"

#include <catch2/catch.hpp>

namespace dolium {

TEST_CASE("printable keeps visible text and escapes the rest") {
  CHECK(printable("plain text") == "plain text");
  CHECK(printable("größer 日本") == "größer 日本");
  CHECK(printable("\x1b[31m") == "\\x1b[31m");
  CHECK(printable("a\nb\tc\x7f") == "a\\nb\\tc\\x7f");
  CHECK(printable("say \"it's\"") == "say \"it's\"");
  CHECK(printable("\\\"") == "\\\\\"");
  CHECK(printable("\xc2\x9b"
                  "31m") == "\\x9b31m");                  // C1 control
  CHECK(printable("\u202e-") == "\\u202e-");              // right-to-left override
  CHECK(printable("\u200b-") == "\\u200b-");              // zero-width space
  CHECK(printable("\U000e0041-") == "\\U000e0041-");      // tag
  CHECK(printable("\xff\xc3") == "\\xff\\xc3");           // not UTF-8
  CHECK(printable("\xc0\x9b") == "\\xc0\\x9b");           // overlong
  CHECK(printable("\xed\xa0\x80") == "\\xed\\xa0\\x80");  // surrogate
}

TEST_CASE("what looks escaped, and was written so, is told from what was escaped") {
  CHECK(printable("\\x1b") == "\\\\x1b");
  CHECK(printable("\\x1b") != printable("\x1b"));
  CHECK(printable("C:\\") == "C:\\\\");
}

TEST_CASE("printable cuts to a width in columns") {
  CHECK(printable("abcdef", 6) == "abcdef");
  CHECK(printable("abcdefg", 6) == "abcde…");
  CHECK(printable("äöüäöüä", 6) == "äöüäö…");
  CHECK(printable("abc\\\\def", 6) == "abc\\\\…");
  CHECK(columns("äöü…") == 4);
  CHECK(shortened("äöüäöüä", 6) == "äöüäö…");
  CHECK(shortened("a\x1b\\b", 4) == "a\x1b\\b");  // escapes nothing
}

TEST_CASE("UTF-8 is told from what is not") {
  for (const char* good : {"", "plain", "\x01\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
                           "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "a\xc3\xa9z"}) {
    INFO(printable(good));
    CHECK(is_utf8(good));
  }
  CHECK(is_utf8(std::string_view("a\0b", 3)));
  for (const char* bad : {"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2z", "\xe0\x9f\xbf", "\xe0\xa0",
                          "\xe0\xa0z", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf", "\xf0\x90\x80",
                          "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "fine\xfe"}) {
    INFO(printable(bad));
    CHECK_FALSE(is_utf8(bad));
  }
}

}  // namespace dolium
