package io.dolium;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;

/** Finds libdolium_c and its functions. */
final class Library {
  /** The DOLIUM_ABI_VERSION whose functions and structs this binding uses. */
  static final int ABI_VERSION = 4;

  private static final String NAME = "libdolium_c.so.0";
  private static final Linker LINKER = Linker.nativeLinker();
  private static final SymbolLookup SYMBOLS = load();

  private Library() {}

  private static SymbolLookup load() {
    String path = System.getProperty("dolium.library", System.getenv().getOrDefault("DOLIUM_LIBRARY", ""));
    try {
      // Never unloaded: threads and objects may use it until the process ends.
      return path.isEmpty()
          ? SymbolLookup.libraryLookup(NAME, Arena.global())
          : SymbolLookup.libraryLookup(Path.of(path), Arena.global());
    } catch (IllegalArgumentException error) {
      UnsatisfiedLinkError thrown =
          new UnsatisfiedLinkError(
              "cannot load "
                  + (path.isEmpty() ? NAME + " from the system's library folders" : path)
                  + ": install Dolium's C library, or name its file with -Ddolium.library=PATH or DOLIUM_LIBRARY");
      thrown.initCause(error);
      throw thrown;
    }
  }

  /**
   * A function of the library. Its signature is a letter for the result and for each argument: V void, Z bool, I int32_t,
   * J int64_t, size_t or a pointer that this package manages, A a pointer into a segment of the caller, which stays open
   * during the call.
   */
  static MethodHandle bind(String name, String signature, Linker.Option... options) {
    MemorySegment function =
        SYMBOLS
            .find(name)
            .orElseThrow(() -> new UnsatisfiedLinkError(NAME + " has no function " + name + ": it is too old"));
    return LINKER.downcallHandle(function, descriptor(signature), options);
  }

  /** A function of the C library of the system. */
  static MethodHandle bindSystem(String name, String signature, Linker.Option... options) {
    return LINKER.downcallHandle(
        LINKER.defaultLookup().find(name).orElseThrow(), descriptor(signature), options);
  }

  /** A function pointer to a static method, for ever. */
  static long pointerTo(MethodHandle target, String signature) {
    return LINKER.upcallStub(target, descriptor(signature), Arena.global()).address();
  }

  private static FunctionDescriptor descriptor(String signature) {
    MemoryLayout[] arguments =
        signature.substring(1).chars().mapToObj(letter -> layout((char) letter)).toArray(MemoryLayout[]::new);
    return signature.charAt(0) == 'V'
        ? FunctionDescriptor.ofVoid(arguments)
        : FunctionDescriptor.of(layout(signature.charAt(0)), arguments);
  }

  private static MemoryLayout layout(char letter) {
    return switch (letter) {
      case 'Z' -> ValueLayout.JAVA_BOOLEAN;
      case 'I' -> ValueLayout.JAVA_INT;
      case 'J' -> ValueLayout.JAVA_LONG;
      case 'A' -> ValueLayout.ADDRESS;
      default -> throw new IllegalArgumentException("no C type has the letter " + letter);
    };
  }
}
