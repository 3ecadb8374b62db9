//! Go's messages.

use super::check;

#[test]
fn texts_that_cannot_be_read() {
    check(&[
        ("{{", "template: :1: unclosed action"),
        ("{{ .a\n", "template: :2: unclosed action started at :1"),
        ("{{ \"abc }}", "template: :1: unterminated quoted string"),
        ("{{/* c }}", "template: :1: unclosed comment"),
        ("{{/* c */ }}", "template: :1: comment ends before closing delimiter"),
        ("{{ }}", "template: :1: missing value for command"),
        ("{{ 1 | 2 }}", "template: :1: non executable command in pipeline stage 2"),
        ("{{ .a | }}", "<no value>"),
        ("{{ foo }}", "template: :1: function \"foo\" not defined"),
        ("{{ $x }}", "template: :1: undefined variable \"$x\""),
        ("{{ $x, $y := 1 }}", "template: :1: too many declarations in command"),
        ("{{ range $i, 3 }}{{ end }}", "template: :1: range can only initialize variables"),
        ("{{ break }}", "template: :1: {{break}} outside {{range}}"),
        ("{{ end }}", "template: :1: unexpected {{end}}"),
        ("{{ if 1 }}{{ else }}{{ else }}{{ end }}", "template: :1: expected end; found {{else}}"),
        ("{{ if 1 }}\n", "template: :2: unexpected EOF"),
        ("{{ define x }}", "template: :1: unexpected \"x\" in define clause"),
        (
            "{{ define \"x\" }}a{{ end }}{{ define \"x\" }}b{{ end }}",
            "template: :1: template: multiple definition of template \"x\"",
        ),
        ("{{ 089 }}", "template: :1: integer overflow: \"089\""),
        ("{{ 3x }}", "template: :1: bad number syntax: \"3x\""),
        ("{{ 'ab' }}", "template: :1: malformed character constant: 'ab'"),
        ("{{ x☺ }}", "template: :1: bad character U+263A '☺'"),
        ("{{ ☺ }}", "template: :1: unrecognized character in action: U+263A '☺'"),
        ("{{ (1 }}", "template: :1: unclosed left paren"),
        ("{{ 1) }}", "template: :1: unexpected right paren"),
        ("{{ .Status ! }}", "template: :1: unexpected \"!\" in operand"),
    ]);
}

#[test]
fn texts_that_cannot_be_executed() {
    check(&[
        (
            "{{ template \"no\" }}",
            "template: :1:12: executing \"\" at <{{template \"no\"}}>: template \"no\" not defined",
        ),
        (
            "a\n {{ .name.x }}",
            "template: :2:9: executing \"\" at <.name.x>: can't evaluate field x in type interface {}",
        ),
        (
            "{{ .person.x }}",
            "template: :1:10: executing \"\" at <.person.x>: can't evaluate field x in type interface {}",
        ),
        (
            "{{ .person.secret }}",
            "template: :1:10: executing \"\" at <.person.secret>: secret is an unexported field of struct type interface {}",
        ),
        (
            "{{ .person.Greet }}",
            "template: :1:10: executing \"\" at <.person.Greet>: wrong number of args for Greet: want 1 got 0",
        ),
        ("{{ .person.Greet 1 }}", "template: :1:17: executing \"\" at <1>: expected string; found 1"),
        (
            "{{ .person.Fail }}",
            "template: :1:10: executing \"\" at <.person.Fail>: error calling Fail: it failed",
        ),
        (
            "{{ .person.Fail \"a\" }}",
            "template: :1:16: executing \"\" at <\"a\">: expected integer; found \"a\"",
        ),
        ("{{ .map.a 1 }}", "template: :1:7: executing \"\" at <.map.a>: a is not a method but has arguments"),
        (
            "{{ .name | .map }}",
            "template: :1:11: executing \"\" at <.map>: map is not a method but has arguments",
        ),
        ("{{ 1 2 }}", "template: :1:3: executing \"\" at <1>: can't give argument to non-function 1"),
        ("{{ $x = 1 }}", "template: :1:8: executing \"\" at <1>: undefined variable: $x"),
        ("{{ upper 1 }}", "template: :1:9: executing \"\" at <1>: expected string; found 1"),
        (
            "{{ upper .list }}",
            "template: :1:9: executing \"\" at <.list>: wrong type for value; expected string; got []string",
        ),
        (
            "{{ upper }}",
            "template: :1:3: executing \"\" at <upper>: wrong number of args for upper: want 1 got 0",
        ),
        (
            "{{ index .list 3 }}",
            "template: :1:3: executing \"\" at <index .list 3>: error calling index: reflect: slice index out of range",
        ),
        (
            "{{ index .list 4 }}",
            "template: :1:3: executing \"\" at <index .list 4>: error calling index: index out of range: 4",
        ),
        (
            "{{ slice \"abc\" 2 1 }}",
            "template: :1:3: executing \"\" at <slice \"abc\" 2 1>: error calling slice: invalid slice index: 2 > 1",
        ),
        ("{{ len 3 }}", "template: :1:3: executing \"\" at <len 3>: error calling len: len of type int"),
        (
            "{{ call .name }}",
            "template: :1:3: executing \"\" at <call .name>: error calling call: non-function .name of type string",
        ),
    ]);
}
