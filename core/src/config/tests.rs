use super::*;
use crate::secret::Secret;

/// A start as the driver does it: files are read until none is needed.
struct Start {
    layers: Layers,
    disk: Vec<(&'static str, Vec<u8>)>,
}

type Outcome = Result<(Config, Vec<Warning>), Vec<ConfigError>>;

impl Start {
    /// Keys in keys.txt and these variables.
    fn env(env: &[(&str, &str)]) -> Self {
        Start { layers: Layers::of_env(env.iter().copied()), disk: vec![("keys.txt", b"sk-a\nsk-b\n".to_vec())] }
    }

    fn file(mut self, path: &'static str, text: &str) -> Self {
        self.disk.retain(|(p, _)| *p != path);
        self.disk.push((path, text.into()));
        self
    }

    fn dotenv(mut self, text: &str) -> Self {
        self.layers.dotenv = Some(Secret::new(text.as_bytes()));
        self
    }

    fn flags(mut self, set: impl FnOnce(&mut Flags)) -> Self {
        set(&mut self.layers.flags);
        self
    }

    fn outcome(&self) -> Outcome {
        let mut files = Files::new();
        for _ in 0..4 {
            for path in Config::needs(&self.layers, &files) {
                let found = self.disk.iter().find(|(p, _)| **p == *path);
                files.add(&path, found.map(|(_, text)| Secret::new(&**text)).ok_or("not found".to_owned()));
            }
        }
        assert!(Config::needs(&self.layers, &files).is_empty(), "two rounds are enough");
        Config::parse(&self.layers, &files)
    }

    fn config(&self) -> Config {
        self.outcome().map_err(|errors| shown(&errors)).unwrap().0
    }

    fn warnings(&self) -> Vec<String> {
        self.outcome().unwrap().1.iter().map(ToString::to_string).collect()
    }

    fn errors(&self) -> Vec<String> {
        shown(&self.outcome().map(drop).unwrap_err())
    }

    /// The one error.
    fn error(&self) -> String {
        let errors = self.errors();
        assert_eq!(errors.len(), 1, "{errors:?}");
        errors.into_iter().next().unwrap()
    }
}

fn shown(errors: &[ConfigError]) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn nothing_but_keys_is_a_configuration() {
    let config = Start::env(&[]).config();
    assert_eq!(config.listen.to_string(), "127.0.0.1:3000");
    assert_eq!(config.keys.len(), 2);
    assert_eq!(config.keys[0].bases[0].origin.to_string(), "https://api.openai.com");
    assert_eq!((config.keys[1].line, config.keys[1].index), (2, 1));
    assert_eq!(config.pool, PoolConfig::default());
    assert_eq!(config.settings.limits, crate::limits::Limits::default());
    assert!(config.settings.tokens.is_none() && config.settings.admin_tokens.is_none());
    assert!(config.settings.cors.as_ref().is_some_and(|cors| cors.origins.is_none()));
    assert_eq!((config.settings.request_timeout, config.settings.stream_header_timeout), (None, None));
    assert_eq!((config.workers, config.shutdown, config.extra_ca), (None, Duration::from_secs(30), None));
    assert_eq!(config.log, LogConfig::default());
}

/// A value for each setting that is not its default.
const VALUES: &[(&str, &str)] = &[
    ("PORT", "8080"),
    ("HOST", "::1"),
    ("WORKERS", "2"),
    ("CONFIG_FILE", "keywheel.toml"),
    ("KEYS_FILE", "other.txt"),
    ("OPENAI_BASE_URL", "http://a/v1,http://b"),
    ("AUTH_KEY", "t1,t2"),
    ("AUTH_KEY_FILE", "tokens"),
    ("ADMIN_KEY", "admin"),
    ("ADMIN_LISTEN", "unix:/run/x"),
    ("LOAD_BALANCE_STRATEGY", "round-robin"),
    ("START_INDEX", "1"),
    ("MAX_RETRIES", "7"),
    ("BLACKLIST_THRESHOLD", "0"),
    ("WHEN_EXHAUSTED", "least_bad"),
    ("RETRY_AMBIGUOUS", "yes"),
    ("REQUEST_TIMEOUT", "45s"),
    ("STREAM_HEADER_TIMEOUT", "9000"),
    ("CONNECT_TIMEOUT", "2s"),
    ("STREAM_IDLE_TIMEOUT", "1m"),
    ("SHUTDOWN_TIMEOUT", "5s"),
    ("CORE_DUMPS", "yes"),
    ("CLIENT_HALF_CLOSE", "on"),
    ("SEND_VIA", "1"),
    ("MAX_SOCKETS", "50"),
    ("MAX_FREE_SOCKETS", "3"),
    ("UPSTREAM_CA_FILE", "ca.pem"),
    ("ENABLE_CORS", "true"),
    ("ALLOWED_ORIGINS", "https://a.example"),
    ("ENABLE_KEEP_ALIVE", "1"),
    ("LOG_LEVEL", "debug"),
    ("LOG_FORMAT", "json"),
    ("LOG_ENABLE_REQUEST", "no"),
    ("LOG_ENABLE_FILE", "true"),
    ("LOG_FILE_PATH", "x.log"),
    ("STATE_FILE", "state.json"),
    ("DISABLE_COMPRESSION", "true"),
    ("BUFFER_SIZE", "32768"),
    ("STREAM_BUFFER_SIZE", "65536"),
    ("JWT_TOKENS", "a,b"),
    ("JWT_TOKEN", "a"),
];

fn everything() -> Start {
    Start::env(VALUES)
        .file("keywheel.toml", "")
        .file("other.txt", "sk-x")
        .file("tokens", "# ours\nt3\r\n")
        .file("ca.pem", "-----BEGIN CERTIFICATE-----\n")
}

#[test]
fn every_setting_parses_and_has_an_effect_or_says_that_it_has_none() {
    let named: Vec<&str> = VALUES.iter().map(|(name, _)| *name).collect();
    assert_eq!(named, SETTINGS.iter().map(|s| s.name).collect::<Vec<_>>(), "the table is complete");
    let config = everything().config();
    let settings = &config.settings;
    assert_eq!((config.listen.to_string(), config.workers), ("[::1]:8080".to_owned(), Some(2)));
    assert_eq!((config.keys.len(), config.keys[0].bases.len()), (1, 2));
    assert_eq!(settings.tokens.as_ref().map(crate::auth::Tokens::count), Some(3));
    assert_eq!(settings.admin_tokens.as_ref().map(crate::auth::Tokens::count), Some(1));
    let pool = PoolConfig {
        strategy: Strategy::RoundRobin,
        start_index: 1,
        threshold: 0,
        max_retries: 7,
        when_exhausted: WhenExhausted::LeastBad,
        retry_ambiguous: true,
        max_sockets: Some(50),
        max_free_sockets: 3,
    };
    assert_eq!(config.pool, pool);
    let secs = |n| Some(Duration::from_secs(n));
    assert_eq!((settings.request_timeout, settings.stream_header_timeout), (secs(45), secs(9)));
    assert_eq!((Some(settings.limits.connect), Some(settings.limits.stream_idle)), (secs(2), secs(60)));
    assert_eq!((settings.max_retries, settings.retry_ambiguous, settings.client_half_close), (7, true, true));
    assert!(settings.via);
    assert_eq!((settings.keep_alive, settings.log_requests, config.shutdown), (true, false, Duration::from_secs(5)));
    assert_eq!(config.log.file.as_deref(), Some("x.log"));
    assert_eq!((config.log.level, config.log.format), (log::LevelFilter::Debug, LogFormat::Json));
    assert!(config.extra_ca.is_some() && settings.cors.as_ref().is_some_and(|cors| cors.origins.is_some()));
    let warnings = everything().warnings();
    for setting in SETTINGS.iter().filter(|s| s.without_effect.is_some()) {
        let said = warnings.iter().filter(|w| w.starts_with(&format!("{} (env", setting.name))).count();
        assert_eq!(said, 1, "{}: {warnings:?}", setting.name);
    }
}

#[test]
fn old_names_are_the_same_settings() {
    let start = Start::env(&[("SERVER_PORT", "8081"), ("SERVER_HOST", "localhost"), ("BEARER_TOKEN", "t")]);
    let config = start.config();
    assert_eq!(config.listen.to_string(), "localhost:8081");
    assert!(config.settings.tokens.is_some());
    let limits = Start::env(&[("LIMIT_CONNECT", "1s"), ("LIMIT_STREAM_IDLE", "2s"), ("LIMIT_REPLAY", "1M")]).config();
    let limits = &limits.settings.limits;
    assert_eq!((limits.connect.as_secs(), limits.stream_idle.as_secs(), limits.replay), (1, 2, 1 << 20));
}

#[test]
fn two_names_with_different_values_in_one_layer_are_an_error() {
    let error = Start::env(&[("PORT", "1"), ("SERVER_PORT", "2")]).error();
    assert!(error.contains("PORT (env PORT) and SERVER_PORT (env SERVER_PORT)"), "{error}");
    let error = Start::env(&[("AUTH_KEY", "one-token"), ("BEARER_TOKEN", "other-token")]).error();
    assert!(error.contains("AUTH_KEY") && error.contains("BEARER_TOKEN") && !error.contains("-token"), "{error}");
    let error = Start::env(&[]).dotenv("PORT=1\nPORT=2").error();
    assert!(error.contains(".env:1") && error.contains(".env:2"), "{error}");
    // The same value, or another layer, is no contradiction.
    assert_eq!(Start::env(&[("PORT", "1"), ("SERVER_PORT", "1")]).config().listen.port, 1);
    assert_eq!(Start::env(&[("SERVER_PORT", "2")]).dotenv("PORT=1").config().listen.port, 2);
    assert_eq!(Start::env(&[("PORT", ""), ("SERVER_PORT", "2")]).config().listen.port, 2);
}

#[test]
fn flags_over_environment_over_dotenv_over_file_over_defaults() {
    let start = || Start::env(&[("CONFIG_FILE", "c.toml")]).file("c.toml", "port = 4\nmax_retries = 4");
    assert_eq!(start().config().listen.port, 4);
    let start = || start().dotenv("PORT=3");
    assert_eq!((start().config().listen.port, start().config().pool.max_retries), (3, 4));
    let start = || {
        let mut start = start();
        start.layers.env.push(("PORT".into(), "2".into()));
        start
    };
    assert_eq!(start().config().listen.port, 2);
    assert_eq!(start().flags(|f| f.port = Some("1".into())).config().listen.port, 1);
}

#[test]
fn an_empty_value_means_the_default_also_of_a_weaker_layer() {
    assert_eq!(Start::env(&[("PORT", "")]).dotenv("PORT=3").config().listen.port, 3000);
    assert!(Start::env(&[("AUTH_KEY", " ")]).config().settings.tokens.is_none());
}

#[test]
fn every_flag_has_its_setting() {
    let config = Start::env(&[]).file("c.json", "{\"MAX_RETRIES\": \"2\"}").flags(|f| {
        f.port = Some("8080".into());
        f.host = Some("0.0.0.0".into());
        f.keys = Some("sk-1,sk-2,sk-3".into());
        f.auth_key = Some("t".into());
        f.strategy = Some("random".into());
        f.config = Some("c.json".into());
        f.log_format = Some("json".into());
        f.log_level = Some("warn".into());
        f.workers = Some("3".into());
    });
    let warnings = config.warnings();
    assert!(warnings.iter().any(|w| w.starts_with("-c: ")) && warnings.iter().any(|w| w.starts_with("-k: ")));
    let config = config.config();
    assert_eq!((config.listen.to_string(), config.keys.len(), config.workers), ("0.0.0.0:8080".into(), 3, Some(3)));
    assert!(config.settings.tokens.is_some());
    assert_eq!((config.pool.strategy, config.pool.max_retries), (Strategy::Random, 2));
    assert_eq!((config.log.format, config.log.level), (LogFormat::Json, log::LevelFilter::Warn));
}

#[test]
fn keys_of_a_flag_replace_the_keys_file() {
    let keys = |flag: &str| Start::env(&[("KEYS_FILE", "no")]).flags(|f| f.keys = Some(flag.into()));
    assert_eq!(keys("sk-1").config().keys.len(), 1);
    assert_eq!(keys("@mine").file("mine", "sk-1\nsk-2\nsk-3").config().keys[2].line, 3);
    assert_eq!(keys("-").file("-", "sk-1").config().keys.len(), 1);
    assert!(keys(",").error().contains("flag -c holds none"));
}

#[test]
fn without_a_token_only_this_machine_may_call() {
    let start = Start::env(&[]);
    assert!(start.warnings().iter().any(|w| w.contains("127.0.0.1:3000 for this machine only")));
    let start = Start::env(&[("HOST", "0.0.0.0")]);
    assert_eq!(start.config().listen.to_string(), "0.0.0.0:3000");
    assert!(start.warnings().iter().any(|w| w.contains("whoever reaches 0.0.0.0:3000")));
    let any_page = |env| matches!(&Start::env(env).warnings()[..], [one] if one.contains("any web page"));
    assert!(any_page(&[("HOST", "127.0.0.1")]));
    for cors in [("ALLOWED_ORIGINS", "https://app.example"), ("ENABLE_CORS", "no")] {
        assert!(Start::env(&[("HOST", "127.0.0.1"), cors]).warnings().is_empty());
    }
    let start = Start::env(&[("AUTH_KEY", "t")]);
    assert_eq!((start.config().listen.to_string(), start.warnings().len()), ("0.0.0.0:3000".into(), 0));
}

#[test]
fn a_token_setting_that_holds_none_never_opens_the_proxy() {
    assert!(Start::env(&[("AUTH_KEY", ",")]).error().starts_with("AUTH_KEY (env AUTH_KEY): write tokens"));
    assert!(Start::env(&[("AUTH_KEY", "with space")]).error().contains("visible ASCII"));
    let file = |text: &str| Start::env(&[("AUTH_KEY_FILE", "t")]).file("t", text);
    assert!(file("\n# none\n").error().starts_with("AUTH_KEY_FILE (env AUTH_KEY_FILE): it holds no token"));
    assert!(file("good\nbad one\n").error().starts_with("t:2: "));
    assert!(Start::env(&[("AUTH_KEY_FILE", "t")]).error().starts_with("AUTH_KEY_FILE (env AUTH_KEY_FILE): not found"));
    assert!(Start::env(&[("ADMIN_KEY", ",")]).error().starts_with("ADMIN_KEY"));
}

#[test]
fn an_admin_key_that_is_a_client_token_is_said() {
    let warnings = Start::env(&[("AUTH_KEY", "a,b"), ("ADMIN_KEY", "b")]).warnings();
    assert!(warnings.iter().any(|w| w.contains("also ADMIN_KEY")), "{warnings:?}");
    assert!(Start::env(&[("AUTH_KEY", "a"), ("ADMIN_KEY", "b")]).warnings().is_empty());
}

#[test]
fn a_bare_request_timeout_below_a_second_is_said() {
    for (value, said) in [("30", true), ("999", true), ("1000", false), ("30s", false), ("500ms", false)] {
        let start = Start::env(&[("REQUEST_TIMEOUT", value), ("AUTH_KEY", "t")]);
        assert_eq!(start.warnings().iter().any(|w| w.contains("REQUEST_TIMEOUT")), said, "{value}");
    }
    assert_eq!(
        Start::env(&[("REQUEST_TIMEOUT", "30")]).config().settings.request_timeout,
        Some(Duration::from_millis(30))
    );
    assert!(Start::env(&[("REQUEST_TIMEOUT", "0")]).error().contains("REQUEST_TIMEOUT"));
}

#[test]
fn keep_alive_off_is_off_on_both_sides() {
    let config = Start::env(&[("ENABLE_KEEP_ALIVE", "false"), ("MAX_FREE_SOCKETS", "5")]).config();
    assert_eq!((config.settings.keep_alive, config.pool.max_free_sockets), (false, 0));
}

#[test]
fn all_errors_come_at_once_and_name_what_would_be_right() {
    let bad = [
        ("PORT", "80a", "a whole number from 0 to 65535"),
        ("HOST", "http://x", "an address"),
        ("WORKERS", "0", "from 1"),
        ("OPENAI_BASE_URL", "api.openai.com", "https://"),
        ("LOAD_BALANCE_STRATEGY", "best", "round_robin or random or least_busy"),
        ("MAX_RETRIES", "-1", "whole number"),
        ("WHEN_EXHAUSTED", "die", "wait or reject or least_bad"),
        ("RETRY_AMBIGUOUS", "maybe", "true"),
        ("REQUEST_TIMEOUT", "fast", "30s"),
        ("CONNECT_TIMEOUT", "0", "1ms"),
        ("MAX_SOCKETS", "0", "from 1"),
        ("ENABLE_CORS", "*", "true"),
        ("ALLOWED_ORIGINS", "a.example", "https://app.example"),
        ("LOG_LEVEL", "loud", "info"),
        ("LOG_FORMAT", "xml", "text or json"),
        ("BUFFER_SIZE", "big", "bytes"),
        ("LIMIT_REPLAY", "lots", "4M"),
        ("LIMIT_ATTEMPTS", "0", "from 1"),
    ];
    let env: Vec<(&str, &str)> = bad.iter().map(|(name, value, _)| (*name, *value)).collect();
    let errors = Start::env(&env).errors();
    assert_eq!(errors.len(), bad.len(), "{errors:#?}");
    for (name, value, right) in bad {
        let error = errors.iter().find(|e| e.starts_with(&format!("{name} (env {name}): "))).expect(name);
        assert!(error.contains(right), "{error}");
        assert!(!error.contains(&format!("{value:?}")), "{error}");
    }
}

#[test]
fn errors_name_the_place() {
    assert!(Start::env(&[]).dotenv("\nPORT=x").error().starts_with("PORT (.env:2): "));
    assert!(Start::env(&[]).dotenv("PORT").error().starts_with(".env:1: "));
    assert!(Start::env(&[]).flags(|f| f.port = Some("x".into())).error().starts_with("PORT (flag -p): "));
    let config = |text: &str| Start::env(&[("CONFIG_FILE", "c.toml")]).file("c.toml", text);
    assert!(config("\n\nport = 'x'").error().starts_with("PORT (c.toml:3): "));
    assert!(config("port = ").error().starts_with("c.toml:1: not TOML"));
    assert_eq!(config("x = 1\nport = 1").error(), "c.toml:1: there is no such setting");
    assert!(config("max_retires = 1").error().ends_with("did you mean MAX_RETRIES?"));
    assert!(Start::env(&[("CONFIG_FILE", "no")]).error().contains("CONFIG_FILE (env CONFIG_FILE): not found"));
    let keys = Start::env(&[]).file("keys.txt", "sk-a | weight=0");
    assert!(keys.error().starts_with("weight (keys.txt:1): write "), "{}", keys.error());
    assert!(Start::env(&[("UPSTREAM_CA_FILE", "ca")]).file("ca", "x").error().contains("no certificate"));
}

#[test]
fn names_that_do_nothing_are_said() {
    let warnings = Start::env(&[("LIMIT_NOTHING", "1"), ("AUTH_KYE", "x"), ("PATH", "/")]).dotenv("OTHER=1").warnings();
    assert!(warnings.iter().any(|w| w.starts_with("LIMIT_NOTHING")), "{warnings:?}");
    assert!(warnings.iter().any(|w| w.starts_with("AUTH_KYE") && w.contains("did you mean AUTH_KEY?")));
    assert_eq!(warnings.len(), 4, "and the notices of a proxy without token: {warnings:?}");
}

#[test]
fn secrets_that_every_user_can_read_are_said() {
    let start = |config: &str, dotenv: &str| {
        let env = [("CONFIG_FILE", "c.toml"), ("AUTH_KEY_FILE", "t"), ("UPSTREAM_CA_FILE", "ca.pem")];
        Start::env(&env)
            .file("c.toml", config)
            .dotenv(dotenv)
            .file("t", "t")
            .file("ca.pem", "-----BEGIN CERTIFICATE-----")
    };
    let said = |start: &Start, open: &[&str]| {
        let mut files = Files::new();
        start.disk.iter().for_each(|(path, text)| files.add(path, Ok(Secret::new(&**text))));
        open.iter().for_each(|path| files.open_to_all(path));
        let (_, warnings) = Config::parse(&start.layers, &files).unwrap();
        let open = warnings.into_iter().filter_map(|warning| match warning {
            Warning::OpenFile { path } => Some(path.into_string()),
            _ => None,
        });
        open.collect::<Vec<String>>().join(" ")
    };
    let all = ["keys.txt", "c.toml", "t", "ca.pem", ".env", "other"];
    assert_eq!(said(&start("port = 1", "PORT=1"), &all), "keys.txt t");
    assert_eq!(said(&start("admin_key = 'a'", "BEARER_TOKEN=b"), &all), ".env c.toml keys.txt t");
    assert_eq!(said(&start("admin_key = 'a'", "AUTH_KEY=b"), &["t"]), "t");
    assert_eq!(said(&start("admin_key = ''", "AUTH_KEY="), &all), "keys.txt t");
    let flags = start("", "").flags(|f| f.keys = Some("sk-a".into()));
    assert_eq!(said(&flags, &all), "t");
    let text = Warning::OpenFile { path: "keys.txt".into() }.to_string();
    assert_eq!(text, "keys.txt: it holds secrets, and every user of this machine can read it; chmod 600 keys.txt");
}

#[test]
fn settings_that_another_one_idles_are_said() {
    let warnings = |env: &[(&str, &str)]| {
        let all = Start::env(env).warnings();
        all.into_iter().filter(|w| w.contains("has no effect")).collect::<Vec<_>>()
    };
    assert!(warnings(&[("LOG_FILE_PATH", "x")])[0].ends_with("LOG_ENABLE_FILE is not set"));
    assert!(warnings(&[("LOG_FILE_PATH", "x"), ("LOG_ENABLE_FILE", "false")]).is_empty());
    assert!(warnings(&[("START_INDEX", "3"), ("LOAD_BALANCE_STRATEGY", "random")])[0].starts_with("START_INDEX"));
    assert!(warnings(&[("START_INDEX", "0"), ("LOAD_BALANCE_STRATEGY", "random")]).is_empty());
}

#[test]
fn what_is_wrong_with_keys() {
    let keys = |text: &str| Start::env(&[("AUTH_KEY", "t")]).file("keys.txt", text);
    let start = keys("sk-a\nsk-\u{e9}\nsk-a\n");
    assert_eq!(start.config().keys.len(), 1);
    let warnings = start.warnings();
    let skipped =
        "keys.txt: skipped, as a key is at most 16 KiB of visible ASCII, not in quotes, with a letter or digit: line 2";
    assert!(warnings.contains(&skipped.into()), "{warnings:?}");
    assert!(warnings.contains(&"keys.txt: a key comes again and is kept once: line 3 (as line 1)".into()));
    assert!(keys("# none").error().starts_with("no key: keys.txt holds none"));
    assert!(keys("ü\n\nü").error().ends_with(": line 1, 3; write one key a line, as UTF-8"));
    assert_eq!(keys(&format!("{}\nsk-b", "a".repeat(16 * 1024))).config().keys.len(), 2);
    assert_eq!(keys(&format!("{}\nsk-b", "a".repeat(16 * 1024 + 1))).config().keys.len(), 1);
    let many = keys(&format!("sk-a\n{}", "é\n".repeat(30))).warnings();
    assert!(many[0].ends_with(" and 20 more"), "{many:?}");
    let mut start = keys("");
    start.disk.clear();
    assert!(start.error().contains("KEYS_FILE (default): keys.txt: not found"));
}

#[test]
fn a_start_that_would_call_itself_is_refused() {
    for (host, url) in [
        ("", "http://localhost:3000"),
        ("", "https://a.example, http://127.0.0.1:3000/v1"),
        ("0.0.0.0", "http://[::1]:3000"),
        ("0.0.0.0", "http://box.lan:3000"),
        ("10.0.0.1", "http://10.0.0.1:3000"),
    ] {
        let mut start = Start::env(&[("HOST", host), ("OPENAI_BASE_URL", url)]);
        start.layers.own_names = vec!["box.lan".into()];
        let error = start.error();
        assert!(error.starts_with("OPENAI_BASE_URL (env OPENAI_BASE_URL): leads back"), "{error}");
    }
    let start = Start::env(&[]).file("keys.txt", "sk-a\nsk-b | base_url=http://localhost:3000");
    assert!(
        start.error().starts_with("base_url (keys.txt:2): leads back to this proxy, which listens on 127.0.0.1:3000")
    );
    Start::env(&[("OPENAI_BASE_URL", "http://localhost:3001")]).config();
    Start::env(&[("PORT", "0"), ("OPENAI_BASE_URL", "http://localhost")]).config();
}

#[test]
fn no_message_and_no_debug_output_holds_a_secret() {
    let secret = "SECRETSECRET";
    let all = [
        ("AUTH_KEY", "SECRETSECRET é"),
        ("ADMIN_KEY", "SECRETSECRET é"),
        ("OPENAI_BASE_URL", "https://SECRETSECRET@x"),
        ("JWT_TOKEN", "SECRETSECRET"),
        ("CONFIG_FILE", "c.toml"),
        ("AUTH_KEY_FILE", "t"),
    ];
    let start = Start::env(&all)
        .file("c.toml", "auth_key = SECRETSECRET")
        .file("t", "SECRETSECRET é")
        .file("keys.txt", "SECRETSECRET é\nSECRETSECRET | weight=SECRETSECRET")
        .dotenv("AUTH_KEY SECRETSECRET")
        .flags(|f| f.auth_key = Some("SECRETSECRET é".into()));
    let outcome = start.outcome();
    let errors = outcome.as_ref().map(drop).unwrap_err();
    assert!(errors.len() >= 6, "{errors:?}");
    assert!(!format!("{outcome:?} {:?} {:?}", shown(errors), start.layers).contains(secret));
    let spelled =
        ["sk-proj-Qm7xW2vB9nLk4aaaa", "sk-proj-Qm7xW2vB9nLk4aaaa=", "https://x/?key=sk-proj-Qm7xW2vB9nLk4aaaa"];
    let names = SETTINGS.iter().flat_map(|s| [Some(s.name), s.also]).flatten().map(str::to_owned).chain(limit_names());
    for (name, text) in names.flat_map(|name| spelled.map(|text| (name.clone(), text))) {
        let table = format!("{name} = '{text}'\n\"{text}\" = 1\nx = {{a = '{text}'}}\n");
        let unused = |name: &str| Start::env(&[]).file("keys.txt", &format!("sk-a | {name}={text}"));
        for start in [
            Start::env(&[(&name, text)]),
            Start::env(&[]).dotenv(&format!("{name}='{text}'\n{text}=1\n")),
            Start::env(&[("CONFIG_FILE", "c.toml")]).file("c.toml", &table),
            Start::env(&[]).file("keys.txt", &format!("sk-a | {text}")),
            unused("weight"),
            unused("base_url"),
            unused(text),
        ] {
            let said = match start.outcome() {
                Ok((_, warnings)) => format!("{warnings:?} {}", start.warnings().join("\n")),
                Err(errors) => format!("{errors:?} {}", shown(&errors).join("\n")),
            };
            assert!(!said.to_lowercase().contains("qm7x"), "{name}: {said}");
        }
    }
    let fine = Start::env(&[("AUTH_KEY", secret), ("ADMIN_KEY", secret), ("BEARER_TOKEN", secret)])
        .flags(|f| f.keys = Some("sk-SECRETSECRET,sk-SECRETSECRET".into()));
    let outcome = fine.outcome();
    assert!(outcome.is_ok() && !format!("{outcome:?} {:?}", fine.warnings()).contains(secret));
}

#[test]
fn what_a_reload_cannot_change() {
    let old = Start::env(&[]).config().fixed();
    assert!(old.differences(&old).is_empty());
    let new = Start::env(&[("PORT", "1"), ("HOST", "::"), ("WORKERS", "2"), ("MAX_RETRIES", "9")]).config().fixed();
    assert_eq!(old.differences(&new), ["HOST", "PORT", "WORKERS"]);
    let new =
        Start::env(&[("LOG_LEVEL", "warn"), ("LOG_FORMAT", "json"), ("SHUTDOWN_TIMEOUT", "1s"), ("CORE_DUMPS", "1")])
            .config()
            .fixed();
    assert_eq!(old.differences(&new), ["LOG_LEVEL", "LOG_FORMAT", "SHUTDOWN_TIMEOUT", "CORE_DUMPS"]);
}

#[test]
fn a_file_is_asked_for_once_and_what_it_names_after_it() {
    let start = Start::env(&[("CONFIG_FILE", "c.toml")]);
    let mut files = Files::new();
    assert_eq!(Config::needs(&start.layers, &files), ["c.toml".into()]);
    files.add("c.toml", Ok("keys_file = 'k'\nauth_key_file = 't'\nupstream_ca_file = 't'".into()));
    assert_eq!(Config::needs(&start.layers, &files), ["k".into(), "t".into()]);
    files.add("k", Err("not found".into()));
    assert_eq!(Config::needs(&start.layers, &files), ["t".into()]);
}
