//! Trim markers, variables, truth, comparison, iteration, templates.

use super::{check, rendered, set};
use gotemplate::MissingKey;

#[test]
fn trim_markers() {
    check(&[
        ("a {{- 1 -}} b", "a1b"),
        ("a \t\r\n{{-\t1\t-}}\r\n b", "a1b"),
        ("a\u{a0}{{- 1 -}}\u{a0}b", "a\u{a0}1\u{a0}b"),
        ("a {{-3}} b", "a -3 b"),
        ("a {{- 3}} b", "a3 b"),
        ("a {{3 -}} b", "a 3b"),
        ("a {{- /* c */ -}} b", "ab"),
        ("a {{/* c */}} b", "a  b"),
        ("{{- \n\n-}}", "template: :3: missing value for command"),
        ("{{(1 -}} x", "template: :1: unclosed left paren"),
    ]);
}

#[test]
fn nil_and_missing_values() {
    check(&[
        ("{{ .no }}", "<no value>"),
        ("{{ .no.way }}", "<no value>"),
        ("{{ .nil }}", "<no value>"),
        ("{{ .nil.x }}", "template: :1:7: executing \"\" at <.nil.x>: nil pointer evaluating interface {}.x"),
        ("{{ print nil .no }}", "<nil> <nil>"),
        ("{{ html .no }}", "&lt;no value&gt;"),
        ("{{ nil }}", "template: :1:3: executing \"\" at <nil>: nil is not a command"),
        ("{{ nil.x }}", "template: :1: unexpected . after term \"nil\""),
        ("{{ if .no }}y{{ else }}n{{ end }}", "n"),
        ("{{ range .no }}y{{ else }}n{{ end }}", "n"),
        ("{{ with .no }}y{{ else }}n{{ end }}", "n"),
        ("{{ upper .no }}", "template: :1:9: executing \"\" at <.no>: invalid value; expected string"),
        ("{{ upper nil }}", "template: :1:9: executing \"\" at <nil>: cannot assign nil to string"),
    ]);
    let zero = set().with_missing_key(MissingKey::Zero);
    assert_eq!(rendered(&zero, "{{ .no }}"), "<no value>");
    assert_eq!(
        rendered(&zero, "{{ .no.way }}"),
        "template: :1:6: executing \"\" at <.no.way>: nil pointer evaluating interface {}.way"
    );
    assert_eq!(
        rendered(&zero, "{{ len .no }}"),
        "template: :1:3: executing \"\" at <len .no>: error calling len: len of nil pointer"
    );
    let error = set().with_missing_key(MissingKey::Error);
    assert_eq!(
        rendered(&error, "{{ .no }}"),
        "template: :1:3: executing \"\" at <.no>: map has no entry for key \"no\""
    );
}

#[test]
fn comparison() {
    check(&[
        (
            "{{ eq 1 2 1 }} {{ ne 1 2 }} {{ lt 1 2 }} {{ le 2 2 }} {{ gt 1 2 }} {{ ge 2 2 }}",
            "true true true true false true",
        ),
        ("{{ eq .name \"ann\" }} {{ lt \"a\" \"b\" }} {{ eq 1.5 1.5 }}", "true true true"),
        ("{{ eq nil nil }} {{ eq nil 1 }} {{ eq .list nil }} {{ eq .no nil }}", "true false false true"),
        ("{{ eq (index \"a\" 0) 97 }} {{ lt -1 (index \"a\" 0) }}", "true true"),
        (
            "{{ eq 1 1.0 }}",
            "template: :1:3: executing \"\" at <eq 1 1.0>: error calling eq: incompatible types for comparison: int and float64",
        ),
        (
            "{{ eq 1 }}",
            "template: :1:3: executing \"\" at <eq 1>: error calling eq: missing argument for comparison",
        ),
        (
            "{{ lt true false }}",
            "template: :1:3: executing \"\" at <lt true false>: error calling lt: invalid type for comparison",
        ),
        (
            "{{ eq .list .list }}",
            "template: :1:3: executing \"\" at <eq .list .list>: error calling eq: non-comparable type [x y z]: []string",
        ),
        ("{{ and 1 0 2 }} {{ and 1 2 }} {{ or 0 \"\" 3 }} {{ not 0 }}", "0 2 3 true"),
        ("{{ or 1 (fail) }}", "template: :1: function \"fail\" not defined"),
        ("{{ or 1 (index .list 9) }} {{ and 0 (index .list 9) }}", "1 0"),
    ]);
}

#[test]
fn iteration() {
    check(&[
        ("{{ range .map }}{{ . }},{{ end }}", "1,2,<no value>,"),
        ("{{ range $k, $v := .map }}{{ $k }}={{ $v }},{{ end }}", "a=1,b=2,none=<no value>,"),
        ("{{ range $i, $e := .list }}{{ $i }}{{ $e }}{{ end }}", "0x1y2z"),
        ("{{ range .list }}{{ if eq . \"y\" }}{{ continue }}{{ end }}{{ . }}{{ end }}", "xz"),
        ("{{ range .list }}{{ if eq . \"y\" }}{{ break }}{{ end }}{{ . }}{{ end }}", "x"),
        (
            "{{ range 3 }}{{ . }}{{ end }}{{ range $i := 2 }}{{ $i }}{{ end }}{{ range -1 }}x{{ else }}e{{ end }}",
            "01201e",
        ),
        ("{{ range $x := .empty }}{{ else }}{{ $x }}{{ end }}", "[]"),
        ("{{ range .list }}{{ range $.empty }}{{ else }}{{ break }}{{ end }}{{ . }}{{ end }}", "xyz"),
        ("{{ range .list }}{{ range $.empty }}{{ else }}{{ continue }}{{ end }}{{ . }}{{ end }}", ""),
        (
            "{{ range .list }}{{ with 1 }}{{ with 2 }}{{ continue }}{{ end }}{{ end }}{{ end }}{{ .name }}",
            "ann",
        ),
        ("{{ $a := 1 }}{{ range $a = .list }}{{ end }}{{ $a }}", "z"),
        (
            "{{ range \"abc\" }}{{ end }}",
            "template: :1:9: executing \"\" at <\"abc\">: range can't iterate over abc",
        ),
        (
            "{{ range $i, $x := 3 }}{{ end }}",
            "template: :1:19: executing \"\" at <3>: can't use 3 to iterate over more than one variable",
        ),
    ]);
}

#[test]
fn templates_and_variables() {
    check(&[
        (
            "{{ define \"t\" }}<{{ . }}>{{ end }}{{ template \"t\" .name }}{{ template \"t\" }}",
            "<ann><<no value>>",
        ),
        ("{{ block \"t\" .name }}[{{ . }}]{{ end }}", "[ann]"),
        ("{{ define \"t\" }}a{{ end }}{{ define \"t\" }} {{ end }}{{ template \"t\" }}", "a"),
        ("{{ $x := 1 }}{{ $x = 2 }}{{ if true }}{{ $x = 3 }}{{ $y := 4 }}{{ $y }}{{ end }}{{ $x }}", "43"),
        (
            "{{ if 0 }}a{{ else if 1 }}b{{ else }}c{{ end }}{{ with 0 }}a{{ else with 2 }}{{ . }}{{ end }}",
            "b2",
        ),
        ("{{ (index .list 1) | printf \"%s-%s\" \"a\" }} {{ (.map).a }}", "a-y 1"),
        (
            "{{ .person.Name }} {{ .person.Greet \"x\" }} {{ \"y\" | .person.Greet }} {{ .person }}",
            "Ann <b> hello x hello y Ann!",
        ),
        (
            "{{ 1_000 }} {{ 0x1F }} {{ 0b101 }} {{ 017 }} {{ 1e3 }} {{ 'a' }} {{ 1i }} {{ \"\\x41\\u00e9\" }} {{ `a\\n` }}",
            "1000 31 5 15 1000 97 (0+1i) Aé a\\n",
        ),
        ("{{ index .map \"a\" }} {{ index .list 1 }} {{ slice \"abcdef\" 1 3 }} {{ len .map }}", "1 y bc 3"),
        (
            "{{ js \"<a>'\\\"\" }} {{ urlquery \"a b&c\" }} {{ html \"<&'\" }}",
            r#"\u003Ca\u003E\'\" a+b%26c &lt;&amp;&#39;"#,
        ),
    ]);
}
