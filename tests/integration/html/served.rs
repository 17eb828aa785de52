//! `case serve`: who is answered, how many at once, and how it ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::driver::Browser;
use super::hostile::attacked;
use super::serious;
use crate::case::Fleet;
use crate::fixture::Desk;

/// A running server; it ends with the value.
struct Server {
    child: Child,
    /// Kept open: it may still say something.
    _out: BufReader<ChildStdout>,
    url: String,
    port: u16,
    token: String,
}

impl Server {
    fn start(desk: &Desk, case: &str) -> Self {
        let mut child = desk
            .keydredge()
            .args(["case", "serve", "--case", case])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut url).unwrap();
        let url = url.trim().to_owned();
        let (address, token) = url
            .split_once("/#token=")
            .expect("the token in the fragment");
        Self {
            child,
            _out: out,
            port: address.rsplit(':').next().unwrap().parse().unwrap(),
            token: token.to_owned(),
            url,
        }
    }

    /// Sends these bytes and reads until the end.
    fn send(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(60)))
            .unwrap();
        // A refusal may come before all is sent.
        let _refused = stream.write_all(request.as_bytes());
        let mut answer = Vec::new();
        let _reset = stream.read_to_end(&mut answer);
        String::from_utf8(answer).unwrap()
    }

    fn request(&self, path: &str) -> String {
        format!(
            "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nX-Keydredge-Token: {}\r\n\r\n",
            self.port, self.token
        )
    }

    /// The JSON at a path.
    fn json(&self, path: &str) -> Value {
        let answer = self.send(&self.request(path));
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{path}: {answer}");
        serde_json::from_str(body).unwrap()
    }

    /// Interrupts it and returns its exit code.
    fn interrupt(&mut self) -> Option<i32> {
        let id = self.child.id().to_string();
        Command::new("sh")
            .args(["-c", &format!("kill -INT {id}")])
            .status()
            .unwrap();
        let end = Instant::now() + Duration::from_secs(30);
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _waited = self.child.wait();
    }
}

#[test]
fn only_the_page_itself_with_its_token_gets_anything_of_the_case() {
    let fleet = Fleet::new();
    let case = fleet.desk.path("fleet/fleet.db");
    let before = std::fs::read(&case).unwrap();
    let server = Server::start(&fleet.desk, "fleet/fleet.db");
    let good = server.request("/api/outline");
    let status = |request: &str| -> String {
        let answer = server.send(request);
        answer.split(' ').nth(1).unwrap_or("nothing").to_owned()
    };
    assert_eq!(status(&good), "200");
    let own = format!("Host: 127.0.0.1:{}", server.port);
    let changed = |from: &str, to: &str| {
        assert!(good.contains(from), "{from}");
        status(&good.replace(from, to))
    };
    // the token
    assert_eq!(changed(&server.token, "wrong"), "403");
    assert_eq!(changed(&server.token, ""), "403");
    assert_eq!(changed("X-Keydredge-Token", "X-Other"), "403");
    assert_eq!(
        changed(
            "/api/outline",
            &format!("/api/outline?token={}", server.token)
        ),
        "200"
    );
    assert_eq!(
        status(&format!(
            "GET /api/outline?token={} HTTP/1.1\r\n{own}\r\n\r\n",
            server.token
        )),
        "403"
    );
    // the host, and other pages
    for host in [
        "evil.example",
        "evil.example:80",
        "127.0.0.1",
        "127.0.0.1:1",
        "",
    ] {
        assert_eq!(changed(&own, &format!("Host: {host}")), "421", "{host}");
    }
    assert_eq!(changed(&format!("{own}\r\n"), ""), "421");
    assert_eq!(
        changed(&own, &format!("{own}\r\nHost: evil.example")),
        "421"
    );
    for more in [
        "Origin: http://evil.example",
        "Origin: null",
        "Origin: https://127.0.0.1",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
    ] {
        assert_eq!(changed(&own, &format!("{own}\r\n{more}")), "403", "{more}");
    }
    assert_eq!(
        changed(
            &own,
            &format!("{own}\r\nOrigin: http://127.0.0.1:{}", server.port)
        ),
        "200"
    );
    // methods and paths
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"] {
        assert_eq!(changed("GET ", &format!("{method} ")), "405", "{method}");
    }
    for path in [
        "/../../etc/passwd",
        "/..%2f..%2fetc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd",
        "/api/../outline",
        "/api/findings/../1",
        "/api/findings/999999",
        "/api/findings/-1",
        "/api/findings/x",
        "/api",
        "/api/",
        "/favicon.ico",
        "/fleet.db",
    ] {
        assert_eq!(status(&server.request(path)), "404", "{path}");
    }
    assert_eq!(
        changed("/api/outline", "http://127.0.0.1/api/outline"),
        "400"
    );
    assert_eq!(status("nonsense\r\n\r\n"), "400");
    let long = format!("{own}\r\nX-Long: {}", "x".repeat(64 << 10));
    assert!(["431", "nothing"].contains(&&*changed(&own, &long)));

    // What anybody gets holds nothing, and says what it may do.
    let shell = server.send(&format!("GET / HTTP/1.1\r\n{own}\r\n\r\n"));
    for part in ["az-web01", "fleet", "ssh-private-key", &server.token] {
        assert!(!shell.contains(part), "{part}");
    }
    let head = server.send(&format!("HEAD / HTTP/1.1\r\n{own}\r\n\r\n"));
    assert!(head.ends_with("\r\n\r\n"), "{head}");
    for part in [
        "Content-Security-Policy: default-src 'none'; script-src 'sha256-",
        "frame-ancestors 'none'",
        "X-Content-Type-Options: nosniff",
        "Cache-Control: no-store",
        "X-Frame-Options: DENY",
        "Referrer-Policy: no-referrer",
    ] {
        assert!(
            head.contains(part) && shell.contains(part),
            "{part}: {head}"
        );
    }
    assert!(!head.contains("unsafe") && !head.contains("Access-Control"));
    drop(server);
    assert_eq!(
        std::fs::read(&case).unwrap(),
        before,
        "the case was written to"
    );
}

#[test]
fn pages_and_filters_give_what_the_file_gives() {
    let fleet = Fleet::new();
    let server = Server::start(&fleet.desk, "fleet/fleet.db");
    let outline = server.json("/api/outline");
    let all = outline["findings"]["total"].as_u64().unwrap();
    let first = server.json("/api/findings?limit=5");
    let rest = server.json("/api/findings?limit=500&offset=5");
    assert_eq!(first["total"].as_u64().unwrap(), all);
    assert_eq!(first["rows"].as_array().unwrap().len(), 5);
    assert_eq!(rest["rows"].as_array().unwrap().len() as u64, all - 5);
    let ssh = server.json("/api/findings?type=ssh-private-key&q=az-web01");
    assert_eq!(ssh["total"], 1);
    let id = ssh["rows"][0][0].as_i64().unwrap();
    let row = server.json(&format!("/api/findings/{id}"));
    assert!(
        row[4].to_string().contains("/home/ops/.ssh/id_ed25519"),
        "{row}"
    );
    // The sum that rows are sorted by is the one whose terms are shown.
    let labels = outline["labels"].as_array().unwrap();
    let label = labels.iter().position(|label| label == "Priority").unwrap();
    for row in [&first, &rest]
        .into_iter()
        .flat_map(|page| page["rows"].as_array().unwrap())
    {
        let whole = server.json(&format!("/api/findings/{}", row[0]));
        let mut facts = whole[4].as_array().unwrap().iter();
        let priority = facts.find(|fact| fact[0] == label).unwrap();
        let shown = priority[1][0].as_str().unwrap();
        assert!(
            shown.starts_with(&format!("{} (", row[1])),
            "{shown}: {row}"
        );
    }
    // Signs of a pattern are looked for as they are.
    for (query, same) in [("%25", "%253D"), ("%5F", "id%5F")] {
        let found = |text: &str| {
            server.json(&format!("/api/findings?q={text}"))["total"]
                .as_u64()
                .unwrap()
        };
        assert!((1..all).contains(&found(query)), "{query}");
        assert!(found(same) <= found(query), "{query}");
    }
    let asked = server.json("/api/explore?query=find+vm%5Bexposed%5D+limit+2");
    assert_eq!(asked["rows"].as_array().unwrap().len(), 2);
    let wrong = server.send(&server.request("/api/explore?query=find+cat"));
    assert!(
        wrong.starts_with("HTTP/1.1 400") && wrong.contains("expected a kind"),
        "{wrong}"
    );
}

#[test]
fn a_thousand_requests_at_once_are_answered_and_an_interrupt_ends_cleanly() {
    // Both this program and the server need more open files than some systems give.
    let own = std::process::id().to_string();
    let raised = Command::new("prlimit")
        .args(["--pid", &own, "--nofile=4096:"])
        .status()
        .expect("prlimit (util-linux) is needed");
    assert!(raised.success());
    let fleet = Fleet::new();
    let mut server = Server::start(&fleet.desk, "fleet/fleet.db");
    let request = server.request("/api/findings?limit=10");
    let mut streams: Vec<TcpStream> = (0..1000)
        .map(|_| {
            let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
            stream
                .set_read_timeout(Some(Duration::from_secs(60)))
                .unwrap();
            // Half a request each, so that all of them are open at once.
            stream.write_all(&request.as_bytes()[..20]).unwrap();
            stream
        })
        .collect();
    for stream in &mut streams {
        // One whose half request was waited for too long is gone; that is counted below.
        let _gone = stream.write_all(&request.as_bytes()[20..]);
    }
    let mut answered = 0;
    for mut stream in streams {
        let mut answer = String::new();
        let _reset = stream.read_to_string(&mut answer);
        answered += usize::from(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with('}'));
    }
    assert_eq!(answered, 1000);

    // Connections on which nobody speaks do not keep it from ending.
    let silent: Vec<TcpStream> = (0..40)
        .map(|_| TcpStream::connect(("127.0.0.1", server.port)).unwrap())
        .collect();
    assert_eq!(server.interrupt(), Some(0));
    drop(silent);
}

#[test]
fn what_is_imported_meanwhile_shows_and_an_open_page_takes_it_in() {
    let fleet = Fleet::new();
    let server = Server::start(&fleet.desk, "fleet/fleet.db");
    let browser = Browser::start(1400, 1000);
    browser.open(&server.url);
    let all = |answer: Value| answer["total"].as_u64().unwrap();
    let before = all(server.json("/api/findings"));
    let rows = fleet.ask(&["recommendations", "--findings"]);
    let number = rows[0]["finding"].to_string();
    let decision = format!("{number}=false-positive");
    fleet
        .case(&["recommendations", "--set", &decision])
        .expect(0);
    assert_eq!(all(server.json("/api/findings")), before);
    let decided = server.json("/api/findings?status=false-positive");
    assert_eq!(decided["rows"][0][0].to_string(), number);
    // The page that is open was drawn from the case as it was; a click makes it load again.
    browser.get("window.before = 1; document.querySelector('[data-list=findings] input[data-word=critical]').click()");
    browser.until(
        "return window.before === undefined && document.documentElement.dataset.ready === 'yes'",
    );
    browser.until_is(
        "return location.hash",
        &json!("#findings?severity=critical"),
    );
}

#[test]
fn the_served_page_is_the_same_page() {
    let fleet = Fleet::new();
    let server = Server::start(&fleet.desk, "fleet/fleet.db");
    let browser = Browser::start(1400, 1000);
    browser.open(&server.url);
    assert_eq!(browser.get("return location.href.includes('token')"), false);
    assert!(browser.texts("#paths .pathcard").len() >= 9);
    browser.get("document.querySelector('[data-list=findings] input[data-word=critical]').click()");
    browser.until("return [...document.querySelectorAll('[data-list=findings] tbody .chip')].every((its) => its.textContent === 'critical')");
    browser.get("document.querySelector('[data-list=findings] .open').click()");
    browser.until("return document.querySelector('dialog').open && document.querySelectorAll('dialog dt').length > 5");
    browser.get("document.querySelector('dialog button').click()");
    browser.get("document.querySelector('#ask button').click()");
    browser.until("return document.querySelectorAll('#ask tbody tr').length > 0");
    assert_eq!(serious(&browser), Vec::<String>::new());
    assert_eq!(browser.console(), Vec::<String>::new());
    // Loaded again in the same tab it still has its token; another tab without it has nothing.
    browser.open(&format!("http://127.0.0.1:{}/", server.port));
    let other = Browser::start(800, 600);
    other.visit(&format!("http://127.0.0.1:{}/", server.port));
    other.until(
        "return (document.getElementById('wait')?.textContent ?? '').includes('cannot be shown')",
    );
    assert!(other.texts("main").concat().contains("token"));
}

#[test]
fn hostile_names_stay_text_when_they_are_served() {
    let desk = Desk::new();
    attacked(&desk);
    let server = Server::start(&desk, "c.db");
    let browser = Browser::start(1400, 1000);
    browser.open(&server.url);
    browser.get("document.querySelector('[data-list=findings] .open').click()");
    browser.until("return document.querySelector('dialog').open");
    assert_eq!(browser.get("return window.ran ?? null"), Value::Null);
    assert_eq!(
        browser.get("return document.querySelectorAll('img, iframe').length"),
        0
    );
    // A filter on a hostile word finds what has it.
    browser.get("document.querySelector('[data-list=findings] input[data-facet=state]').click()");
    browser.until("return location.hash.includes('state=') && document.querySelectorAll('[data-list=findings] tbody .open').length === 3");
}
