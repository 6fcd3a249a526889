package io.dolium;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

class ObjectIdTest {
  @Test
  void idsAreTheSameInEveryLanguage() {
    ObjectId squares = ObjectId.fromName("squares");
    assertEquals("2b0382c32ed1624a705e1f5985449cd1537d591c", squares.toString());
    assertEquals(squares, ObjectId.parse("2B0382C32ED1624A705E1F5985449CD1537D591C"));
    assertEquals(squares, ObjectId.of(squares.toBytes()));
    assertEquals(squares.hashCode(), ObjectId.of(squares.toBytes()).hashCode());
    assertFalse(ObjectId.random().equals(ObjectId.random()));
    assertThrows(IllegalArgumentException.class, () -> ObjectId.parse("2b03"));
    assertThrows(IllegalArgumentException.class, () -> ObjectId.parse("x".repeat(40)));
    assertThrows(IllegalArgumentException.class, () -> ObjectId.of(new byte[19]));
    byte[] low = new byte[20];
    byte[] high = new byte[20];
    low[0] = 1;
    high[0] = (byte) 0x80;
    assertTrue(ObjectId.of(low).compareTo(ObjectId.of(high)) < 0);
    high = Arrays.copyOf(low, 20);
    high[19] = -1;
    assertTrue(ObjectId.of(low).compareTo(ObjectId.of(high)) < 0);
    assertEquals(0, squares.compareTo(ObjectId.of(squares.toBytes())));
  }
}
