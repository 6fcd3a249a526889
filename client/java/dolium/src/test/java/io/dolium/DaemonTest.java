package io.dolium;

import static io.dolium.Kind.bytes;
import static io.dolium.Kind.id;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Clients of a daemon, and its end. */
class DaemonTest {
  @Test
  void aDaemonKnowsItsClients() {
    try (DoliumClient client =
            DoliumClient.connect(Daemon.shared().socket(), ConnectOptions.DEFAULT.name("java tests").withoutRings());
        DoliumClient reader = DoliumClient.connect(Daemon.shared().socket(), ConnectOptions.DEFAULT.readOnly())) {
      client.clear();
      ClientInfo mine =
          client.clients().stream().filter(each -> each.sessionId() == client.sessionId()).findAny().orElseThrow();
      assertEquals("java tests", mine.name());
      assertEquals(ProcessHandle.current().pid(), mine.originPid());
      assertFalse(mine.isReadOnly());
      assertTrue(reader.isReadOnly());
      assertEquals(
          ErrorCode.PERMISSION_DENIED,
          assertThrows(DoliumException.class, () -> reader.put(id("a"), bytes("x"))).code());
      client.put(id("a"), bytes("x"));
      try (DoliumObject held = reader.get(id("a"))) {
        List<ObjectUse> uses = client.metadata(id("a")).uses();
        assertEquals(1, uses.size());
        assertEquals(UseRole.HOLDER, uses.get(0).role());
        assertEquals(reader.sessionId(), uses.get(0).sessionId());
        assertEquals(1, held.size());
      }
    }
  }

  @Test
  void noDaemonIsAnErrorThatNamesTheSocket() {
    ConnectOptions brief = ConnectOptions.DEFAULT.connectTimeout(Duration.ofMillis(1));
    DisconnectedException error =
        assertThrows(
            DisconnectedException.class, () -> DoliumClient.connect(java.nio.file.Path.of("/nowhere/dolium.sock"), brief));
    assertTrue(error.getMessage().contains("/nowhere/dolium.sock"), error.getMessage());
  }

  @Test
  void afterTheDaemonsEndObjectsAreReadableAndCallsFail() {
    try (Daemon daemon = Daemon.start("--capacity", "16MiB");
        DoliumClient client = daemon.connect()) {
      client.put(id("a"), bytes("salve"));
      try (DoliumObject object = client.get(id("a"));
          ObjectBuilder builder = client.create(id("b"), 10)) {
        daemon.kill();
        assertThrows(DisconnectedException.class, client::ping);
        assertThrows(DisconnectedException.class, builder::seal);
        assertArrayEquals(bytes("salve"), object.toByteArray());
        assertFalse(client.isConnected());
      }
    }
  }

  @Test
  void aReconnectingClientGoesOnWithTheNextDaemon() {
    try (Daemon daemon = Daemon.start("--capacity", "16MiB");
        DoliumClient client = DoliumClient.connect(daemon.socket(), ConnectOptions.DEFAULT.reconnect())) {
      client.put(id("a"), bytes("x"));
      daemon.kill();
      try (Daemon next = daemon.startNext("--capacity", "16MiB")) {
        assertFalse(client.exists(id("a")));
        client.put(id("a"), bytes("y"));
        assertEquals(1, client.reconnections());
        try (DoliumClient other = next.connect()) {
          assertTrue(other.exists(id("a")));
        }
      }
    }
  }
}
