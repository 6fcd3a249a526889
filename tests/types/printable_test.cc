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

}  // namespace dolium
