//! The swarm's bits: everything that can go wrong in a world, by name, and how it is switched off.
//!
//! A bit is on where its weight, drawn for the world, is above nothing. A run counts which were on; shrinking switches
//! them off one at a time.

use super::errand::{Leaving, When};
use super::intervention::Intervention;
use super::scenario::Scenario;
use super::upstream::Mischief;
use super::weather::Climate;
use keywheel_runtime::fake::Behaviour;

/// One bit.
pub struct Switch {
    /// Its name.
    pub name: &'static str,
    /// Whether it is on.
    pub is_on: fn(&Scenario) -> bool,
    /// Switches it off.
    pub off: fn(&mut Scenario),
}

impl core::fmt::Debug for Switch {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name)
    }
}

/// A weight of the network's, on one of its sides.
macro_rules! odds {
    ($name:literal, $side:ident, $fault:ident) => {
        Switch {
            name: $name,
            is_on: |world| world.swarm.climate.$side.$fault > 0,
            off: |world| world.swarm.climate.$side.$fault = 0,
        }
    };
}

/// A field of how keywheel is carried.
macro_rules! carried {
    ($name:literal, $field:ident, $plain:expr) => {
        Switch {
            name: $name,
            is_on: |world| world.swarm.carriage.$field != $plain,
            off: |world| world.swarm.carriage.$field = $plain,
        }
    };
}

/// A kind of intervention.
macro_rules! act {
    ($name:literal, $kind:pat) => {
        Switch {
            name: $name,
            is_on: |world| world.swarm.interventions.iter().any(|(_, act)| matches!(act, $kind)),
            off: |world| world.swarm.interventions.retain(|(_, act)| !matches!(act, $kind)),
        }
    };
}

/// What some errands do.
macro_rules! errands {
    ($name:literal, |$errand:ident| $on:expr, $off:expr) => {
        Switch {
            name: $name,
            is_on: |world| world.clients.iter().flat_map(|(_, errands)| errands).any(|$errand| $on),
            off: |world| {
                for $errand in world.clients.iter_mut().flat_map(|(_, errands)| errands) {
                    if $on {
                        $off;
                    }
                }
            },
        }
    };
}

/// An answer that is asked of the upstream.
macro_rules! answers {
    ($name:literal) => {
        errands!($name, |errand| errand.spec.contains($name), errand.spec.clear())
    };
}

/// A setting that makes something scarce.
macro_rules! setting {
    ($name:literal) => {
        Switch {
            name: $name,
            is_on: |world| world.swarm.setting($name).is_some(),
            off: |world| world.swarm.setup.env.retain(|(name, _)| name != $name),
        }
    };
}

/// A way in which keys misbehave.
macro_rules! keys {
    ($name:literal, $kind:pat) => {
        Switch {
            name: $name,
            is_on: |world| world.swarm.keys.iter().any(|(_, behaviour)| matches!(behaviour, $kind)),
            off: |world| {
                for (_, behaviour) in &mut world.swarm.keys {
                    if matches!(behaviour, $kind) {
                        *behaviour = Behaviour::Good;
                    }
                }
            },
        }
    };
}

/// All of them.
pub const SWITCHES: &[Switch] = &[
    // The network.
    odds!("dials refused", up, refuse),
    odds!("dials into a black hole", up, blackhole),
    odds!("accepted, then reset", up, accept_reset),
    odds!("upstream connections end", up, fin),
    odds!("upstream connections are reset", up, reset),
    odds!("upstream connections stall", up, stall),
    odds!("upstream connections fall silent", up, mute),
    odds!("client connections end", down, fin),
    odds!("client connections are reset", down, reset),
    odds!("client connections stall", down, stall),
    odds!("client connections fall silent", down, mute),
    Switch {
        name: "lookups fail",
        is_on: |world| world.swarm.climate.lookups.0 > 0,
        off: |world| world.swarm.climate.lookups.0 = 0,
    },
    Switch {
        name: "segments, delays, short reads and writes",
        is_on: |world| world.swarm.climate.weathers.iter().any(|weather| *weather != super::pipe::Weather::calm()),
        off: |world| world.swarm.climate.weathers = Climate::calm().weathers,
    },
    // How keywheel is carried.
    carried!("reads of few bytes", most_read, usize::MAX),
    carried!("the upstream's side first", upstream_first, false),
    Switch {
        name: "tasks in any order",
        is_on: |world| world.swarm.carriage.order.is_some(),
        off: |world| world.swarm.carriage.order = None,
    },
    carried!("two workers", workers, 1),
    carried!("timers come late", late, 0),
    carried!("timers fire twice or for nothing", restless, 0),
    carried!("buffers are refused", starved, 0),
    // Upstreams.
    Switch {
        name: "bytes nobody asked for",
        is_on: |world| world.swarm.mischief.unsolicited > 0,
        off: |world| world.swarm.mischief = Mischief::default(),
    },
    Switch {
        name: "upstreams close idle connections",
        is_on: |world| world.swarm.upstream_idle.is_some(),
        off: |world| world.swarm.upstream_idle = None,
    },
    Switch { name: "TLS", is_on: |world| world.swarm.tls, off: |world| world.speak_plainly() },
    answers!("error="),
    answers!("hang"),
    answers!("garble"),
    answers!("early"),
    answers!("http10"),
    answers!("length="),
    answers!("retry_after"),
    answers!("echo_key"),
    answers!("should_retry"),
    answers!("interim="),
    answers!("fields="),
    answers!("event_error="),
    answers!("cut_head="),
    answers!("reset_head="),
    answers!("cut_after="),
    answers!("reset_after="),
    answers!("noise="),
    answers!("stall_ms="),
    answers!("delay_ms="),
    answers!("bytes="),
    answers!("gzip"),
    // Keys.
    keys!("keys revoked", Behaviour::Invalid),
    keys!("keys without quota", Behaviour::NoQuota),
    keys!("keys limited in rate", Behaviour::RateLimited { .. }),
    keys!("keys that answer oddly", Behaviour::Every { .. }),
    keys!("keys that die", Behaviour::DeadAfter(_)),
    Switch {
        name: "keys of one organization",
        is_on: |world| world.swarm.keys.windows(2).any(|pair| pair[0].0 == pair[1].0),
        off: |world| world.swarm.keys.iter_mut().enumerate().for_each(|(n, key)| key.0 = format!("org-{n}")),
    },
    Switch {
        name: "a hundred keys and more",
        is_on: |world| world.swarm.keys.len() >= 100,
        off: |world| world.keep_keys(4),
    },
    // The operator and the clock.
    act!("keys change their behaviour", Intervention::Key(..)),
    act!("reloads of other keys", Intervention::Reload(_)),
    act!("reloads that fail", Intervention::Misread),
    act!("the wall clock is set", Intervention::Wall(_)),
    act!("the clock jumps", Intervention::Jump(_)),
    act!("keys are reset in mid-flight", Intervention::Reset),
    act!("SIGTERM", Intervention::Drain),
    // Clients.
    errands!("clients close", |errand| errand.leaves(Leaving::Fin), errand.leave = None),
    errands!("clients reset", |errand| errand.leaves(Leaving::Reset), errand.leave = None),
    errands!("clients half-close", |errand| errand.leaves(Leaving::HalfClose), errand.leave = None),
    errands!("clients fall deaf", |errand| errand.leaves(Leaving::Deaf), errand.leave = None),
    errands!(
        "clients leave within the request",
        |errand| errand.leave.is_some_and(|leave| matches!(leave.when, When::Sent(_))),
        errand.leave = None
    ),
    errands!("clients pause", |errand| errand.pause.is_some(), errand.pause = None),
    errands!("clients expect 100", |errand| errand.expect.is_some(), errand.expect = None),
    errands!("malformed requests", |errand| errand.mangled.is_some(), errand.retreat()),
    errands!("other words", |errand| errand.said.is_some() || errand.credential.is_some(), {
        errand.said = None;
        errand.credential = None;
    }),
    errands!("tunnels", |errand| !errand.frames.is_empty(), errand.retreat()),
    errands!("keys reset by clients", |errand| errand.target == "/reset-keys", errand.retreat()),
    errands!("reloads by clients", |errand| errand.target == "/reload", errand.retreat()),
    Switch {
        name: "clients read slowly",
        is_on: |world| world.clients.iter().any(|(manner, _)| manner.pace.is_some()),
        off: |world| world.clients.iter_mut().for_each(|(manner, _)| manner.pace = None),
    },
    Switch {
        name: "clients pipeline",
        is_on: |world| world.clients.iter().any(|(manner, _)| manner.pipeline > 1),
        off: |world| world.clients.iter_mut().for_each(|(manner, _)| manner.pipeline = 1),
    },
    // What is scarce, and what is done about it.
    setting!("LOAD_BALANCE_STRATEGY"),
    setting!("MAX_RETRIES"),
    setting!("WHEN_EXHAUSTED"),
    setting!("RETRY_AMBIGUOUS"),
    setting!("CLIENT_HALF_CLOSE"),
    setting!("MAX_SOCKETS"),
    setting!("MAX_FREE_SOCKETS"),
    setting!("REQUEST_TIMEOUT"),
    setting!("STREAM_HEADER_TIMEOUT"),
    setting!("STREAM_IDLE_TIMEOUT"),
    setting!("BLACKLIST_THRESHOLD"),
    setting!("ENABLE_CORS"),
    setting!("LIMIT_ERROR_BODY"),
    setting!("LIMIT_REPLAY"),
    setting!("LIMIT_REPLAY_TOTAL"),
    setting!("LIMIT_WAITING"),
    setting!("LIMIT_CONNECTIONS"),
    setting!("LIMIT_KEEP_ALIVE"),
];

impl Scenario {
    /// Upstreams do without TLS.
    fn speak_plainly(&mut self) {
        self.swarm.tls = false;
        for (_, value) in self.swarm.setup.env.iter_mut().filter(|(name, _)| name == "OPENAI_BASE_URL") {
            *value = value.replace("https://", "http://").replace(":8443", ":8080");
        }
    }

    /// Keeps only the first `n` keys.
    pub(super) fn keep_keys(&mut self, n: usize) {
        self.swarm.keys.truncate(n);
        self.swarm.setup.keys.truncate(n);
        self.swarm.interventions.retain_mut(|(_, act)| match act {
            Intervention::Key(key, _) => *key < n,
            Intervention::Reload(order) => {
                order.retain(|key| *key < n);
                !order.is_empty()
            }
            _ => true,
        });
    }
}
