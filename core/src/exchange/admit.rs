//! The way in: what a request head is answered at once, or begins.
//!
//! In this order: a loop (508) · a CORS preflight, which carries no credential · the target (400, 404) · an admin
//! page and its credential · the proxy token (400, 401). Where no token is set, 403 for pages of other sites instead. Only
//! then is anything kept of the request.

use super::request::{Request, forwards};
use super::{Due, Exchange, Own, State};
use crate::auth;
use crate::classify::Class;
use crate::cors;
use crate::dialect::Dialect;
use crate::error::{ClientFault, Problem};
use crate::keyring::Model;
use crate::message::{Length, Page, RequestHead};
use crate::notice::RequestLine;
use crate::proxy::{AdminCall, AdminPage, Ask};
use crate::replay::Replay;
use crate::site;
use crate::target::{self, Route};
use crate::turn::Turn;
use bytes::Bytes;
use core::time::Duration;
use http::{Method, StatusCode};
use std::sync::Arc;

/// The dialect of the pool `default`.
pub(super) const DIALECT: Dialect = Dialect::OpenAi;

impl Exchange {
    /// Begins the exchange of a request whose head has arrived. `drops` names the fields that end at this hop; `id`
    /// becomes its x-keywheel-request-id; `worker` is where wakes for it go.
    pub fn new(
        head: &RequestHead<'_>,
        drops: &dyn Fn(&[u8]) -> bool,
        worker: u32,
        id: u64,
        turn: &mut Turn<'_>,
    ) -> Exchange {
        let route = target::route(&head.target, DIALECT.resources());
        let target = match route {
            Ok(Route::Proxied(target)) => Some(target),
            _ => None,
        };
        let admin = matches!(route, Ok(Route::Admin(..)));
        let mut exchange = Exchange {
            state: State::Asking,
            due: Due::default(),
            ask: None,
            dial: None,
            request: Request::new(head, target, drops, turn),
            body: Replay::new(turn.pool),
            body_ended: false,
            feeding: false,
            expects: false,
            tries: super::Tries::new(retries(head, turn.settings.max_retries)),
            lease: None,
            linked: false,
            redials: 0,
            began: false,
            interim: 0,
            verdict: None,
            account: None,
            own: None,
            observer: Default::default(),
            alarm: None,
            completed_at: turn.now,
            budget_end: None,
            client_limit: client_limit(head),
            model: Model::Unread,
            peek: None,
            worker,
            id,
            started: turn.now,
            status: 0,
            class: Class::Ours,
            log: turn.settings.log_requests.then(|| line(head, id)),
            cors: turn.settings.cors.as_ref().filter(|_| !admin).map(|cors| cors.grant(head.fields)),
            fault: None,
            written_at: turn.now,
            settings: Arc::clone(turn.settings),
            admin: admin.then(|| turn.wall.at(turn.now)),
        };
        match exchange.admit(head, route) {
            Ok(()) => exchange.start(head, turn),
            Err(page) => exchange.answer_page(*page, turn),
        }
        if head.length == Length::Exact(0) {
            exchange.handle_end(turn);
        }
        exchange
    }

    /// Asks the proxy for what the request needs, unless it is answered from here.
    fn admit(&mut self, head: &RequestHead<'_>, route: Result<Route, target::TargetError>) -> Result<(), Box<Page>> {
        let settings = Arc::clone(&self.settings);
        if self.request.came_through(&settings.instance) {
            return self.refuse(ClientFault::Loop);
        }
        if self.admin.is_none()
            && let Some(cors) = &settings.cors
            && cors::is_preflight(&head.method, head.fields)
        {
            return Err(Box::new(cors.preflight(head.fields)));
        }
        if head.method == Method::OPTIONS && head.fields.all("max-forwards").any(|value| forwards(value) == Some(0)) {
            // RFC 9110 section 7.6.2: the request has come as far as it was meant to.
            let fields = vec![("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS".to_owned())];
            return Err(Box::new(Page { status: StatusCode::NO_CONTENT, fields, body: Bytes::new() }));
        }
        match route {
            Err(error) => self.refuse(ClientFault::Target(error)),
            Ok(Route::Admin(page)) => self.admit_admin(head, page),
            Ok(Route::Proxied(_)) => {
                let (cors, names) = (settings.cors.as_ref(), &settings.names);
                if settings.tokens.is_none() && site::strange(head.fields, head.authority, names, cors) {
                    return self.refuse(ClientFault::Strange);
                }
                let query = target::query(&head.target);
                auth::check(head.fields, query, settings.tokens.as_ref())
                    .or_else(|error| self.refuse(ClientFault::Auth(error)))
            }
        }
    }

    fn admit_admin(&mut self, head: &RequestHead<'_>, what: AdminPage) -> Result<(), Box<Page>> {
        let methods = target::methods(what);
        if !methods.split(", ").any(|method| method == head.method.as_str()) {
            return self.refuse(ClientFault::Method(methods));
        }
        if !target::is_public(what) {
            let tokens = self.settings.admin_tokens.as_ref().or(self.settings.tokens.as_ref());
            let (names, changes) = (&self.settings.names, target::changes(what));
            if tokens.is_none() && site::strange_admin(head.fields, head.authority, names, changes) {
                return self.refuse(ClientFault::Strange);
            }
            if let Err(error) = auth::check_admin(head.fields, tokens) {
                return self.refuse(ClientFault::Auth(error));
            }
        }
        let page = match target::number(target::query(&head.target)) {
            Ok(page) => page,
            Err(error) => return self.refuse(ClientFault::Target(error)),
        };
        self.ask = Some(Ask::Admin(AdminCall { worker: self.worker, what, page }));
        Ok(())
    }

    fn refuse(&self, fault: ClientFault) -> Result<(), Box<Page>> {
        Err(Box::new(self.page_of(Problem::from(fault))))
    }

    /// The page of a problem, in the shape of the path that was asked for.
    fn page_of(&self, problem: Problem) -> Page {
        match self.admin {
            Some(at) => problem.admin_page(at),
            None => problem.page(),
        }
    }

    fn start(&mut self, head: &RequestHead<'_>, turn: &mut Turn<'_>) {
        if self.admin.is_some() {
            return;
        }
        self.ask_for_key(turn);
        self.expects = head.expects_continue;
    }

    /// Answers with a problem of keywheel's own.
    pub(super) fn answer_problem(&mut self, problem: Problem, turn: &mut Turn<'_>) {
        let page = self.page_of(problem);
        self.answer_page(page, turn);
    }

    /// Answers with a page of keywheel's own.
    pub(super) fn answer_page(&mut self, page: Page, turn: &mut Turn<'_>) {
        self.status = page.status.as_u16();
        if self.tries.attempts == 0 {
            self.class = class_of_own(page.status);
        }
        self.own = Some(Box::new(Own::Page(page)));
        self.due.answer = true;
        self.due.go_on = false;
        self.finish(crate::classify::Outcome::plain(Class::Ours), turn);
    }

    /// The client broke its request's framing, or sends it too slowly: an answer if there is none yet, else a break.
    pub fn handle_client_fault(&mut self, fault: ClientFault, turn: &mut Turn<'_>) {
        match self.state {
            State::Over => {}
            State::Relaying | State::Tunnel => {
                self.due.abort = true;
                self.finish(crate::classify::Outcome::plain(Class::Ours), turn);
            }
            _ => {
                self.withdraw();
                self.answer_problem(Problem::from(fault), turn);
                self.class = Class::Client;
            }
        }
    }
}

/// What an answer of ours comes to, when nothing was tried: the client's mistake, or our refusal.
fn class_of_own(status: StatusCode) -> Class {
    match status.as_u16() {
        ..400 => Class::Ok,
        429 | 500.. => Class::Ours,
        _ => Class::Client,
    }
}

/// Retries allowed: an SDK that is retrying already multiplies ours, so it gets half of them.
fn retries(head: &RequestHead<'_>, max: u32) -> u32 {
    let retried =
        head.fields.get("x-stainless-retry-count").is_some_and(|v| v.iter().any(|d| (b'1'..=b'9').contains(d)));
    if retried { max / 2 } else { max }
}

/// The client's own limit, in seconds, as the SDKs state it.
fn client_limit(head: &RequestHead<'_>) -> Option<Duration> {
    ["x-stainless-timeout", "x-stainless-read-timeout"]
        .iter()
        .filter_map(|name| {
            let text = core::str::from_utf8(head.fields.get(name)?).ok()?;
            let seconds = text.trim().parse::<f64>().ok().filter(|s| *s > 0.0)?;
            Duration::try_from_secs_f64(seconds).ok()
        })
        .min()
}

fn line(head: &RequestHead<'_>, id: u64) -> Box<RequestLine> {
    let path = String::from_utf8_lossy(target::logged_path(&head.target));
    Box::new(RequestLine::begun(head.method.as_str(), path, format!("{id:016x}")))
}
