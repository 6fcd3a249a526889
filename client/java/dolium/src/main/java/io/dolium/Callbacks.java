package io.dolium;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;

/** The functions that the library calls. None lets an exception out: that would end the JVM. */
final class Callbacks {
  static final long GOT = pointer("got", "VJIJJ", long.class, int.class, long.class, long.class);
  static final long GOT_MANY =
      pointer("gotMany", "VJIJJJ", long.class, int.class, long.class, long.class, long.class);
  static final long CREATED = pointer("created", "VJIJJ", long.class, int.class, long.class, long.class);
  static final long DROP = pointer("drop", "VJ", long.class);

  private Callbacks() {}

  private static long pointer(String method, String signature, Class<?>... arguments) {
    try {
      MethodHandle target =
          MethodHandles.lookup().findStatic(Callbacks.class, method, MethodType.methodType(void.class, arguments));
      return Library.pointerTo(target, signature);
    } catch (ReflectiveOperationException error) {
      throw new ExceptionInInitializerError(error);
    }
  }

  /** dolium_get_callback. */
  @SuppressWarnings("unused")
  private static void got(long user, int code, long object, long error) {
    Pending<?> pending = Pending.of(user);
    try {
      if (code != 0) {
        pending.failure(failure(code, error));
      } else {
        MemorySegment memory = MemorySegment.ofAddress(object).reinterpret(Structs.OBJECT.size());
        pending.outcome(new DoliumObject(ObjectLease.at(memory, 0)));
      }
    } catch (Throwable unexpected) {
      pending.failure(unexpected);
    }
  }

  /** dolium_get_many_callback. */
  @SuppressWarnings("unused")
  private static void gotMany(long user, int code, long objects, long count, long error) {
    Pending<?> pending = Pending.of(user);
    try {
      if (code != 0) {
        pending.failure(failure(code, error));
      } else {
        MemorySegment memory = MemorySegment.ofAddress(objects).reinterpret(Structs.OBJECT.size() * count);
        pending.outcome(FoundObjects.at(memory, count));
      }
    } catch (Throwable unexpected) {
      pending.failure(unexpected);
    }
  }

  /** dolium_create_callback. */
  @SuppressWarnings("unused")
  private static void created(long user, int code, long builder, long error) {
    Pending<?> pending = Pending.of(user);
    try {
      if (code != 0) {
        pending.failure(failure(code, error));
      } else {
        pending.outcome(new ObjectBuilder(builder, pending.id(), pending.size()));
      }
    } catch (Throwable unexpected) {
      pending.failure(unexpected);
    }
  }

  private static DoliumException failure(int code, long error) {
    return Scratch.failure(code, MemorySegment.ofAddress(error).reinterpret(Structs.ERROR.size()));
  }

  /** dolium_drop_callback. */
  @SuppressWarnings("unused")
  private static void drop(long user) {
    try {
      Pending.of(user).dropped();
    } catch (Throwable unexpected) {
      Thread.currentThread().getUncaughtExceptionHandler().uncaughtException(Thread.currentThread(), unexpected);
    }
  }
}
