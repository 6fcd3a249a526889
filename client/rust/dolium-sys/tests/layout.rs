//! The bindings are those of the headers: sizes, offsets, and the version. The C compiler is asked.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::mem::{offset_of, size_of};
use std::path::Path;
use std::process::Command;

/// Size or offset by what it belongs to: "dolium_error", "dolium_error.code".
type Layout = BTreeMap<String, usize>;

macro_rules! layouts {
    ($($name:ident { $($field:ident),* })*) => {
        fn ours() -> Layout {
            let mut all = Layout::new();
            $(
                all.insert(stringify!($name).into(), size_of::<dolium_sys::$name>());
                $(all.insert(
                    concat!(stringify!($name), ".", stringify!($field)).into(),
                    offset_of!(dolium_sys::$name, $field),
                );)*
            )*
            all
        }
    };
}
include!("layout/structs.rs");

fn c_program(of: &Layout) -> String {
    let mut text = String::from("#include <dolium/dolium_c.h>\n#include <stdio.h>\nint main(void) {\n");
    for name in of.keys() {
        let value = match name.split_once('.') {
            None => format!("sizeof({name})"),
            Some((outer, field)) => format!("offsetof({outer}, {field})"),
        };
        writeln!(text, "printf(\"{name} %zu\\n\", {value});").unwrap();
    }
    text + "}\n"
}

#[test]
fn structs_have_the_layout_of_c() {
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../c/include");
    assert!(include.join("dolium/dolium_c.h").exists(), "the headers of the checkout are missing");
    let folder = std::env::temp_dir().join(format!("dolium-layout-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let (source, program) = (folder.join("layout.c"), folder.join("layout"));
    let ours = ours();
    std::fs::write(&source, c_program(&ours)).unwrap();
    let compiled = Command::new("cc").arg("-I").arg(&include).arg(&source).arg("-o").arg(&program).status();
    assert!(compiled.expect("a C compiler").success());
    let printed = String::from_utf8(Command::new(&program).output().unwrap().stdout).unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let theirs: Layout = printed
        .lines()
        .map(|line| line.split_once(' ').expect("a name and a number"))
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect();
    assert!(ours.len() > 150, "{} sizes and offsets", ours.len());
    assert_eq!(ours, theirs);
}

#[test]
fn the_library_has_the_version_of_the_bindings() {
    // SAFETY: a function without arguments that returns a number.
    let version = unsafe { dolium_sys::dolium_abi_version() };
    assert!(version >= dolium_sys::DOLIUM_ABI_VERSION);
}
