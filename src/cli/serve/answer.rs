//! Who is answered, and with what.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};

use super::request::{Fault, Request};
use crate::case::CaseError;
use crate::graph::explore::{self, TEMPLATES};
use crate::graph::listing::Wanted;
use crate::report::html::{Bounds, List, Page, policy};
use crate::report::terminal::visible;

/// Most rows of one page of a list.
const LONGEST_PAGE: usize = 500;
/// Most rows of an answer to a question.
const LONGEST_ANSWER: usize = 500;
/// Longest that the database works on one request, and steps between two looks at the clock.
const DEADLINE: Duration = Duration::from_secs(30);
const STEPS: i32 = 1000;
/// Where the script puts the token.
const TOKEN: &str = "x-keydredge-token";

/// Everything that is served.
pub(super) struct Site {
    title: String,
    shell: Vec<u8>,
    /// Loaded when it is first asked for, and again when the case has changed; who asks meanwhile
    /// waits.
    loaded: Mutex<Option<Arc<Loaded>>>,
    /// Set when the server is to end: what takes long stops then.
    ending: Arc<AtomicBool>,
    /// Names under which a browser on this machine reaches us.
    hosts: [String; 2],
    /// Hash of the token: comparing hashes takes the same time whatever is sent.
    token: blake3::Hash,
}

/// The case as it was loaded.
struct Loaded {
    page: Page,
    sections: OnceLock<String>,
}

impl Loaded {
    fn sections(&self, connection: &Connection) -> Result<String, CaseError> {
        if let Some(sections) = self.sections.get() {
            return Ok(sections.clone());
        }
        let sections = self.page.document(connection)?;
        Ok(self.sections.get_or_init(|| sections).clone())
    }
}

/// What goes back.
pub(super) struct Answer {
    status: &'static str,
    kind: &'static str,
    body: Vec<u8>,
    /// Whether the body stays away: HEAD.
    head: bool,
}

impl Site {
    pub(super) fn new(title: String, port: u16, token: &str, ending: Arc<AtomicBool>) -> Self {
        let mut shell = Vec::new();
        // Writing into memory does not fail.
        let _written = Page::shell(&mut shell);
        Self {
            title,
            shell,
            loaded: Mutex::default(),
            ending,
            hosts: [format!("127.0.0.1:{port}"), format!("localhost:{port}")],
            token: blake3::hash(token.as_bytes()),
        }
    }

    /// Loads the case before anybody asks for it.
    pub(super) fn warm(&self, connection: &mut Connection) -> Result<(), CaseError> {
        self.until_the_end(connection)?;
        self.loaded(connection)?.sections(connection)?;
        Ok(())
    }

    /// What is computed once for all requests may take as long as the server runs.
    fn until_the_end(&self, connection: &mut Connection) -> Result<(), CaseError> {
        let ending = Arc::clone(&self.ending);
        connection.progress_handler(STEPS, Some(move || ending.load(Ordering::SeqCst)))?;
        Ok(())
    }

    /// The case as it is now.
    fn loaded(&self, connection: &Connection) -> Result<Arc<Loaded>, CaseError> {
        let mut known = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(loaded) = &*known
            && loaded.page.is_current(connection)?
        {
            return Ok(Arc::clone(loaded));
        }
        // All of it as of one moment, whoever writes meanwhile.
        let moment = connection.unchecked_transaction()?;
        let loaded = Arc::new(Loaded {
            page: Page::load(&moment, &self.title, Bounds::default())?,
            sections: OnceLock::new(),
        });
        *known = Some(Arc::clone(&loaded));
        Ok(loaded)
    }

    pub(super) fn answer(&self, request: &Request, connection: &mut Connection) -> Answer {
        let head = request.method == "HEAD";
        let answer = self.judge(request).unwrap_or_else(|| {
            let found = self.content(request, connection);
            found.unwrap_or_else(|error| Answer::failure(&error))
        });
        Answer { head, ..answer }
    }

    /// Why a request is refused, if it is.
    fn judge(&self, request: &Request) -> Option<Answer> {
        if request.method != "GET" && request.method != "HEAD" {
            return Some(Answer::text("405 Method Not Allowed", "only GET and HEAD"));
        }
        // A page elsewhere whose name was pointed at this machine sends its own name here.
        let host = request.header("host").unwrap_or_default();
        if !self.hosts.iter().any(|known| known.as_bytes() == host) {
            return Some(Answer::text(
                "421 Misdirected Request",
                "this is not that host",
            ));
        }
        let origin = request.header("origin").unwrap_or_default();
        let own = |host: &String| format!("http://{host}").as_bytes() == origin;
        let site = request.header("sec-fetch-site").unwrap_or_default();
        let foreign = (request.has("origin") && !self.hosts.iter().any(own))
            || (request.has("sec-fetch-site") && site != b"same-origin" && site != b"none");
        if foreign {
            return Some(Answer::text("403 Forbidden", "not for other pages"));
        }
        let open = request.path == "/";
        let given = request.header(TOKEN).unwrap_or_default();
        if !open && request.path.starts_with("/api/") && blake3::hash(given) != self.token {
            return Some(Answer::text(
                "403 Forbidden",
                "the token is missing or wrong",
            ));
        }
        None
    }

    fn content(&self, request: &Request, connection: &mut Connection) -> Result<Answer, CaseError> {
        let parts: Vec<&str> = request.path.split('/').skip(1).collect();
        if parts[..] == [""] {
            return Ok(Answer::page(self.shell.clone()));
        }
        self.until_the_end(connection)?;
        let loaded = self.loaded(connection)?;
        if parts[..] == ["api", "sections"] {
            let sections = loaded.sections(connection)?;
            return Ok(Answer::page(sections.into_bytes()));
        }
        let end = Instant::now() + DEADLINE;
        connection.progress_handler(STEPS, Some(move || Instant::now() >= end))?;
        let page = &loaded.page;
        let found = match parts[..] {
            ["api", "outline"] => Some(outline(page)),
            ["api", "explore"] => Some(question(connection, request.value("query"))?),
            ["api", name] => match list(name) {
                Some(list) => Some(rows(page, request, connection, list)?),
                None => None,
            },
            ["api", name, id] => match (list(name), id.parse()) {
                (Some(list), Ok(id)) => page.row(connection, list, id)?,
                _ => None,
            },
            _ => None,
        };
        Ok(match found {
            Some(value) => Answer::json(&value),
            None => Answer::text("404 Not Found", "there is nothing of that name"),
        })
    }
}

fn outline(page: &Page) -> Value {
    let mut outline = page.outline();
    if let Some(members) = outline.as_object_mut() {
        members.insert("templates".to_owned(), json!(TEMPLATES));
    }
    outline
}

fn rows(
    page: &Page,
    request: &Request,
    connection: &Connection,
    list: List,
) -> Result<Value, CaseError> {
    let dimensions = page.dimensions(list);
    let place = |name: &str| dimensions.iter().position(|known| *known == name);
    let number = |name: &str, default: usize| request.value(name).parse().unwrap_or(default);
    let mut wanted = Wanted {
        sort: place(request.value("sort")),
        reverse: request.value("reverse") == "1",
        offset: number("offset", 0),
        limit: number("limit", 100).min(LONGEST_PAGE),
        ..Wanted::default()
    };
    for (name, word) in &request.query {
        if let Some(column) = place(name) {
            wanted.only.entry(column).or_default().push(word.clone());
        }
    }
    page.rows(connection, list, wanted, request.value("q"))
}

fn list(name: &str) -> Option<List> {
    match name {
        "findings" => Some(List::Findings),
        "assets" => Some(List::Assets),
        _ => None,
    }
}

/// A question in the language of the explorer.
fn question(connection: &Connection, text: &str) -> Result<Value, CaseError> {
    let grid = explore::run(connection, text, LONGEST_ANSWER)?;
    let shown = |value: &Value| match value {
        Value::Null => String::new(),
        Value::String(text) => visible(text),
        other => other.to_string(),
    };
    let rows: Vec<Vec<String>> = grid
        .rows
        .iter()
        .map(|row| row.iter().map(shown).collect())
        .collect();
    Ok(json!({ "columns": grid.columns, "rows": rows, "cut": grid.cut }))
}

impl Answer {
    pub(super) fn fault(fault: Fault) -> Self {
        match fault {
            Fault::Malformed => Self::text("400 Bad Request", "this is no request"),
            Fault::TooLong => Self::text("431 Request Header Fields Too Large", "too long"),
        }
    }

    fn failure(error: &CaseError) -> Self {
        match error {
            CaseError::Request(why) => Self::text("400 Bad Request", why),
            CaseError::Sql(rusqlite::Error::SqliteFailure(code, _))
                if code.code == rusqlite::ErrorCode::OperationInterrupted =>
            {
                Self::text("503 Service Unavailable", "this took too long; narrow it")
            }
            error => Self::text("500 Internal Server Error", &error.to_string()),
        }
    }

    fn text(status: &'static str, why: &str) -> Self {
        Self {
            status,
            kind: "text/plain; charset=utf-8",
            body: format!("{}\n", visible(why)).into_bytes(),
            head: false,
        }
    }

    fn page(body: Vec<u8>) -> Self {
        Self {
            status: "200 OK",
            kind: "text/html; charset=utf-8",
            body,
            head: false,
        }
    }

    fn json(value: &Value) -> Self {
        Self {
            status: "200 OK",
            kind: "application/json",
            body: value.to_string().into_bytes(),
            head: false,
        }
    }

    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let allow = if self.status.starts_with("405") {
            "Allow: GET, HEAD\r\n"
        } else {
            ""
        };
        let head = format!(
            "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\n{allow}\
             Content-Security-Policy: {}; frame-ancestors 'none'\r\n\
             X-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\n\
             Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n\
             Cross-Origin-Opener-Policy: same-origin\r\n\
             Cross-Origin-Resource-Policy: same-origin\r\nConnection: close\r\n\r\n",
            self.status,
            self.kind,
            self.body.len(),
            policy(true),
        );
        out.write_all(head.as_bytes())?;
        if !self.head {
            out.write_all(&self.body)?;
        }
        out.flush()
    }
}
