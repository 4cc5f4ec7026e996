//! The command line: which flags there are, and what `--help` says of them.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use keywheel_core::config::Flags;
use keywheel_core::secret::Secret;
use std::ffi::OsString;
use std::net::IpAddr;

/// A transparent, load-balancing proxy for LLM APIs: one token in front, many upstream keys behind it.
#[derive(Parser)]
#[command(version, max_term_width = 100, args_conflicts_with_subcommands = true)]
struct Args {
    /// Port to listen on [default: 3000]
    #[arg(short, long, value_name = "PORT")]
    port: Option<String>,
    /// Address to listen on [default: 0.0.0.0; 127.0.0.1 while no auth key is set]
    #[arg(short = 'H', long, value_name = "HOST")]
    host: Option<String>,
    /// Upstream keys: @FILE, - for standard input, or a comma list (which others can read in the process list)
    /// [default: @keys.txt]
    #[arg(short = 'c', long, value_name = "KEYS", allow_hyphen_values = true)]
    keys: Option<String>,
    /// Token that clients have to send; a comma list allows several
    #[arg(short = 'k', long, value_name = "TOKEN")]
    auth_key: Option<String>,
    /// How the next key is chosen: round_robin, random or least_busy
    #[arg(short, long, value_name = "NAME")]
    strategy: Option<String>,
    /// A flat TOML or JSON file of settings, by the names of the environment's variables
    #[arg(long, value_name = "FILE")]
    config: Option<String>,
    /// text or json
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// error, warn, info, debug or off
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
    /// Threads that serve [default: one for each core]
    #[arg(long, value_name = "N")]
    workers: Option<String>,
    #[command(subcommand)]
    command: Option<Sub>,
}

#[derive(Subcommand)]
enum Sub {
    /// Shows it at work, without any key: a fake provider, eight keys, some of which misbehave
    Demo {
        /// End after the flow of requests, with success only if each got a good answer
        #[arg(long)]
        once: bool,
    },
}

/// What is to be done.
#[derive(Debug)]
pub(super) enum Call {
    /// Serve, with these flags.
    Serve(Box<Flags>),
    /// Run the demo.
    Demo {
        /// And end after it.
        once: bool,
    },
}

/// Reads the command line of the binary `name`, whose name it begins with.
///
/// # Errors
/// What is wrong with it, or the help or the version that was asked for.
pub(super) fn parse(name: &'static str, args: Vec<OsString>) -> Result<Call, clap::Error> {
    if let Some(host) = host_meant(&args) {
        let hint = format!("-h is help; to listen on {host}, write -H {host} (or --host {host})");
        return Err(command(name).error(ErrorKind::InvalidValue, hint));
    }
    let matches = command(name).try_get_matches_from(&args).map_err(|error| unquoted(name, &args, error))?;
    let args = Args::from_arg_matches(&matches).map_err(|error| unquoted(name, &[], error))?;
    if let Some(Sub::Demo { once }) = args.command {
        return Ok(Call::Demo { once });
    }
    let Args { port, host, keys, auth_key, strategy, config, log_format, log_level, workers, command: _ } = args;
    let (keys, auth_key) = (keys.map(Secret::new), auth_key.map(Secret::new));
    Ok(Call::Serve(Box::new(Flags { port, host, keys, auth_key, strategy, config, log_format, log_level, workers })))
}

fn command(name: &'static str) -> clap::Command {
    let examples = format!(
        "Examples:
  {name} demo                          try it without any key
  {name} -c @keys.txt -k my-token      serve the keys of a file, one a line
  {name} -p 8080 -H 0.0.0.0 -k token   on port 8080 of every address
  printf '%s\\n' \"$KEY1\" \"$KEY2\" | {name} -c -
  OPENAI_BASE_URL=https://api.example.com {name} -s least_busy

Settings come from flags, then the environment, then .env in the working folder, then FILE.
Clients use http://HOST:PORT/v1 as their base URL, and the token as their key."
    );
    Args::command().name(name).bin_name(name).after_help(examples)
}

/// The same error in words that quote no argument, as any may be a secret in the wrong place: only our own flags are named,
/// and the place of what is none of them.
fn unquoted(name: &'static str, args: &[OsString], error: clap::Error) -> clap::Error {
    let kind = error.kind();
    let said = |context: ContextKind| match error.get(context) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        Some(ContextValue::Strings(texts)) => texts.first().map(String::as_str),
        _ => None,
    };
    let flag = said(ContextKind::InvalidArg).filter(|flag| is_ours(flag));
    let typed =
        |context| said(context).and_then(|text| args.iter().position(|arg| arg.to_string_lossy().starts_with(text)));
    let place = || match [ContextKind::InvalidArg, ContextKind::InvalidSubcommand].into_iter().find_map(typed) {
        Some(place) => format!("argument {place}"),
        None => "an argument".to_owned(),
    };
    let alike = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand].into_iter().find_map(said);
    let text = match (kind, flag) {
        (ErrorKind::DisplayHelp | ErrorKind::DisplayVersion, _) => return error,
        (ErrorKind::InvalidUtf8, _) => "an argument is not UTF-8".to_owned(),
        (ErrorKind::InvalidValue, Some(flag)) => format!("a value is required for '{flag}' but none was supplied"),
        (ErrorKind::ArgumentConflict, Some(flag)) => {
            format!("'{flag}' is given twice, or with a command that has no such flag")
        }
        (ErrorKind::ArgumentConflict, None) => format!("{} cannot follow what stands before it", place()),
        (ErrorKind::TooManyValues, Some(flag)) => format!("'{flag}' takes no value"),
        (_, Some(flag)) => format!("'{flag}' cannot be used so"),
        (_, None) => match alike {
            Some(alike) => format!("{} is not known; a similar one is '{alike}'", place()),
            None => format!("{} is not known", place()),
        },
    };
    command(name).error(kind, text)
}

/// Whether this is how clap writes a flag that there is (`--port <PORT>`), and not what was typed.
fn is_ours(flag: &str) -> bool {
    let known = |command: &clap::Command| command.get_arguments().any(|arg| arg.to_string() == flag);
    let mut command = Args::command();
    // Only then can an argument be written.
    command.build();
    known(&command) || command.get_subcommands().any(known)
}

/// The host behind a `-h`, which meant the host once: `-h 0.0.0.0`, `-h=0.0.0.0` or `-h0.0.0.0`.
fn host_meant(args: &[OsString]) -> Option<String> {
    let all: Vec<&str> = args.iter().skip(1).map_while(|arg| arg.to_str()).collect();
    let at = all.iter().position(|arg| arg.starts_with("-h") && !arg.starts_with("-help"))?;
    let joined = all[at][2..].trim_start_matches('=');
    let host = if joined.is_empty() { *all.get(at + 1)? } else { joined };
    (host.parse::<IpAddr>().is_ok() || host == "localhost").then(|| host.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Call, clap::Error> {
        parse("keywheel-tokio", ["keywheel-tokio"].into_iter().chain(line.split_whitespace()).map(Into::into).collect())
    }

    fn flags(line: &str) -> Flags {
        match read(line) {
            Ok(Call::Serve(flags)) => *flags,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn each_flag_by_each_name() {
        let all = |f: Flags| {
            let shown = |secret: Option<Secret>| secret.map(|text| text.expose_text().unwrap().to_owned());
            let (keys, auth_key) = (shown(f.keys), shown(f.auth_key));
            [f.port, f.host, keys, auth_key, f.strategy, f.config, f.log_format, f.log_level, f.workers]
                .map(|value| value.unwrap_or_default())
                .join(" ")
        };
        let long = "--port 1 --host ::1 --keys @f --auth-key t --strategy random --config c.toml --log-format json \
                    --log-level debug --workers 2";
        let short = "-p 1 -H ::1 -c @f -k t -s random --config c.toml --log-format json --log-level debug --workers 2";
        assert_eq!(all(flags(long)), "1 ::1 @f t random c.toml json debug 2");
        assert_eq!(all(flags(short)), all(flags(long)));
        assert_eq!(all(flags("")), "        ");
        assert_eq!(flags("-c -").keys.unwrap().expose(), b"-", "standard input");
        assert_eq!(flags("-p=80").port.as_deref(), Some("80"));
    }

    #[test]
    fn the_demo() {
        assert!(matches!(read("demo"), Ok(Call::Demo { once: false })));
        assert!(matches!(read("demo --once"), Ok(Call::Demo { once: true })));
        assert!(read("-p 80 demo").is_err(), "its ports are its own");
    }

    #[test]
    fn what_is_wrong_is_named_and_exits_with_2() {
        for (line, says) in [
            ("--prot 80", "--port"),
            ("-p", "--port <PORT>"),
            ("serve", "argument 1 is not known"),
            ("-p 1 -p 2", "'--port <PORT>' is given twice"),
            ("-p 1 demo", "argument 3 cannot follow"),
            ("demo --twice", "argument 2 is not known"),
            ("demo --once=x", "'--once' takes no value"),
        ] {
            let error = read(line).expect_err(line);
            assert_eq!(error.exit_code(), 2, "{line}");
            assert!(error.to_string().contains(says), "{line}: {error}");
        }
    }

    #[test]
    fn h_is_help_and_a_host_behind_it_gets_a_hint() {
        for line in ["-h", "--help", "-h demo", "-p 80 -h"] {
            assert_eq!(read(line).expect_err(line).exit_code(), 0, "{line}");
        }
        for line in ["-h 0.0.0.0", "-p 80 -h 127.0.0.1", "-h=::1", "-h0.0.0.0", "-h localhost"] {
            let error = read(line).expect_err(line);
            assert_eq!(error.exit_code(), 2, "{line}");
            assert!(error.to_string().contains("write -H "), "{line}: {error}");
        }
    }

    #[test]
    fn no_argument_is_quoted() {
        let key = "sk-proj-Qm7xW2vB9nLk4aaaa";
        for line in [
            "KEY",
            "--KEY",
            "-KEY",
            "--prot=KEY",
            "--port --KEY",
            "demo KEY",
            "demo --KEY",
            "demo --once=KEY",
            "-h KEY",
            "-hKEY",
            "-h=KEY",
            "-h a.KEY",
            "-p 1 KEY demo",
            "-p KEY demo",
            "-kKEY demo",
            "-zKEY",
            "-p 1 -p KEY",
            "-- KEY",
            "--version=KEY",
            "--help=KEY",
            "help KEY",
        ] {
            let said = read(&line.replace("KEY", key)).map_err(|error| format!("{error} {error:?}"));
            assert!(!said.as_ref().is_err_and(|said| said.contains("Qm7x")), "{line}: {said:?}");
        }
    }

    #[test]
    fn version_and_help() {
        let version = read("--version").expect_err("ends here").to_string();
        assert_eq!(version, format!("keywheel-tokio {}\n", env!("CARGO_PKG_VERSION")));
        let help = command("keywheel-tokio").term_width(100).render_help().to_string();
        assert_eq!(help, include_str!("help.txt"), "if it is meant, help.txt has to say so too");
    }
}
