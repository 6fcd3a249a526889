//! Bindings to `libdolium_c`, the C interface of the shared-memory object store [Dolium](https://github.com/dolium/dolium).
//!
//! Programs use the crate `dolium`, which is safe. The comments here are those of the C headers, which have the rules:
//! who owns a handle, which thread may call, when a pointer ends.
//!
//! The library is found by pkg-config (`dolium-c`), in the folder `DOLIUM_C_LIB_DIR`, or built from the checkout with the
//! feature `vendored`. A program needs it at run time, too: it is a shared library.

#![allow(non_camel_case_types)]

/// Structs begin as zeros. Those that can grow have their size first.
macro_rules! zeroed {
    ($name:ident) => {
        impl $name {
            /// All zeros.
            pub const fn zeroed() -> Self {
                // SAFETY: a #[repr(C)] struct of numbers, arrays of numbers, and raw pointers: zeros are a value of it.
                unsafe { std::mem::zeroed() }
            }
        }
        impl Default for $name {
            fn default() -> Self {
                Self::zeroed()
            }
        }
    };
    ($name:ident, struct_size) => {
        zeroed!($name);
        impl $name {
            /// All zeros, but for the size of the struct: ready for a call.
            pub const fn sized() -> Self {
                let mut new = Self::zeroed();
                new.struct_size = std::mem::size_of::<Self>();
                new
            }
        }
    };
}

/// A struct that only the library knows.
macro_rules! opaque {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[repr(C)]
        pub struct $name {
            _private: [u8; 0],
            _not_send_nor_sync: std::marker::PhantomData<(*mut u8, std::marker::PhantomPinned)>,
        }
    };
}

mod bindings;
pub use bindings::*;
