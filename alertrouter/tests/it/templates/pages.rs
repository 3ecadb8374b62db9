//! Writes random pages with values in every place; most are whole, some are not.

use std::fmt::Write as _;

use crate::trees::Dice;

const WORDS: &[&str] = &[
    "<b>",
    "</b>",
    "<p>",
    "text",
    " & ",
    "\n",
    "<br/>",
    "<!-- c -->",
    "<p title=\"~\">",
    "<p title='~'>",
    "<p title=~>",
    "<a href=\"~\">",
    "<a href='/x/~'>",
    "<a href=\"/x?y=~\">",
    "<a href=~>",
    "<td style=\"color: ~\">",
    "<td style='background: url(\"~\")'>",
    "<img src=\"~\" alt=\"~\">",
    "<script>x = ~;</script>",
    "<script>x = \"~\";</script>",
    "<script>x = '~' / ~;</script>",
    "<script>x = `~${ ~ }`</script>",
    "<a onclick=\"f(~)\">",
    "<a onclick=\"f('~')\">",
    "<style>a { b: ~ }</style>",
    "<style>a { b: \"~\" }</style>",
    "<title>~</title>",
    "<textarea>~</textarea>",
    "~",
    "~",
    "~",
    "<li>~: ~</li>",
    "<a href=\"~\">~</a>",
    "<p ~=\"x\">",
    "<p data-x=\"~\" ~>",
    "<img srcset=\"~ 1x, ~\">",
    "<meta content=\"~\">",
    "<script>/~/.test(~)</script>",
    "<script>// ~\n</script>",
    "<p title=\"",
    "\">",
    "'",
    "<script>",
    "</script>",
    "<style>",
    "</style>",
    "<a href=",
    "`",
    "/",
    "?",
    "#",
    "=",
];

const VALUES: &[&str] = &[
    ".Receiver",
    ".Status",
    ".ExternalURL",
    ".CommonAnnotations.summary",
    ".CommonAnnotations.html",
    ".CommonAnnotations.url",
    ".CommonAnnotations.job",
    ".GroupLabels.job",
    ".GroupLabels.html",
    ".GroupLabels",
    ".CommonLabels.Names",
    "len .Alerts",
    "1.5",
    "true",
    "print nil",
    "safeHtml \"<i>&amp;</i>\"",
    "safeUrl \"x:y?a=b c\"",
    "toUpper .Status",
    "list 1 \"<\"",
    "dict \"k\" \"v'\"",
    ".Status | html",
    ".CommonAnnotations.url | urlquery",
    ".CommonAnnotations.summary | js",
    "print .Status .Receiver",
    "printf \"%q\" .CommonAnnotations.html",
    "toJson .GroupLabels",
    "\"a b\"",
    "\"\"",
    "\"é\"",
    "(index .Alerts 0).StartsAt",
    "title .Receiver",
    "(index .Alerts 1).Annotations.url",
    "(index .Alerts 0).GeneratorURL",
    "join \", \" .GroupLabels.Values",
];

/// One page.
pub(super) fn page(dice: &mut Dice) -> String {
    let mut text = String::new();
    if dice.chance(15) {
        text.push_str("{{define \"part\"}}");
        pieces(dice, &mut text, 1);
        text.push_str("{{end}}");
    }
    let part = !text.is_empty();
    pieces(dice, &mut text, 0);
    if part {
        let place = dice.pick(&["~", "<p title=\"~\">", "<a href='~'>", "<script>~</script>", "<b>~</b>"]);
        text.push_str(&place.replace('~', "{{template \"part\" .}}"));
    }
    text
}

fn pieces(dice: &mut Dice, text: &mut String, depth: usize) {
    for _ in 0..=dice.roll(3) {
        match dice.roll(if depth < 2 { 12 } else { 9 }) {
            9 => {
                text.push_str(dice.pick(&["{{if .Status}}", "{{if .GroupLabels.nothing}}", "{{with $}}"]));
                pieces(dice, text, depth + 1);
                if dice.chance(60) {
                    text.push_str("{{else}}");
                    pieces(dice, text, depth + 1);
                }
                text.push_str("{{end}}");
            }
            10 => {
                text.push_str("{{range $a := .Alerts}}{{with $}}");
                pieces(dice, text, depth + 1);
                text.push_str("{{end}}");
                if dice.chance(20) {
                    text.push_str(dice.pick(&[
                        "{{if $a.Status}}{{break}}{{end}}",
                        "{{continue}}",
                        "{{if $a}}{{continue}}{{end}}",
                    ]));
                }
                text.push_str("{{end}}");
            }
            _ => {
                // the last ones do not close what they open
                let whole = WORDS.len() - 15;
                let word = if dice.chance(92) { dice.pick(&WORDS[..whole]) } else { dice.pick(WORDS) };
                for (at, part) in word.split('~').enumerate() {
                    if at > 0 {
                        value(dice, text);
                    }
                    text.push_str(part);
                }
            }
        }
    }
}

fn value(dice: &mut Dice, text: &mut String) {
    let value = dice.pick(VALUES);
    match dice.roll(12) {
        0 => write!(text, "{{{{if .Status}}}}{{{{{value}}}}}{{{{end}}}}"),
        1 => write!(text, "x{{{{{value}}}}}y"),
        2 => write!(text, "{{{{template \"value\" {}}}}}", value.split(" |").next().unwrap_or_default()),
        _ => write!(text, "{{{{{value}}}}}"),
    }
    .unwrap();
}
