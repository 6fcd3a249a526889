//! Finds libdolium_c. In this order: with the feature `vendored`, it is built with CMake; with the environment variable
//! `DOLIUM_C_LIB_DIR`, it is in that folder (a build tree); else pkg-config knows it.

use std::env;

fn main() {
    println!("cargo:rerun-if-env-changed=DOLIUM_C_LIB_DIR");
    println!("cargo:rerun-if-changed=build.rs");
    if env::var_os("DOCS_RS").is_some() {
        return; // documentation needs no library
    }
    #[cfg(feature = "vendored")]
    return vendored();
    #[cfg(not(feature = "vendored"))]
    installed();
}

#[cfg(not(feature = "vendored"))]
fn installed() {
    if let Some(folder) = env::var_os("DOLIUM_C_LIB_DIR") {
        link(&folder.to_string_lossy());
        return;
    }
    if let Err(error) = pkg_config::Config::new().atleast_version("0.1.0").probe("dolium-c") {
        panic!(
            "libdolium_c was not found: {error}\n\nInstall Dolium with its C library (cmake --install), and set \
             PKG_CONFIG_PATH if its prefix is not a standard one. Or set DOLIUM_C_LIB_DIR to the folder that has \
             libdolium_c.so. Or use the feature \"vendored\", which builds the library."
        );
    }
}

#[cfg(feature = "vendored")]
fn vendored() {
    let checkout = std::path::Path::new(&env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"))
        .join("../../..")
        .canonicalize()
        .expect("the folder of the crate exists");
    if !checkout.join("client/c/CMakeLists.txt").exists() {
        panic!(
            "the feature \"vendored\" builds the library from the checkout of Dolium that holds this crate, but {} is \
             none. Use a path or a git dependency, or install Dolium and leave the feature out.",
            checkout.display()
        );
    }
    for folder in ["client/c", "client/facade", "client/local", "client/mapped", "client/remote", "protocol", "shm"] {
        println!("cargo:rerun-if-changed={}", checkout.join(folder).display());
    }
    let built = cmake::Config::new(checkout)
        .profile("Release")
        .define("DOLIUM_TESTS", "OFF")
        .define("DOLIUM_UNITY", "ON")
        .build_target("dolium_c")
        .build();
    link(&built.join("build/client/c").to_string_lossy());
}

fn link(folder: &str) {
    println!("cargo:rustc-link-search=native={folder}");
    println!("cargo:rustc-link-lib=dylib=dolium_c");
    println!("cargo:lib_dir={folder}");
}
