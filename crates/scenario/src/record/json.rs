//! JSON written straight into text: small objects, escaped with care, no tree in between.

use std::fmt::Write;

/// A JSON object under construction.
#[derive(Debug)]
pub(crate) struct Object {
    text: String,
}

impl Object {
    /// An empty object.
    pub(crate) fn new() -> Object {
        Object { text: String::from("{") }
    }

    fn name(&mut self, name: &str) {
        if self.text.len() > 1 {
            self.text.push(',');
        }
        push_escaped(&mut self.text, name);
        self.text.push(':');
    }

    /// A string member.
    pub(crate) fn text(mut self, name: &str, value: &str) -> Object {
        self.name(name);
        push_escaped(&mut self.text, value);
        self
    }

    /// A member that is JSON already.
    pub(crate) fn json(mut self, name: &str, value: &str) -> Object {
        self.name(name);
        self.text.push_str(value);
        self
    }

    /// A number.
    pub(crate) fn number(mut self, name: &str, value: u64) -> Object {
        self.name(name);
        // Writing to a String cannot fail.
        let _ = write!(self.text, "{value}");
        self
    }

    /// A Boolean.
    pub(crate) fn flag(self, name: &str, value: bool) -> Object {
        self.json(name, if value { "true" } else { "false" })
    }

    /// An array of strings.
    pub(crate) fn texts(mut self, name: &str, values: &[&str]) -> Object {
        self.name(name);
        self.text.push('[');
        for (n, value) in values.iter().enumerate() {
            if n > 0 {
                self.text.push(',');
            }
            push_escaped(&mut self.text, value);
        }
        self.text.push(']');
        self
    }

    /// The finished object.
    pub(crate) fn done(mut self) -> String {
        self.text.push('}');
        self.text
    }
}

/// `value` as a JSON string with its quotes.
pub(crate) fn push_escaped(out: &mut String, value: &str) {
    out.push('"');
    let mut plain = 0;
    for (at, byte) in value.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..=0x1f => "",
            _ => continue,
        };
        out.push_str(value.get(plain..at).unwrap_or_default());
        plain = at + 1;
        if escape.is_empty() {
            let _ = write!(out, "\\u{byte:04x}");
        } else {
            out.push_str(escape);
        }
    }
    out.push_str(value.get(plain..).unwrap_or_default());
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_comes_back_through_a_json_parser() {
        for text in ["", "plain", "a\"b\\c\nd\te\rf\u{1}g", "Grüße \u{202f} 日本", "\\"] {
            let object = Object::new().text(text, text).texts("list", &[text, "x"]).number("n", 7).done();
            let parsed: serde_json::Value = serde_json::from_str(&object).unwrap();
            assert_eq!(parsed["list"][0], text);
            assert_eq!(parsed[text], *text, "{object}");
        }
    }
}
