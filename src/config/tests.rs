//! Tests of the settings: precedence, what is refused, and that the shipped file tells the truth.

use std::path::PathBuf;

use toml::Value;

use super::*;

fn of(
    file: Option<&str>,
    environment: &[(&str, &str)],
    flags: Vec<(&'static str, Value)>,
) -> Result<Loaded, String> {
    let environment =
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let file = file.map(|text| (PathBuf::from("g.toml"), text.to_owned()));
    load(&Sources { file, environment, flags }).map_err(|error| error.to_string())
}

#[track_caller]
fn refused(file: &str, environment: &[(&str, &str)]) -> String {
    of(Some(file), environment, Vec::new()).expect_err("it is to be refused")
}

#[test]
fn the_shipped_file_is_the_defaults() {
    let loaded = of(Some(SHIPPED), &[], Vec::new()).unwrap();
    assert_eq!(loaded.config, Config::default());
}

#[test]
fn the_shipped_file_sets_and_documents_every_key_and_no_other() {
    let shipped = of(Some(SHIPPED), &[], Vec::new()).unwrap();
    for (key, (_, origin)) in &shipped.values {
        assert_eq!(*origin, Origin::File, "{key} is not in config/ghostlight.toml");
    }
    let mut before = "";
    for line in SHIPPED.lines() {
        if line.contains(" = ") && !line.starts_with('#') {
            assert!(before.starts_with('#'), "nothing is said about `{line}`");
            assert!(SHIPPED.contains(&format!("GHOSTLIGHT_{}", "SECTION__KEY")));
        }
        before = line;
    }
}

#[test]
fn flags_win_over_the_environment_which_wins_over_the_file_which_wins_over_the_defaults() {
    let file =
        "[server]\nlisten = \"127.0.0.1:1\"\nfeeds_max = 5\n[runs]\nslots = 9\n[log]\nfilter = \"warn\"\n";
    let environment = [("GHOSTLIGHT_SERVER__LISTEN", "127.0.0.1:2"), ("GHOSTLIGHT_RUNS__SLOTS", "10")];
    let flags = vec![("server.listen", Value::String("127.0.0.1:3".into()))];
    let loaded = of(Some(file), &environment, flags).unwrap();
    assert_eq!(loaded.config.server.listen.port(), 3);
    assert_eq!(loaded.config.runs.slots, 10);
    assert_eq!(loaded.config.log.filter, "warn");
    assert_eq!(loaded.config.server.feeds_max, 5);
    assert_eq!(loaded.config.data, Data::default());
    assert_eq!(loaded.values["server.listen"].1, Origin::Flag);
    assert_eq!(loaded.values["runs.slots"].1, Origin::Environment("GHOSTLIGHT_RUNS__SLOTS".into()));
    assert_eq!(loaded.values["log.filter"].1, Origin::File);
    assert_eq!(loaded.values["data.dir"].1, Origin::Default);
}

#[test]
fn what_is_misspelt_is_refused_at_its_line_with_the_nearest_known_word() {
    assert_eq!(
        refused("[server]\n\nlissten = \"x\"\n", &[]),
        "g.toml:3: there is no setting `server.lissten` (did you mean `server.listen`?)"
    );
    assert_eq!(
        refused("[sever]\nlisten = 1\n", &[]),
        "g.toml:1: there is no section `[sever]` (did you mean `[server]`?)"
    );
    assert_eq!(
        refused("", &[("GHOSTLIGHT_RUNS__SLOT", "3")]),
        "GHOSTLIGHT_RUNS__SLOT: there is no setting `runs.slot` (did you mean `GHOSTLIGHT_RUNS__SLOTS`?)"
    );
    let both = refused("[data]\ndirr = \"x\"\n[log]\nformat = \"xml\"\n", &[]);
    assert_eq!(both.lines().count(), 2, "{both}");
}

#[test]
fn a_value_that_does_not_fit_is_refused_by_its_key() {
    for (file, key) in [
        ("[server]\nlisten = \"here\"\n", "server.listen"),
        ("[server]\nbody_bytes_max = \"much\"\n", "server.body_bytes_max"),
        ("[server]\nbody_bytes_max = 5\n", "server.body_bytes_max"),
        ("[data]\nsegment_bytes = \"1KiB\"\n", "data.segment_bytes"),
        ("[data]\nwarn_below_free = \"some\"\n", "data.warn_below_free"),
        ("[data]\nrefuse_below_free = \"91%\"\n", "data.refuse_below_free"),
        ("[runs]\nslots = 0\n", "runs.slots"),
        ("[runs]\nslots = -1\n", "runs.slots"),
        ("[runs]\nshutdown_deadline = \"soon\"\n", "runs.shutdown_deadline"),
        ("[log]\nfilter = \"=[\"\n", "log.filter"),
        ("[chaos]\nenabled = \"yes\"\n", "chaos.enabled"),
    ] {
        let said = refused(file, &[]);
        assert!(said.starts_with("g.toml:2: ") && said.contains(key), "{said}");
    }
    assert!(refused("[server\n", &[]).starts_with("g.toml:1: "));
    assert!(refused("server = 1\n", &[]).contains("write `[server]`"));
    assert!(refused("", &[("GHOSTLIGHT_SERVER__BEHIND_PROXY", "perhaps")]).contains("server.behind_proxy"));
}

#[test]
fn other_variables_of_the_environment_are_none_of_our_business() {
    let environment = [
        ("GHOSTLIGHT_TOKEN", "x"),
        ("PATH", "/bin"),
        ("GHOSTLIGHT_SERVER__ALLOWED_HOSTS", "a.example, b.example"),
    ];
    let loaded = of(None, &environment, Vec::new()).unwrap();
    assert_eq!(loaded.config.server.allowed_hosts, ["a.example", "b.example"]);
}

#[test]
fn what_is_dumped_is_read_again() {
    let loaded = of(None, &[("GHOSTLIGHT_RUNS__SLOTS", "7")], Vec::new()).unwrap();
    for with_origin in [false, true] {
        let again = of(Some(&loaded.to_toml(with_origin)), &[], Vec::new()).unwrap();
        assert_eq!(again.config, loaded.config);
    }
    assert!(loaded.to_toml(true).contains("slots = 7  # GHOSTLIGHT_RUNS__SLOTS"));
}

#[test]
fn sizes_and_times_are_printed_as_they_are_written() {
    for (text, bytes) in [("16MiB", 16 << 20), ("1GiB", 1 << 30), ("1025", 1025), ("64KiB", 65_536)] {
        let size = ByteSize::try_from(text.to_owned()).unwrap();
        assert_eq!((size.0, size.to_string().as_str()), (bytes, text));
    }
    for text in ["1GiB", "0", "5%", "90%"] {
        assert_eq!(String::from(FreeSpace::try_from(text.to_owned()).unwrap()), text);
    }
    for text in ["25s", "1500ms"] {
        assert_eq!(String::from(Period::try_from(text.to_owned()).unwrap()), text);
    }
}

#[test]
fn a_journal_may_not_be_smaller_than_three_of_its_segments() {
    let said = refused("[retention]\njournal_bytes_max = \"32MiB\"\n", &[]);
    assert!(said.starts_with("g.toml:2: `retention.journal_bytes_max`: must be at least 192MiB"), "{said}");
    assert!(said.contains("data.segment_bytes"), "{said}");
    let fits = "[data]\nsegment_bytes = \"10MiB\"\n[retention]\njournal_bytes_max = \"30MiB\"\n";
    assert!(of(Some(fits), &[], Vec::new()).is_ok());
}
