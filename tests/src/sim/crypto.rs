//! TLS that can be replayed: one key exchange, one kind of key, seeded randomness, certificates checked against
//! virtual time, a committed chain.
//!
//! The key exchange itself draws from the machine, so ciphertext differs from run to run; its lengths do not, and
//! traces hold no ciphertext.

use super::dice::mix;
use rustls::crypto::{CryptoProvider, GetRandomFailed, SecureRandom, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::time_provider::TimeProvider;
use rustls::{RootCertStore, ServerConfig};
use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

/// The authority that signed the committed chain, PEM.
pub const AUTHORITY: &str = include_str!("../../data/authority.pem");
const CHAIN: &str = include_str!("../../data/upstream.pem");
const KEY: &str = include_str!("../../data/upstream.key");

thread_local! {
    static STATE: Cell<u64> = const { Cell::new(0) };
}

/// Randomness of the simulation that runs on this thread.
#[derive(Debug)]
struct Seeded;

impl SecureRandom for Seeded {
    fn fill(&self, buf: &mut [u8]) -> Result<(), GetRandomFailed> {
        for chunk in buf.chunks_mut(8) {
            let next = STATE.get().wrapping_add(1);
            STATE.set(next);
            chunk.copy_from_slice(&mix(next).to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

/// The wall clock that certificates are checked against: the beginning of every simulation.
#[derive(Debug)]
struct Virtual;

impl TimeProvider for Virtual {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_millis(super::runtime::EPOCH.0)))
    }
}

/// The cryptography of a simulation of this seed, for this thread.
pub fn provider(seed: u64) -> (Arc<CryptoProvider>, Arc<dyn TimeProvider>) {
    STATE.set(mix(seed));
    let provider = CryptoProvider {
        kx_groups: vec![ring::kx_group::X25519],
        cipher_suites: vec![ring::cipher_suite::TLS13_AES_128_GCM_SHA256],
        secure_random: &Seeded,
        ..ring::default_provider()
    };
    (Arc::new(provider), Arc::new(Virtual))
}

/// What upstream servers need: the committed chain of `*.up.test`, `localhost` and `127.0.0.1`.
pub fn server(crypto: &(Arc<CryptoProvider>, Arc<dyn TimeProvider>)) -> Arc<ServerConfig> {
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(CHAIN.as_bytes()).map(|der| der.expect("committed PEM")).collect();
    let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).expect("committed PEM");
    let mut config = ServerConfig::builder_with_details(crypto.0.clone(), crypto.1.clone())
        .with_safe_default_protocol_versions()
        .expect("one version at least")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("the committed key fits the committed chain");
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Arc::new(config)
}

/// The authority alone.
pub fn roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    for der in CertificateDer::pem_slice_iter(AUTHORITY.as_bytes()) {
        roots.add(der.expect("committed PEM")).expect("the committed authority is one");
    }
    roots
}
