//! A real browser (Debian's chromium, without a window): pictures of pages, and what a script finds on them.
//!
//! Each call is a browser of its own with an empty profile. It reaches loopback only: every other name is not found.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::process::Command;
use tokio::time::timeout;

use crate::process::{Folder, Program};

/// The browser.
pub const CHROMIUM: Program =
    Program { names: &["chromium", "chromium-browser"], install: "apt-get install chromium" };

/// How long one page may take; it takes a second on an idle machine.
const BOUND: Duration = Duration::from_mins(1);

/// Where a script's answer stands in the page.
const ANSWER: &str = "data-answer=\"";

/// The window that a page is seen in.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// How many of the screen's pixels one of these is: 1 on most desks, 2 or 3 on phones. Pictures are so much larger.
    pub density: u32,
    /// Whether the person prefers dark pages.
    pub dark: bool,
}

/// Takes a picture (PNG) of a page. Gives what the browser complained of: scripts, styles and pictures that the page's
/// policy forbids, errors of scripts.
///
/// # Errors
/// There is no browser, or it took no picture.
pub async fn screenshot(url: &str, window: Window, file: &Path) -> Result<Vec<String>> {
    // the one of before shall not stand for this one
    drop(std::fs::remove_file(file));
    let output = run(window, &[&format!("--screenshot={}", file.display()), url]).await?;
    let complaints = output.errors.lines().filter(|line| line.contains(":CONSOLE"));
    let complaints = complaints.map(str::to_owned).collect();
    if !file.is_file() {
        bail!("the browser took no picture of {url}: {}", output.errors);
    }
    Ok(complaints)
}

/// Runs a script on a copy of a page and gives what its last expression is, as text. The page's own policy does not
/// hold for the copy.
///
/// # Errors
/// There is no browser, or the script gives nothing.
pub async fn evaluate(html: &str, window: Window, script: &str) -> Result<String> {
    // a frame: the browser's own window is never narrower than 500 pixels
    let Window { width, height, .. } = window;
    let frame = format!(
        "<!doctype html><meta charset=utf-8><meta name=color-scheme content='light dark'><script>function look(frame){{\
         document.documentElement.setAttribute('data-answer',frame.contentWindow.eval({script}))}}</script>\
         <iframe width={width} height={height} style=border:0 onload=look(this) srcdoc=\"{page}\"></iframe>",
        script = literal(script),
        page = html.replace('&', "&amp;").replace('"', "&quot;"),
    );
    let folder = Folder::new()?;
    let file = folder.write("frame.html", frame)?;
    let output = run(window, &["--dump-dom", &format!("file://{}", file.display())]).await?;
    let found = output.printed.split_once(ANSWER).and_then(|(_, rest)| rest.split_once('"'));
    let (answer, _) = found.with_context(|| format!("the script gave nothing: {}", output.errors))?;
    let entities = [("&quot;", "\""), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")];
    Ok(entities.iter().fold(answer.to_owned(), |text, (entity, character)| text.replace(entity, character)))
}

struct Output {
    printed: String,
    errors: String,
}

async fn run(window: Window, arguments: &[&str]) -> Result<Output> {
    let profile = Folder::new()?;
    let scheme = u8::from(!window.dark);
    let mut command = Command::new(CHROMIUM.find()?);
    command
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--disable-extensions", "--disable-dev-shm-usage", "--enable-logging=stderr"])
        .arg("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost")
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(format!("--window-size={},{}", window.width, window.height))
        .arg(format!("--force-device-scale-factor={}", window.density))
        .arg(format!("--blink-settings=preferredColorScheme={scheme}"))
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = timeout(BOUND, command.output()).await.context("the browser does not end")?;
    let output = output.context("cannot run the browser")?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Output { printed: text(&output.stdout), errors: text(&output.stderr) })
}

/// A text as JavaScript has it between quotes, also inside of HTML.
fn literal(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('<', "\\u003c")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "<!doctype html><style>p{color:#123456}@media (prefers-color-scheme:dark){p{color:#fedcba}}</style><p>a &amp; b";

    #[tokio::test]
    async fn a_script_sees_the_window_as_a_person_does() {
        let look = "[innerWidth, getComputedStyle(document.querySelector('p')).color, \
                    document.querySelector('p').textContent + '<\"'].join()";
        let phone = |dark| Window { width: 390, height: 844, density: 3, dark };
        let seen = evaluate(PAGE, phone(false), look).await.unwrap();
        assert_eq!(seen, "390,rgb(18, 52, 86),a & b<\"");
        let seen = evaluate(PAGE, phone(true), look).await.unwrap();
        assert_eq!(seen, "390,rgb(254, 220, 186),a & b<\"");
    }

    #[tokio::test]
    async fn a_picture_and_what_the_browser_complained_of() {
        let folder = Folder::new().unwrap();
        let page = folder.write("page.html", format!("{PAGE}<script>console.error('oh')</script>")).unwrap();
        let picture = folder.path().join("page.png");
        let window = Window { width: 300, height: 200, density: 2, dark: false };
        let said = screenshot(&format!("file://{}", page.display()), window, &picture).await.unwrap();
        assert!(said.iter().any(|line| line.contains("oh")), "{said:?}");
        let bytes = std::fs::read(&picture).unwrap();
        let size = [16, 20].map(|at| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()));
        assert_eq!(size, [600, 400]);
    }
}
