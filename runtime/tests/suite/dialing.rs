//! Getting connections.

use super::stand::{Tls, run};
use keywheel_core::origin::Origin;
use keywheel_core::session::{Dial, DialError};
use keywheel_runtime::dial::connect;
use keywheel_runtime::link::Link;
use keywheel_runtime::server::Flavour;
use std::net::TcpListener;
use std::time::Duration;

fn dial(tls: bool, host: &str, port: u16) -> Dial {
    let origin = Origin::new(tls, host, port);
    Dial { origin, repeatable: true, fresh: false, per_address: Duration::from_secs(5) }
}

fn listener() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// `localhost` may have an address in each family; only one of them listens.
pub(crate) fn every_address_of_a_name_is_tried<F: Flavour>() {
    run::<F, _>(async |rt| {
        let (_listener, port) = listener();
        let link = connect(rt, Tls::new().client(), dial(false, "localhost", port)).await;
        assert!(matches!(link, Ok(Link::Plain(_))));
    });
}

pub(crate) fn a_refusal_says_who_refused<F: Flavour>() {
    run::<F, _>(async |rt| {
        let (_, port) = listener();
        let error = connect(rt, Tls::new().client(), dial(false, "127.0.0.1", port)).await.err();
        let Some(DialError::Connect(why)) = error else { panic!("{error:?}") };
        assert!(why.contains(&format!("127.0.0.1:{port}")) && why.contains("refused"), "{why}");
    });
}

pub(crate) fn a_name_without_address_is_told_apart<F: Flavour>() {
    run::<F, _>(async |rt| {
        let name = "x".repeat(64);
        let error = connect(rt, Tls::new().client(), dial(false, &name, 80)).await.err();
        assert!(matches!(&error, Some(DialError::Resolve(why)) if why.contains(&name)), "{error:?}");
    });
}

/// The peer accepts and says nothing: the handshake is part of what the deadline covers.
pub(crate) fn a_silent_peer_runs_into_the_deadline<F: Flavour>() {
    run::<F, _>(async |rt| {
        let (_listener, port) = listener();
        let soon = Dial { per_address: Duration::from_millis(30), ..dial(true, "127.0.0.1", port) };
        let error = connect(rt, Tls::new().client(), soon).await.err();
        assert!(matches!(&error, Some(DialError::Tls(why)) if why.contains("handshake took longer")), "{error:?}");
    });
}

pub(crate) fn tls_is_spoken_and_a_wrong_name_refused<F: Flavour>() {
    run::<F, _>(async |rt| {
        let tls = Tls::new();
        let (listener, port) = listener();
        let server = tls.echo(listener, 2);
        let link = connect(rt.clone(), tls.client(), dial(true, "localhost", port)).await;
        assert!(matches!(link, Ok(Link::Tls(_))), "{:?}", link.err());
        drop(link);
        let error = connect(rt, tls.client(), dial(true, "127.0.0.1", port)).await.err();
        let Some(DialError::Tls(why)) = error else { panic!("{error:?}") };
        assert!(why.contains("not valid for name"), "{why}");
        server.join().unwrap();
    });
}
