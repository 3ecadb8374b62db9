//! The page between its tags.

use std::fmt::{self, Write};

use toolkit::web::Escaped;

use super::view::{Bar, Card, Look, Planned, Told, View};

/// The page's style; its hash is in the policy.
pub(super) const STYLE: &str = include_str!("status.css");

/// Seconds after which a browser asks again.
const REFRESH: u32 = 60;

/// The whole page.
pub(super) fn render(view: &View) -> String {
    let mut page = String::with_capacity(8 << 10);
    // what is written to a string arrives
    let _ignored = write(view, &mut page);
    page
}

fn write(view: &View, page: &mut String) -> fmt::Result {
    let (title, headline) = (Escaped(&view.title), Escaped(&view.headline));
    let class = class(view.look);
    writeln!(page, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">")?;
    writeln!(page, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")?;
    writeln!(page, "<meta name=\"color-scheme\" content=\"light dark\">")?;
    writeln!(page, "<meta http-equiv=\"refresh\" content=\"{REFRESH}\">")?;
    writeln!(page, "<link rel=\"icon\" href=\"data:image/svg+xml,{}\">", icon(view.look))?;
    writeln!(page, "<title>{headline} · {title}</title>\n<style>{STYLE}</style>\n</head>\n<body>")?;
    writeln!(page, "<header>\n<h1>{title}</h1>")?;
    if let Some(description) = &view.description {
        writeln!(page, "<p>{}</p>", Escaped(description))?;
    }
    writeln!(page, "</header>\n<main>\n<section class=\"now {class}\">{}", sign(view.look))?;
    let (made, zone, clock) = (Escaped(&view.made), Escaped(&view.zone), Escaped(&view.clock));
    writeln!(page, "<div><h2>{headline}</h2>")?;
    if let Some(also) = &view.also {
        writeln!(page, "<p class=\"also\">{}</p>", Escaped(also))?;
    }
    writeln!(page, "<p>As of {made}&nbsp;{zone}</p></div>\n</section>")?;
    view.planned.iter().try_for_each(|planned| write_planned(planned, page))?;
    if !view.services.is_empty() {
        writeln!(page, "<section class=\"services\">\n<h2>Services</h2>")?;
        view.services.iter().try_for_each(|card| write_card(card, page))?;
        writeln!(page, "{LEGEND}\n</section>")?;
    }
    writeln!(page, "<section class=\"past\">\n<h2>Incidents</h2>")?;
    if view.incidents.is_empty() {
        writeln!(page, "<p class=\"dim\">None in the last 90 days.</p>")?;
    }
    for (day, told) in &view.incidents {
        writeln!(page, "<h3>{}</h3>\n<ul>", Escaped(day))?;
        told.iter().try_for_each(|told| write_told(told, page))?;
        writeln!(page, "</ul>")?;
    }
    writeln!(
        page,
        "</section>\n</main>\n<footer>All times by the clock of {clock}. This page renews itself.</footer>\n</body>\n</html>"
    )
}

fn write_planned(planned: &Planned, page: &mut String) -> fmt::Result {
    let (title, when, services) =
        (Escaped(&planned.title), Escaped(&planned.when), Escaped(&planned.services));
    let (class, label) = if planned.now {
        ("planned maintenance", "Maintenance now")
    } else {
        ("planned", "Planned maintenance")
    };
    writeln!(page, "<section class=\"{class}\">\n<small>{label}</small>\n<h2>{title}</h2>")?;
    writeln!(page, "<p>{when}</p>\n<p class=\"dim\">Concerns {services}</p>\n</section>")
}

fn write_card(card: &Card, page: &mut String) -> fmt::Result {
    let (title, state, class) = (Escaped(&card.title), Escaped(&card.state), class(card.look));
    writeln!(
        page,
        "<article>\n<div class=\"head\"><h3>{title}</h3><span class=\"state {class}\">{state}</span></div>"
    )?;
    if let Some(description) = &card.description {
        writeln!(page, "<p class=\"dim\">{}</p>", Escaped(description))?;
    }
    let label = match &card.uptime {
        Some((share, days)) => format!("{share} {days}"),
        None => "not measured yet".to_owned(),
    };
    write!(page, "<ol class=\"bars\" role=\"img\" aria-label=\"{}\">", Escaped(&label))?;
    card.bars.iter().try_for_each(|bar| write_bar(bar, page))?;
    writeln!(
        page,
        "</ol>\n<div class=\"scale\"><span>90 days ago</span><span>{}</span><span>today</span></div>\n</article>",
        Escaped(&label)
    )
}

/// A day without trouble has no class: most have none.
fn write_bar(bar: &Bar, page: &mut String) -> fmt::Result {
    match bar.look {
        Look::Good => write!(page, "<li")?,
        Look::Limited => write!(page, "<li class=l{}", bar.level)?,
        Look::Down => write!(page, "<li class=d{}", bar.level)?,
        Look::Unknown => write!(page, "<li class=n")?,
        Look::Planned => write!(page, "<li class=m")?,
    }
    write!(page, " title=\"{}\">", Escaped(&bar.text))
}

fn write_told(told: &Told, page: &mut String) -> fmt::Result {
    let (text, when, class) = (Escaped(&told.text), Escaped(&told.when), class(told.look));
    write!(page, "<li class=\"{class}\"><strong>{text}</strong><span>{when}</span>")?;
    if let Some(cause) = &told.cause {
        write!(page, "<span>{}</span>", Escaped(cause))?;
    }
    writeln!(page, "</li>")
}

fn class(look: Look) -> &'static str {
    match look {
        Look::Good => "good",
        Look::Limited => "limited",
        Look::Down => "down",
        Look::Unknown => "unknown",
        Look::Planned => "maintenance",
    }
}

/// A sign beside the headline, for who does not see its colour.
fn sign(look: Look) -> String {
    let path = match look {
        Look::Good => "M7.5 12.5l3 3 6-6.5",
        Look::Limited => "M12 7v6M12 16.4v.2",
        Look::Down => "M8.5 8.5l7 7M15.5 8.5l-7 7",
        Look::Unknown => "M8 12h.1M12 12h.1M16 12h.1",
        Look::Planned => "M12 7v5.2l3.4 2",
    };
    format!(
        "<svg viewBox=\"0 0 24 24\" aria-hidden=\"true\"><circle cx=\"12\" cy=\"12\" r=\"12\"/><path d=\"{path}\"/></svg>"
    )
}

/// A dot for the browser's tab.
fn icon(look: Look) -> String {
    let colour = match look {
        Look::Good => "2e9e6b",
        Look::Limited => "e0a100",
        Look::Down => "d6453d",
        Look::Unknown => "8b96a3",
        Look::Planned => "4f7fe0",
    };
    format!(
        "%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'%3E%3Ccircle cx='4' cy='4' r='4' fill='%23{colour}'/%3E%3C/svg%3E"
    )
}

const LEGEND: &str = "<ul class=\"legend\"><li>Working<li class=l>Limited<li class=d>Not working<li class=m>Maintenance<li class=n>Not measured</ul>";
