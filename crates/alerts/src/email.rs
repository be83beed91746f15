//! Plain-text e-mail over SNS, to be read on a phone at night.
//!
//! Limits (SNS): a subject of 1 to 99 printable ASCII characters that begins with a letter; a message of at most
//! 256 KiB. Lines are not wrapped, the phone does that; commands stand on lines of their own.

use crate::alert::{Alert, Context, News};
use crate::body::{self, Amount, Part, Section};
use crate::text::{self, ascii, plain};

/// Most characters of a subject.
pub const SUBJECT: usize = 99;
/// Most bytes of a body: far below what SNS takes, so that attributes fit beside it.
pub const BODY: usize = 64 << 10;

const AMOUNT: Amount = Amount {
    principals: 3,
    keys: 8,
    reasons: 4,
    losses: 6,
    steps: 15,
    timeline: 20,
    looks: 3,
    queries: 3,
    text: 1_500,
    code: 1_500,
};

/// An e-mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email {
    /// The subject.
    pub subject: String,
    /// The body.
    pub body: String,
}

/// The alert as an e-mail.
pub fn email(alert: &Alert, context: &Context) -> Email {
    Email { subject: subject(alert), body: text(alert, context) }
}

fn subject(alert: &Alert) -> String {
    let news = match alert.news {
        News::New => "",
        News::Worse => ", worse",
        News::Reminder => ", reminder",
    };
    let severity = alert.severity.name().to_uppercase();
    let start = format!("{severity}{news}: ");
    let title = ascii(&alert.title, SUBJECT);
    // As much of the place as leaves room for the title; ids that are none have no place here.
    let id = |id, longest| Some(id).filter(|id: &&str| !id.is_empty() && text::is_id(id, longest));
    let (account, region) = (id(alert.account(), 12), id(alert.region(), 20));
    let places = match (account, region) {
        (Some(account), Some(region)) => [format!(" ({account} {region})"), format!(" ({account})")],
        _ => [String::new(), String::new()],
    };
    let fits = |place: &&String| start.len() + title.len() + place.len() <= SUBJECT;
    let place = places.iter().find(fits).map_or("", String::as_str);
    ascii(&format!("{start}{title}{place}"), SUBJECT)
}

fn text(alert: &Alert, context: &Context) -> String {
    let mut out = format!(
        "{}\n{}, {}. {}.\n",
        plain(&alert.title, 300),
        alert.severity.name().to_uppercase(),
        alert.news.name(),
        alert.place(),
    );
    write(&body::sections(alert, context, &AMOUNT), &mut out);
    let [id, rest] = body::footer(alert, context);
    out.push_str(&format!("\n-- \n{id}\n{rest}\n"));
    out
}

/// Writes sections, those that fit.
pub(crate) fn write(sections: &[Section], out: &mut String) {
    for section in sections {
        let heading = section.title.to_uppercase();
        let mut part_of = String::new();
        if !heading.is_empty() {
            part_of.push_str(&format!("\n{heading}\n"));
        }
        for part in &section.parts {
            match part {
                Part::Labelled(label, text) => part_of.push_str(&format!("{label}: {text}\n")),
                Part::Text(text) => part_of.push_str(&format!("{text}\n")),
                Part::Item(text) => part_of.push_str(&format!("- {text}\n")),
                Part::Step(n, text) => part_of.push_str(&format!("{n}. {text}\n")),
                Part::Code(code) => code.lines().for_each(|line| part_of.push_str(&format!("    {line}\n"))),
                Part::Link(link) => part_of.push_str(&format!("- {}:\n    {}\n", link.text, link.url)),
            }
        }
        if out.len() + part_of.len() > BODY {
            out.push_str(&format!("\n{heading}\n(left out: too long for an e-mail)\n"));
        } else {
            out.push_str(&part_of);
        }
    }
}
