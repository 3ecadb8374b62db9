//! openssl's own commands: a second opinion, and what no modern library makes.

use kit::process::{Folder, Program, run};

pub(crate) const OPENSSL: Program = Program { names: &["openssl"], install: "apt-get install openssl" };

/// Runs openssl with these words.
pub(crate) async fn openssl(line: &str) {
    run(&OPENSSL, &line.split_whitespace().collect::<Vec<_>>()).await.unwrap();
}

/// The path of a file in the folder, as text.
pub(crate) fn path(folder: &Folder, name: &str) -> String {
    folder.path().join(name).display().to_string()
}

/// Makes a key and a certificate that signed itself; gives their files.
pub(crate) async fn identity(folder: &Folder, name: &str, bits: u32) -> (String, String) {
    let (certificate, key) = (path(folder, &format!("{name}.pem")), path(folder, &format!("{name}.key")));
    openssl(&format!("req -x509 -newkey rsa:{bits} -nodes -days 90 -subj /CN={name} -addext subjectAltName=DNS:localhost -keyout {key} -out {certificate}")).await;
    (certificate, key)
}

/// Makes a certificate for localhost below that authority; gives the files of it and of its key.
pub(crate) async fn below(
    folder: &Folder,
    (authority, authority_key): (&str, &str),
    serial: u32,
    more: &str,
) -> (String, String) {
    let names = folder.write("names", "subjectAltName=DNS:localhost\n").unwrap();
    let [request, leaf, key] = ["csr", "pem", "key"].map(|end| path(folder, &format!("leaf-{serial}.{end}")));
    openssl(&format!("req -new -newkey rsa:2048 -nodes -subj /CN=leaf -keyout {key} -out {request}")).await;
    openssl(&format!("x509 -req {more} -in {request} -CA {authority} -CAkey {authority_key} -set_serial {serial} -days 90 -extfile {} -out {leaf}", names.display())).await;
    (leaf, key)
}
