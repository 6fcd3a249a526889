/**
 * Dolium, a shared-memory object store for the processes of one host.
 *
 * <p>The module calls the C library {@code libdolium_c.so.0}: start the JVM with {@code --enable-native-access=io.dolium}
 * (or {@code ALL-UNNAMED}, if the jar is on the class path).
 */
module io.dolium {
  exports io.dolium;
}
