//! What is written in each kind of place, what is refused, and that nothing takes too long.
//!
//! Hundreds of texts beside Go's own answers are in the router's tests (`tests/it/templates`).

use std::collections::BTreeMap;

use super::{SafeHtml, SafeUrl};
use crate::{Function, List, Map, Signature, Stage, Templates, Type, Value};

static HTML: Signature = Signature::new(&[Type::String], SafeHtml::TYPE);
static URL: Signature = Signature::new(&[Type::String], SafeUrl::TYPE);

fn set() -> Templates {
    Templates::html().with_functions([
        Function::new("safeHtml", &HTML, |args| Ok(SafeHtml(args.str(0)).into())),
        Function::new("safeUrl", &URL, |args| Ok(SafeUrl(args.str(0)).into())),
    ])
}

fn data() -> Value {
    let entries = [
        ("b", Value::from("<b>'\"&`=")),
        ("url", Value::from("/a b?c=d&e")),
        ("js", Value::from("javascript:x")),
        ("list", List::new(vec![1.into(), "<".into(), Value::Nil]).into()),
        ("empty", Value::from("")),
    ];
    Map::new(entries.into_iter().map(|(name, value)| (name.into(), value)).collect::<BTreeMap<_, _>>()).into()
}

fn rendered(text: &str) -> Result<String, String> {
    let template = set().one(text).map_err(|error| error.message)?;
    template.render_text(&data()).map_err(|error| error.message)
}

#[test]
fn a_value_is_escaped_for_its_place() {
    for (text, expected) in [
        ("{{.b}}", "&lt;b&gt;&#39;&#34;&amp;`="),
        ("{{safeHtml .b}}", "<b>'\"&`="),
        ("{{print nil}}{{.list}}", "&lt;nil&gt;[1 &lt; &lt;nil&gt;]"),
        ("<title>{{.b}}</title>", "<title>&lt;b&gt;&#39;&#34;&amp;`=</title>"),
        ("<p title=\"{{.b}}\">", "<p title=\"&lt;b&gt;&#39;&#34;&amp;`=\">"),
        ("<p title={{.b}}>", "<p title=&lt;b&gt;&#39;&#34;&amp;&#96;&#61;>"),
        ("<p title={{.empty}}>", "<p title=ZgotmplZ>"),
        ("<p {{.b}}=x>", "<p ZgotmplZ=x>"),
        ("<a href=\"{{.url}}\">", "<a href=\"/a%20b?c=d&amp;e\">"),
        ("<a href=\"/?q={{.url}}\">", "<a href=\"/?q=%2fa%20b%3fc%3dd%26e\">"),
        ("<a href=\"{{.js}}\">", "<a href=\"#ZgotmplZ\">"),
        ("<a href=\"{{safeUrl .js}}\">", "<a href=\"javascript:x\">"),
        ("<img srcset=\"{{.url}} 1x, {{.js}} 2x\">", "<img srcset=\"#ZgotmplZ 1x, #ZgotmplZ 2x\">"),
        ("<p style=\"color: {{.b}}\">", "<p style=\"color: ZgotmplZ\">"),
        ("<p style=\"background: url({{.url}})\">", "<p style=\"background: url(/a%20b?c=d&amp;e)\">"),
        ("<script>x = {{.list}}</script>", "<script>x = [1,\"\\u003c\",null]</script>"),
        (
            "<script>x = '{{.b}}'</script>",
            "<script>x = '\\u003cb\\u003e\\u0027\\u0022\\u0026\\u0060='</script>",
        ),
        ("<a onclick=\"f({{.b}})\">", "<a onclick=\"f(&#34;\\u003cb\\u003e&#39;\\&#34;\\u0026`=&#34;)\">"),
        ("a <!-- {{.b}} --> b < c", "a  b &lt; c"),
        ("<script>// {{.b}}\nx</script>", "<script>\nx</script>"),
        // a property, after which a slash divides
        ("<script>x.return / {{1}}</script>", "<script>x.return /  1 </script>"),
        ("<style>a{b:{{\"-moz-binding\"}}}</style>", "<style>a{b:ZgotmplZ}</style>"),
        (
            "<a onclick=\"f(&quot;{{.b}}&#34;)\">",
            "<a onclick=\"f(&quot;\\u003cb\\u003e\\u0027\\u0022\\u0026\\u0060=&#34;)\">",
        ),
    ] {
        assert_eq!(rendered(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn a_template_is_escaped_for_each_place_that_calls_it() {
    let text = "{{define \"x\"}}{{.}}{{end}}{{template \"x\" .js}}<a href='{{template \"x\" .js}}' id={{template \"x\" .b}}>";
    let expected = "javascript:x<a href='#ZgotmplZ' id=&lt;b&gt;&#39;&#34;&amp;&#96;&#61;>";
    assert_eq!(rendered(text).as_deref(), Ok(expected));
}

#[test]
fn what_cannot_be_judged_is_refused() {
    for (text, expected) in [
        (
            "{{if .b}}<a{{end}}>",
            "html/template::1:5: {{if}} branches end in different contexts: \
             {stateTag delimNone urlPartNone jsCtxRegexp [] attrNone elementNone <nil>}, \
             {stateText delimNone urlPartNone jsCtxRegexp [] attrNone elementNone <nil>}",
        ),
        (
            "<script>x = \"",
            "html/template: ends in a non-text context: \
             {stateJSDqStr delimNone urlPartNone jsCtxRegexp [] attrNone elementScript <nil>}",
        ),
        ("<p title=a\"b>", "html/template: \"\\\"\" in unquoted attr: \"a\\\"b\""),
        (
            "<a href=\"/{{if .b}}?{{end}}{{.b}}\">",
            "html/template::1:29: {{.b}} appears in an ambiguous context within a URL",
        ),
        ("{{.b | html | print}}", "html/template::1:2: predefined escaper \"html\" disallowed in template"),
        ("<p>{{template \"none\"}}", "html/template::1:14: no such template \"none\""),
    ] {
        assert_eq!(rendered(text).err().as_deref(), Some(expected), "{text}");
    }
}

/// Texts that a pass which is too simple would take hours for, or a stack.
#[test]
fn no_text_takes_too_long() {
    let nested = |count: usize| [&"{{range .list}}".repeat(count), "x", &"{{end}}".repeat(count)].concat();
    let chain = |count: usize, call: fn(usize) -> String| -> String {
        let defined =
            (0..count).map(|at| ["{{define \"t", &at.to_string(), "\"}}", &call(at + 1), "{{end}}"].concat());
        let last = ["{{define \"t", &count.to_string(), "\"}}{{end}}{{template \"t0\"}}"].concat();
        defined.chain([last]).collect()
    };
    let calls = chain(5_000, |next| format!("{{{{template \"t{next}\"}}}}"));
    let doubled = chain(40, |next| format!("<p>{{{{range .}}}}{{{{template \"t{next}\" .}}}}{{{{end}}}}"));
    for (text, stage) in [
        (nested(60), Some(Stage::Limit)),
        (nested(8), None),
        (["{{if .b}}".repeat(240), "x".to_owned(), "{{end}}".repeat(240)].concat(), None),
        (calls, Some(Stage::Limit)),
        (doubled, None),
        (format!("<script>{}</script>", "\"a\";".repeat(100_000)), None),
        (format!("<style>'{}'</style>", "\\\\".repeat(200_000)), None),
        (format!("<p title='{}'>", "&lt;<".repeat(100_000)), None),
        ("<!-- x -->< ".repeat(50_000), None),
    ] {
        let refused = set().one(&text).err().map(|error| error.stage);
        assert_eq!(refused, stage, "{}", text.chars().take(80).collect::<String>());
    }
}
