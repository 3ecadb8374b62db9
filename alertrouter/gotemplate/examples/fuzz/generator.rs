//! Texts that look like templates, good and bad ones, from a seed.

/// A source of numbers that gives the same ones for the same seed (`SplitMix64`).
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below `end`.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % (end.max(1) as u64)).unwrap_or_default()
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from.get(self.below(from.len())).copied().unwrap_or_default()
    }
}

/// Values.
const TERMS: &[&str] = &[
    ".",
    "$",
    ".name",
    ".list",
    ".map",
    ".map.a",
    ".map.no.way",
    ".person",
    ".person.Name",
    ".person.Greet",
    ".person.secret",
    ".nobody",
    ".nobody.Name",
    ".nil",
    ".nil.x",
    ".float",
    ".deep",
    "(index .list 0)",
    "nil",
    "true",
    "1",
    "-5",
    "0x1F",
    "1_000",
    "2.5",
    "1e3",
    "1i",
    "1+2i",
    "'a'",
    "\"a\"",
    "\"é\\xff\"",
    "`raw`",
    "(len .list)",
    "$x",
    "(.person.Greet \"you\")",
    "9223372036854775807",
    "\"%5.1v|%*d|%[2]q%\"",
    "\"%#v %+v %x %08.3f %-9q\"",
];

/// Functions and what else a command may begin with.
const COMMANDS: &[&str] = &[
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "and",
    "or",
    "not",
    "len",
    "index",
    "slice",
    "print",
    "println",
    "html",
    "js",
    "urlquery",
    "call",
    "printf",
    "printf \"%v\"",
    "printf \"%d\"",
    "printf \"%s\"",
    "printf \"%q\"",
    "printf \"%x\"",
    "printf \"%T\"",
    "printf \"%#v\"",
    "printf \"%9.3f\"",
    "upper",
    "pair",
    "fails",
    ".person.Greet",
];

/// What mutations put in.
const PIECES: &[&str] = &[
    "{{",
    "}}",
    "{{-",
    "-}}",
    " -}}",
    "{{- ",
    "(",
    ")",
    "|",
    ",",
    ":=",
    "=",
    "\"",
    "`",
    "'",
    "\\",
    "/*",
    "*/",
    "{{/* c */}}",
    "{{end}}",
    "{{else}}",
    "{{else if 1}}",
    "{{else with 1}}",
    "{{break}}",
    "{{continue}}",
    "{{if 1}}",
    "{{range .list}}",
    "{{range $i, $x := .map}}",
    "{{with .person}}",
    "{{define \"t\"}}",
    "{{template \"t\" .}}",
    "{{block \"b\" .}}",
    "{{range 9}}",
    "\n",
    " ",
    "\0",
    "\u{a0}",
    "é",
    "🙂",
    "<script>",
    "</script>",
    "<a href=\"",
    "<a href='",
    "<style>",
    "<!--",
    "-->",
    " onclick=\"",
    ">",
    "<",
    "&",
    "<textarea>",
    "<div class=",
    "0x",
    "1e",
    ".5",
    "..",
    "$",
    "nil",
    "{{{",
    "}}}",
];

/// One text.
pub(crate) fn text(random: &mut Random) -> Vec<u8> {
    let mut out = String::new();
    if random.chance(10) {
        for _ in 0..random.below(20) {
            out.push_str(random.pick(PIECES));
        }
    } else {
        body(random, 0, &mut out);
    }
    let mut bytes = out.into_bytes();
    if random.chance(50) {
        for _ in 0..=random.below(4) {
            mutate(random, &mut bytes);
        }
    }
    bytes
}

fn mutate(random: &mut Random, bytes: &mut Vec<u8>) {
    let at = random.below(bytes.len() + 1);
    let until = (at + random.below(8)).min(bytes.len());
    match random.below(4) {
        0 => drop(bytes.drain(at..until)),
        1 => drop(bytes.splice(at..at, random.pick(PIECES).bytes())),
        2 => {
            let piece: Vec<u8> = bytes.get(at..until).unwrap_or_default().to_vec();
            let to = random.below(bytes.len() + 1);
            drop(bytes.splice(to..to, piece));
        }
        _ => {
            let byte = u8::try_from(random.below(256)).unwrap_or_default();
            drop(bytes.splice(at..until.min(at + 1), [byte]));
        }
    }
}

fn term(random: &mut Random, depth: usize, out: &mut String) {
    if depth > 3 || random.chance(60) {
        out.push_str(random.pick(TERMS));
        return;
    }
    out.push('(');
    pipeline(random, depth + 1, out);
    out.push(')');
    if random.chance(20) {
        out.push_str(random.pick(&[".a", ".Name", ".x.y"]));
    }
}

fn command(random: &mut Random, depth: usize, out: &mut String) {
    out.push_str(random.pick(COMMANDS));
    for _ in 0..random.below(4) {
        out.push(' ');
        term(random, depth + 1, out);
    }
}

fn pipeline(random: &mut Random, depth: usize, out: &mut String) {
    if random.chance(50) {
        term(random, depth, out);
    } else {
        command(random, depth, out);
    }
    while random.chance(25) {
        out.push_str(" | ");
        command(random, depth + 1, out);
    }
}

fn action(random: &mut Random, keyword: &str, out: &mut String) {
    out.push_str(random.pick(&["{{", "{{- ", "{{ "]));
    out.push_str(keyword);
    if !keyword.is_empty() {
        out.push(' ');
    }
}

fn close(random: &mut Random, out: &mut String) {
    out.push_str(random.pick(&["}}", " -}}", " }}"]));
}

fn body(random: &mut Random, depth: usize, out: &mut String) {
    for _ in 0..=random.below(3) {
        let kind = if depth > 3 { random.below(50) } else { random.below(100) };
        match kind {
            0..20 => out.push_str(random.pick(&[
                "x",
                " \n",
                "<p title=\"",
                "\">",
                "<a href=",
                "a b",
                "<b>",
                "</b>",
            ])),
            20..45 => {
                action(random, "", out);
                pipeline(random, 0, out);
                close(random, out);
            }
            45..50 => out.push_str(random.pick(&[
                "{{break}}",
                "{{continue}}",
                "{{$x}}",
                "{{$x = 2}}",
                "{{$x := 1}}",
            ])),
            50..62 => control(random, "if", depth, out),
            62..75 => {
                let keyword = random.pick(&["range", "range $x :=", "range $i, $x :="]);
                control(random, keyword, depth, out);
            }
            75..85 => control(random, random_with(depth), depth, out),
            85..90 => control(random, "block \"b\"", depth, out),
            90..95 => out.push_str("{{template \"t\" .}}{{template \"b\" .list}}"),
            _ => {
                out.push_str("{{define \"t\"}}");
                body(random, depth + 1, out);
                out.push_str("{{end}}");
            }
        }
    }
}

fn random_with(depth: usize) -> &'static str {
    if depth.is_multiple_of(2) { "with" } else { "with $x :=" }
}

fn control(random: &mut Random, keyword: &str, depth: usize, out: &mut String) {
    action(random, keyword, out);
    pipeline(random, 1, out);
    close(random, out);
    body(random, depth + 1, out);
    if random.chance(30) {
        out.push_str(random.pick(&["{{else}}", "{{else if .name}}", "{{else with .map}}"]));
        body(random, depth + 1, out);
    }
    action(random, "end", out);
    close(random, out);
}
