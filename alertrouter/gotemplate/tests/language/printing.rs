//! print, println, printf: verbs, signs, widths, precisions, and what is wrong with them.

use super::check;
use gotemplate::{Value, sprintf};

#[test]
fn through_templates() {
    check(&[
        ("{{ print 1 2 \"a\" \"b\" 3 4 nil true }}", "1 2a b3 4 <nil> true".replace("a b", "ab").as_str()),
        ("{{ println 1 2 \"a\" }}|", "1 2 a\n|"),
        ("{{ printf \"%v %v %v\" .list .map .empty }}", "[x y z] map[a:1 b:2 none:<nil>] []"),
        ("{{ printf \"%T %T %T\" .list .map nil }}", "[]string map[string]interface {} <nil>"),
        (
            "{{ printf \"%#v %#v\" .list .map }}",
            "[]string{\"x\", \"y\", \"z\"} map[string]interface {}{\"a\":1, \"b\":2, \"none\":interface {}(nil)}",
        ),
        (
            "{{ printf \"%q %x %d\" .list .list .list }}",
            "[\"x\" \"y\" \"z\"] [78 79 7a] [%!d(string=x) %!d(string=y) %!d(string=z)]",
        ),
        ("{{ 1e6 }} {{ 1e20 }} {{ 0.000001 }} {{ 3.0 }}", "1e+06 1e+20 1e-06 3"),
    ]);
}

#[test]
fn every_verb() {
    let number = || Value::from(42);
    for (format, values, expected) in [
        ("%5d|%-5d|%05d|%+d|% d", vec![number(); 5], "   42|42   |00042|+42| 42"),
        (
            "%x|%X|%#x|%o|%#o|%O|%b|%c|%q|%U|%#U",
            vec![number(); 11],
            "2a|2A|0x2a|52|052|0o52|101010|*|'*'|U+002A|U+002A '*'",
        ),
        (
            "%.3d|%8.3d|%-8.3d|%08.3d|%.0d",
            vec![5.into(), 5.into(), 5.into(), 5.into(), 0.into()],
            "005|     005|005     |     005|",
        ),
        (
            "%5.2f|%-8.3f|%08.3f|%+.1f",
            vec![2.5.into(), 2.5.into(), (-2.5).into(), 2.0.into()],
            " 2.50|2.500   |-002.500|+2.0",
        ),
        (
            "%e|%E|%g|%G|%6.3g|%.0f|%#.0f|%#g",
            vec![
                123_456.789.into(),
                1e-7.into(),
                1e21.into(),
                1e-10.into(),
                1234.5678.into(),
                2.5.into(),
                2.0.into(),
                1.0.into(),
            ],
            "1.234568e+05|1.000000E-07|1e+21|1E-10|1.23e+03|2|2.|1.00000",
        ),
        (
            "%s|%6s|%-6s|%.2s|%q|%#q|%+q|%x|% X|%# x",
            vec!["héy".into(); 10],
            "héy|   héy|héy   |hé|\"héy\"|`héy`|\"h\\u00e9y\"|68c3a979|68 C3 A9 79|0x68 0xc3 0xa9 0x79",
        ),
        ("%t|%v|%6t|%d", vec![true.into(); 4], "true|true|  true|%!d(bool=true)"),
        (
            "%v|%.2f|%x",
            vec![Value::Complex(1.0, -2.0), Value::Complex(0.0, 1.5), Value::Complex(1.0, 1.0)],
            "(1-2i)|(0.00+1.50i)|(0x1p+00+0x1p+00i)",
        ),
        (
            "%v|%+v|% v|%5.1f|%05f",
            vec![
                f64::INFINITY.into(),
                f64::NAN.into(),
                f64::NEG_INFINITY.into(),
                f64::INFINITY.into(),
                f64::INFINITY.into(),
            ],
            "+Inf|NaN|-Inf| +Inf| +Inf",
        ),
        (
            "%[2]d %[1]d|%[3]d|%[0]d|%[x]d|%[",
            vec![1.into(), 2.into()],
            "2 1|%!d(BADINDEX)|%!d(BADINDEX)|%!d(BADINDEX)|%!(NOVERB)",
        ),
        ("%d %d", vec![1.into()], "1 %!d(MISSING)"),
        ("%d", vec![1.into(), "x".into(), Value::Nil], "1%!(EXTRA string=x, <nil>)"),
        (
            "%*d|%-*d|%.*f|%*d",
            vec![5.into(), 42.into(), 5.into(), 42.into(), 2.into(), 2.5.into(), "x".into(), 1.into()],
            "   42|42   |2.50|%!(BADWIDTH)1",
        ),
        ("%z %!", vec![1.into()], "%!z(int=1) %!!(NOVERB)".replace("(NOVERB)", "(MISSING)").leak()),
        ("%6.2f%%|%s|%w", vec![12.3456.into(), Value::Nil, 1.into()], " 12.35%|%!s(<nil>)|%!w(int=1)"),
        ("%2147483648d", vec![1.into()], "%!(NOVERB)%!(EXTRA int=1)"),
        ("%c|%q|%U", vec![(-1).into(), (-1).into(), (-1).into()], "\u{fffd}|'\u{fffd}'|U+FFFFFFFFFFFFFFFF"),
    ] {
        assert_eq!(sprintf(format, &values).to_text(), expected, "{format}");
    }
}

#[test]
fn widths_and_precisions_as_big_as_go_takes() {
    for (format, value, length) in [
        ("%100000d", 1.into(), 100_000),
        ("%.100000d", 1.into(), 100_000),
        ("%.100000f", 1.5.into(), 100_002),
        ("%.100000e", 1.5.into(), 100_006),
        ("%.100000x", 1.5.into(), 100_008),
        ("%.100000U", 1.into(), 100_002),
    ] {
        assert_eq!(sprintf(format, &[value]).len(), length, "{format}");
    }
}
