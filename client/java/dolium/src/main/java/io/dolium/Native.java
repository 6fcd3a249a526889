package io.dolium;

import static io.dolium.Library.bind;
import static io.dolium.Library.bindSystem;


import java.lang.foreign.Linker;
import java.lang.invoke.MethodHandle;

/**
 * The functions of the C interface, each with its signature in the letters of {@link Library#bind}.
 *
 * <p>Only functions that read a few words are {@code critical}: they cannot wait, make no system call and call no
 * callback. All others let the JVM stop at a safepoint meanwhile.
 */
final class Native {
  private static final Linker.Option SHORT = Linker.Option.critical(false);

  // ---- base, id, types
  static final MethodHandle ABI_VERSION = bind("dolium_abi_version", "I", SHORT);
  static final MethodHandle ID_RANDOM = bind("dolium_id_random", "IJJ");
  static final MethodHandle ID_FROM_NAME = bind("dolium_id_from_name", "IJJJJ");
  static final MethodHandle TYPE_TAG = bind("dolium_type_tag", "IJJJJ");
  static final MethodHandle TYPE_NAME = bind("dolium_type_name", "JJ");
  static final MethodHandle CHECK_TYPE = bind("dolium_object_check_type", "IJJJJ");
  static final MethodHandle TICKET = bind("dolium_ticket", "IJJJJJJJ");
  static final MethodHandle TICKET_READ = bind("dolium_ticket_read", "IJJJJ");
  static final MethodHandle TICKET_GET = bind("dolium_ticket_get", "IJJJJJJJJ");

  // ---- the store
  static final MethodHandle CONNECT = bind("dolium_connect", "IJJJJ");
  static final MethodHandle OPEN = bind("dolium_open", "IJJJ");
  static final MethodHandle CLOSE = bind("dolium_close", "VJ");
  static final MethodHandle CONNECTED = bind("dolium_connected", "ZJ", SHORT);
  static final MethodHandle READ_ONLY = bind("dolium_read_only", "ZJ", SHORT);
  static final MethodHandle SESSION_ID = bind("dolium_session_id", "JJ");
  static final MethodHandle RECONNECTIONS = bind("dolium_reconnections", "JJ");
  static final MethodHandle PING = bind("dolium_ping", "IJJ");
  static final MethodHandle DEFAULT_SOCKET_PATH = bind("dolium_default_socket_path", "IJJJ");
  static final MethodHandle PIN = bind("dolium_pin", "IJJJ");
  static final MethodHandle UNPIN = bind("dolium_unpin", "IJJJ");
  static final MethodHandle EXTEND_GRACE = bind("dolium_extend_grace", "IJJJIJ");
  static final MethodHandle REMOVE = bind("dolium_remove", "IJJJJ");
  static final MethodHandle EVICT = bind("dolium_evict", "IJJJJJ");
  static final MethodHandle TRIM = bind("dolium_trim", "IJJJ");
  static final MethodHandle CLEAR = bind("dolium_clear", "IJJ");

  // ---- objects
  static final MethodHandle RETAIN = bind("dolium_object_retain", "IJJJ");
  static final MethodHandle RELEASE = bind("dolium_object_release", "VJ");
  static final MethodHandle OBJECT_TYPE_NAME = bind("dolium_object_type_name", "IJJJJ");
  static final MethodHandle PRIVATE_COPY = bind("dolium_object_private_copy", "IJJJ");
  static final MethodHandle PRIVATE_COPY_DATA = bind("dolium_private_copy_data", "JJ");
  static final MethodHandle PRIVATE_COPY_FREE = bind("dolium_private_copy_free", "VJ");

  // ---- reading
  static final MethodHandle GET = bind("dolium_get", "IJJJJJ");
  static final MethodHandle TRY_GET = bind("dolium_try_get", "IJJJ");
  static final MethodHandle GET_MANY = bind("dolium_get_many", "IJJJJJJJJ");
  static final MethodHandle WAIT = bind("dolium_wait", "IJJJJJJJJ");
  static final MethodHandle EXISTS = bind("dolium_exists", "IJJJJ");
  static final MethodHandle EXISTS_MANY = bind("dolium_exists_many", "IJJJJJ");
  static final MethodHandle TAKE_TYPED = bind("dolium_take_typed", "IJJJJJJ");

  // ---- writing
  static final MethodHandle CREATE = bind("dolium_create", "IJJJJJJ");
  static final MethodHandle BUILDER_DATA = bind("dolium_builder_data", "JJ");
  static final MethodHandle BUILDER_SEAL = bind("dolium_builder_seal", "IJJJ");
  static final MethodHandle BUILDER_ABORT = bind("dolium_builder_abort", "IJJ");
  static final MethodHandle BUILDER_ABORT_AND_KEEP = bind("dolium_builder_abort_and_keep", "IJJ");
  static final MethodHandle PUT = bind("dolium_put", "IJJAJJJJ");
  static final MethodHandle PUT_MANY = bind("dolium_put_many", "IJJJJJ");
  static final MethodHandle PUT_DEFERRED = bind("dolium_put_deferred", "IJJAJJJ");
  static final MethodHandle FLUSH = bind("dolium_flush", "IJJJ");
  static final MethodHandle FAILURES_COUNT = bind("dolium_failures_count", "JJ");
  static final MethodHandle FAILURES_AT = bind("dolium_failures_at", "IJJJJ");
  static final MethodHandle FAILURES_FREE = bind("dolium_failures_free", "VJ");

  // ---- reports
  static final MethodHandle METADATA = bind("dolium_metadata", "IJJJJJ");
  static final MethodHandle REMOVE_DESCRIBED = bind("dolium_remove_described", "IJJJJ");
  static final MethodHandle LIST = bind("dolium_list", "IJJJJ");
  static final MethodHandle OBJECT_LIST_NEXT = bind("dolium_object_list_next", "IJJJ");
  static final MethodHandle OBJECT_LIST_FREE = bind("dolium_object_list_free", "VJ");
  static final MethodHandle CLIENTS = bind("dolium_clients", "IJJJ");
  static final MethodHandle CLIENT_LIST_NEXT = bind("dolium_client_list_next", "IJJJ");
  static final MethodHandle CLIENT_LIST_FREE = bind("dolium_client_list_free", "VJ");
  static final MethodHandle USE_LIST_NEXT = bind("dolium_use_list_next", "IJJJ");
  static final MethodHandle USE_LIST_FREE = bind("dolium_use_list_free", "VJ");
  static final MethodHandle STATS = bind("dolium_stats", "IJJJ");
  static final MethodHandle LAST_REFUSAL = bind("dolium_last_refusal", "IJJJJ");

  // ---- asynchronous
  static final MethodHandle EVENT_FD = bind("dolium_event_fd", "IJ");
  static final MethodHandle PROCESS_EVENTS = bind("dolium_process_events", "IJJ");
  static final MethodHandle GET_ASYNC = bind("dolium_get_async", "IJJJJJJJJ");
  static final MethodHandle GET_MANY_ASYNC = bind("dolium_get_many_async", "IJJJJJJJJJJ");
  static final MethodHandle TAKE_ASYNC = bind("dolium_take_async", "IJJJJJJJJ");
  static final MethodHandle CREATE_ASYNC = bind("dolium_create_async", "IJJJJJJJJJ");
  static final MethodHandle ASYNC_CANCEL = bind("dolium_async_cancel", "ZJ");
  static final MethodHandle ASYNC_FREE = bind("dolium_async_free", "VJ");
  static final MethodHandle SUBSCRIBE = bind("dolium_subscribe", "IJJJ");
  static final MethodHandle SUBSCRIPTION_NEXT = bind("dolium_subscription_next", "IJJJJ");
  static final MethodHandle SUBSCRIPTION_FREE = bind("dolium_subscription_free", "VJ");

  // ---- the system's, for the reader thread
  static final MethodHandle POLL = bindSystem("poll", "IJJI");
  static final MethodHandle EVENTFD = bindSystem("eventfd", "III");
  static final MethodHandle WRITE = bindSystem("write", "JIJJ");
  static final MethodHandle CLOSE_DESCRIPTOR = bindSystem("close", "II");

  static {
    int found;
    try {
      found = (int) ABI_VERSION.invokeExact();
    } catch (Throwable error) {
      throw new AssertionError(error);
    }
    if (Integer.compareUnsigned(found, Library.ABI_VERSION) < 0) {
      throw new UnsatisfiedLinkError(
          "libdolium_c has interface version " + found + ", and this program needs " + Library.ABI_VERSION);
    }
  }

  private Native() {}

  /** A call without a result, of a function that cannot fail. */
  static void run(MethodHandle function, long argument) {
    try {
      function.invokeExact(argument);
    } catch (Throwable error) {
      throw Failures.unexpected(error);
    }
  }
}
