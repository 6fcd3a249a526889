//! Rust's part in the matrix of languages (tests/conformance): puts the objects of a language, or gets and checks those
//! of another one.
//!   matrix put LANGUAGE
//!   matrix get LANGUAGE
//!   matrix time LANGUAGE    times gets

use std::time::Instant;

use dolium::codec::{Blob, Codec};
use dolium::{Client, CreateOptions, Object, ObjectId, Timeout};

const NUMBERS: [f64; 3] = [1.5, -2.0, 0.25];
const TEXT: &str = "grüße, 世界";

fn id_of(language: &str, name: &str) -> ObjectId {
    ObjectId::from_name(format!("{language}/{name}"))
}

fn raw() -> Vec<u8> {
    (0..=255).collect()
}

fn put(client: &Client, language: &str) -> dolium::Result<()> {
    let plain = CreateOptions::new();
    client.put(&id_of(language, "raw"), &raw())?;
    client.put_with(&id_of(language, "metadata"), "salve".as_bytes(), &plain.metadata(b"about it"))?;
    client.put_value(&id_of(language, "f64[]"), &NUMBERS.to_vec(), &plain)?;
    client.put_value(&id_of(language, "utf8"), &TEXT.to_owned(), &plain)?;
    client.put(&id_of(language, "empty"), b"")
}

fn get(client: &Client, language: &str) -> dolium::Result<()> {
    let object = |name| client.get(&id_of(language, name), Timeout::NO_WAIT);
    let check = |object: &Object, data: &[u8], metadata: &[u8], tag: u64| {
        assert_eq!((&**object, object.metadata(), object.type_tag()), (data, metadata, tag), "of {language}");
    };
    check(&object("raw")?, &raw(), b"", 0);
    check(&object("metadata")?, b"salve", b"about it", 0);
    check(&object("empty")?, b"", b"", 0);
    let (numbers, text) = (object("f64[]")?, object("utf8")?);
    check(&numbers, &dolium::codec::to_vec(&NUMBERS.to_vec()), b"", Vec::<f64>::TAG);
    check(&text, TEXT.as_bytes(), b"", String::TAG);
    assert_eq!(numbers.decode::<Vec<f64>>()?, NUMBERS);
    assert_eq!(text.decode::<String>()?, TEXT);
    assert_eq!(text.decode::<Blob>()?.0, TEXT.as_bytes()); // every object is bytes
    Ok(())
}

fn time(client: &Client, language: &str) -> dolium::Result<()> {
    let ids: Vec<_> = (0..1000).map(|number| id_of(language, &number.to_string())).collect();
    ids.iter().try_for_each(|id| client.put(id, &[0; 1024]))?;
    for line in std::io::stdin().lines() {
        let gets: usize = line.expect("a line").trim().parse().expect("a number of gets");
        let begin = Instant::now();
        for number in 0..gets {
            assert_eq!(client.get(&ids[number % ids.len()], Timeout::NO_WAIT)?.len(), 1024);
        }
        println!("{}", begin.elapsed().as_nanos());
    }
    Ok(())
}

fn main() -> dolium::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let client = Client::connect_default()?;
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["put", language] => put(&client, language),
        ["get", language] => get(&client, language),
        ["time", language] => time(&client, language),
        _ => {
            eprintln!("usage: matrix put|get|time LANGUAGE");
            std::process::exit(2);
        }
    }
}
