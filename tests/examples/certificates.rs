//! Makes the committed certificates of `tests/data` anew: `cargo run -p keywheel-tests --example certificates`.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ED25519, date_time_ymd,
};
use std::error::Error;
use std::fs;
use std::path::Path;

fn params(name: &str, names: &[&str]) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2099, 1, 1);
    Ok(params)
}

fn main() -> Result<(), Box<dyn Error>> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    let authority_key = KeyPair::generate_for(&PKCS_ED25519)?;
    let mut authority = params("keywheel test authority", &[])?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    fs::write(data.join("authority.pem"), authority.self_signed(&authority_key)?.pem())?;
    let issuer = Issuer::new(authority, authority_key);

    let key = KeyPair::generate_for(&PKCS_ED25519)?;
    let upstream = params("upstream", &["up.test", "*.up.test", "localhost", "127.0.0.1"])?;
    fs::write(data.join("upstream.pem"), upstream.signed_by(&key, &issuer)?.pem())?;
    fs::write(data.join("upstream.key"), key.serialize_pem())?;
    Ok(())
}
