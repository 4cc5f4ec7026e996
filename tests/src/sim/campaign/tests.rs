use super::*;

fn campaign(lines: &[&str]) -> Campaign {
    lines.join("\n").parse().expect("runs")
}

fn line(mode: &str, from: u64, seeds: u64, failures: u64, sources: &str) -> String {
    format!("2026-11-25 {mode} from={from} seeds={seeds} requests={} failures={failures} sources={sources}", seeds * 30)
}

#[test]
fn no_seed_counts_twice_and_only_these_sources_count() {
    let (now, then) = (BUILT_OF, "0".repeat(BUILT_OF.len()));
    let all = [
        line("core", 0, 100, 0, now),
        line("core", 50, 100, 0, now),
        line("core", 60, 10, 0, now),
        line("core", 0, 40, 0, now),
        line("core", 1_000, 10, 1, now),
        line("core", 5_000, 500, 3, &then),
        line("full", 0, 7, 0, now),
    ];
    let campaign = campaign(&all.each_ref().map(String::as_str));
    assert_eq!(campaign.sum(Mode::Core, now), Sum { seeds: 160, requests: 160 * 30, failures: 1 });
    assert_eq!(campaign.sum(Mode::Full, now), Sum { seeds: 7, requests: 210, failures: 0 });
    assert_eq!(campaign.sum(Mode::Core, &then), Sum { seeds: 500, requests: 15_000, failures: 3 });
}

#[test]
fn a_run_that_goes_on_extends_its_line() {
    let path = std::env::temp_dir().join(format!("campaign-{}.txt", std::process::id()));
    std::fs::write(&path, "# what it is\n\n").expect("written");
    let runs = [
        Run::today(Mode::Core, 0, 100, 3_000, 0),
        Run::today(Mode::Core, 100, 50, 1_400, 1),
        Run::today(Mode::Core, 151, 50, 1_500, 0),
        Run::today(Mode::Full, 201, 50, 1_500, 0),
    ];
    runs.iter().for_each(|run| Campaign::enter(&path, run).expect("entered"));
    let text = std::fs::read_to_string(&path).expect("read");
    std::fs::remove_file(&path).expect("removed");
    assert!(text.starts_with("# what it is\n\n2"), "{text}");
    let entered: Campaign = text.parse().expect("runs");
    assert_eq!(entered.runs[0], Run { seeds: 150, requests: 4_400, failures: 1, ..runs[0].clone() });
    assert_eq!(entered.runs[1..], runs[2..]);
    assert_eq!(entered.to_string(), text);
}

#[test]
fn what_is_no_run_is_an_error() {
    let good = line("core", 1, 2, 0, BUILT_OF);
    assert!(good.parse::<Run>().is_ok());
    for (from, to) in [("core", "keys"), ("seeds=2", "seeds=x"), ("from", "start"), (BUILT_OF, "abc"), ("2026-", "")] {
        assert!(good.replace(from, to).parse::<Campaign>().is_err(), "{from} → {to}");
    }
}

#[test]
fn the_committed_ledger_is_read_and_says_what_is_needed() {
    let campaign: Campaign = include_str!("../../../sim-ledger.txt").parse().expect("runs");
    let (table, _) = campaign.table();
    assert!(table.contains("core    1000000") && table.contains("full      20000"), "{table}");
    assert!(campaign.runs.iter().all(|run| run.requests >= 20 * run.seeds), "20 requests a seed, and more");
}

#[test]
fn this_program_was_built_of_the_sources_that_lie_here() {
    assert_eq!(BUILT_OF, digest_of_core());
}
