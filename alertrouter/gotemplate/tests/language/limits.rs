//! What runs away is stopped, and says so.

use std::thread;

use super::{data, rendered, set};
use gotemplate::{Limits, Stage, Templates};

/// A thread's usual stack: what goes down on it must fit.
const STACK: usize = 2 << 20;

fn stopped(set: &Templates, text: &str) -> String {
    let error = set.one(text).unwrap().render(&data()).unwrap_err();
    assert_eq!(error.stage, Stage::Limit, "{error}");
    error.message
}

#[test]
fn loops_end() {
    let text = "{{ range 1000000000 }}{{ range 1000000000 }}{{ end }}{{ end }}";
    assert!(stopped(&set(), text).ends_with("took more than 2000000 steps"));
    let text = "{{ range 1000000000 }}0123456789012345678901234567890123456789{{ end }}";
    assert!(stopped(&set(), text).ends_with("wrote more than 16777216 bytes"));
    let text = "{{ $s := \"0123456789\" }}{{ range 100 }}{{ $s = print $s $s }}{{ end }}";
    assert!(stopped(&set(), text).ends_with("made values of more than 16777216 bytes"));
    let text = "{{ define \"x\" }}{{ template \"x\" . }}{{ end }}{{ template \"x\" . }}";
    let message = stopped(&set(), text);
    assert_eq!(
        message,
        "template: :1:28: executing \"x\" at <{{template \"x\" .}}>: exceeded maximum template depth (100000)"
    );
}

#[test]
fn limits_can_be_set() {
    let small = set().with_limits(Limits { steps: 10, bytes: 5, depth: 1 });
    assert!(
        stopped(&small, "{{ range 9 }}{{ end }}{{ range 9 }}{{ end }}").ends_with("took more than 10 steps")
    );
    assert!(stopped(&small, "123456").ends_with("wrote more than 5 bytes"));
    assert_eq!(rendered(&small, "12345"), "12345");
}

#[test]
fn what_nests_too_deep_is_refused() {
    let deep = || {
        let parens = format!("{{{{ {}1{} }}}}", "(".repeat(5_000), ")".repeat(5_000));
        assert_eq!(rendered(&set(), &parens), "template: :1: max expression depth exceeded");
        let most = format!("{{{{ {}1{} }}}}", "(".repeat(100), ")".repeat(100));
        assert_eq!(rendered(&set(), &most), "1");
        let actions = "{{ if 1 }}".repeat(5_000);
        assert_eq!(rendered(&set(), &actions), "template: :1: max nesting depth of actions exceeded");
        let chain = "{{ if 0 }}".to_owned() + &"{{ else if 0 }}".repeat(5_000) + "{{ end }}";
        assert_eq!(rendered(&set(), &chain), "template: :1: max nesting depth of actions exceeded");
        let most = "{{ if 1 }}".repeat(249) + "x" + &"{{ end }}".repeat(249);
        assert_eq!(rendered(&set(), &most), "x");
    };
    thread::Builder::new().stack_size(STACK).spawn(deep).unwrap().join().unwrap();
}
