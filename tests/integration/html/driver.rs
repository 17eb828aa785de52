//! A browser, driven over the `WebDriver` protocol: JSON over HTTP, of which a dozen calls are needed.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long anything in a page may take. The machines that run tests are often busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// A headless Chromium; it ends with the value.
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
}

impl Browser {
    /// Starts one with a window of this size.
    pub fn start(width: u32, height: u32) -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver (chromium-driver) is needed");
        let lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines
            .map_while(Result::ok)
            .find_map(|line| {
                let (_, port) = line.split_once("started successfully on port ")?;
                port.trim_end_matches('.').parse().ok()
            })
            .expect("chromedriver says its port");
        let mut browser = Self {
            driver,
            port,
            session: String::new(),
        };
        // The sandbox needs rights that containers do not give; what is opened is our own.
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": { "args": [
                "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                format!("--window-size={width},{height}"),
            ] },
        } } });
        let made = browser.call("POST", "/session", &wanted);
        browser.session = format!("/session/{}", made["sessionId"].as_str().unwrap());
        browser
    }

    #[track_caller]
    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let value = self.answer(method, path, body);
        assert!(value.get("error").is_none(), "{method} {path}: {value}");
        value
    }

    /// What the driver answers, an error too.
    fn answer(&self, method: &str, path: &str, body: &Value) -> Value {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE * 2)).unwrap();
        let body = if method == "GET" || method == "DELETE" {
            String::new()
        } else {
            body.to_string()
        };
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.port,
            body.len()
        )
        .unwrap();
        let mut reader = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let line = line.trim_end().to_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap();
            }
            if line.is_empty() {
                break;
            }
        }
        let mut answer = vec![0; length];
        reader.read_exact(&mut answer).unwrap();
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        answer["value"].clone()
    }

    #[track_caller]
    fn post(&self, path: &str, body: &Value) -> Value {
        self.call("POST", &format!("{}{path}", self.session), body)
    }

    /// Opens an address and waits until the page's script has run.
    #[track_caller]
    pub fn open(&self, address: &str) {
        self.visit(address);
        self.until("return document.documentElement.dataset.ready === 'yes'");
    }

    /// Leaves the page, so that an address that differs in its fragment only is loaded anew.
    pub fn leave(&self) {
        self.visit("about:blank");
    }

    /// Opens an address.
    #[track_caller]
    pub fn visit(&self, address: &str) {
        self.post("/url", &json!({ "url": address }));
    }

    /// Opens an address whose script does not run.
    pub fn open_without_script(&self, address: &str) {
        self.command(
            "Emulation.setScriptExecutionDisabled",
            &json!({ "value": true }),
        );
        self.visit(address);
    }

    /// Runs a script in the page and returns its value.
    #[track_caller]
    pub fn run(&self, script: &str, args: Value) -> Value {
        self.post("/execute/sync", &json!({ "script": script, "args": args }))
    }

    /// The value of a script without arguments.
    #[track_caller]
    pub fn get(&self, script: &str) -> Value {
        self.run(script, json!([]))
    }

    /// A list of texts.
    #[track_caller]
    pub fn texts(&self, selector: &str) -> Vec<String> {
        let found = self.run(
            "return [...document.querySelectorAll(arguments[0])].map((its) => its.textContent)",
            json!([selector]),
        );
        serde_json::from_value(found).unwrap()
    }

    /// Runs a script that calls its last argument with its value.
    #[track_caller]
    pub fn wait_for(&self, script: &str) -> Value {
        self.post("/execute/async", &json!({ "script": script, "args": [] }))
    }

    /// Waits until a script says so.
    #[track_caller]
    pub fn until(&self, script: &str) {
        let end = Instant::now() + PATIENCE;
        let path = format!("{}/execute/sync", self.session);
        let body = json!({ "script": script, "args": [] });
        loop {
            // A page that is just being loaded again runs no script.
            let answer = self.answer("POST", &path, &body);
            if answer == json!(true) {
                return;
            }
            assert!(Instant::now() < end, "never true: {script}: {answer}");
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    /// Waits until a script's value is this one: what follows a key or a click comes as an event
    /// of its own, some time later.
    #[track_caller]
    pub fn until_is(&self, script: &str, wanted: &Value) {
        let expression = script.strip_prefix("return ").expect("an expression");
        self.until(&format!("return ({expression}) === {wanted}"));
    }

    /// Presses keys, one after the other.
    pub fn press(&self, keys: &[&str]) {
        let actions: Vec<Value> = keys
            .iter()
            .flat_map(|key| {
                [
                    json!({ "type": "keyDown", "value": key }),
                    json!({ "type": "keyUp", "value": key }),
                ]
            })
            .collect();
        self.post(
            "/actions",
            &json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": actions }] }),
        );
    }

    /// A command of the browser's own protocol.
    pub fn command(&self, name: &str, params: &Value) -> Value {
        self.post(
            "/goog/cdp/execute",
            &json!({ "cmd": name, "params": params }),
        )
    }

    /// Shows the page as to somebody who likes it `light` or `dark`.
    pub fn prefer(&self, scheme: &str) {
        let feature = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.command(
            "Emulation.setEmulatedMedia",
            &json!({ "features": feature }),
        );
    }

    /// The page as a PDF.
    pub fn print(&self) -> Vec<u8> {
        use base64::Engine as _;
        let printed = self.post("/print", &json!({}));
        let engine = base64::engine::general_purpose::STANDARD;
        engine.decode(printed.as_str().unwrap()).unwrap()
    }

    /// What the page wrote to the console since the last call: errors, warnings, refusals.
    pub fn console(&self) -> Vec<String> {
        let log = self.post("/se/log", &json!({ "type": "browser" }));
        let entries = log.as_array().unwrap().iter();
        entries
            .map(|entry| entry["message"].as_str().unwrap().to_owned())
            .collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() && !std::thread::panicking() {
            self.call("DELETE", &self.session, &Value::Null);
        }
        // It takes the browser with it.
        let _ended = self.driver.kill();
        let _waited = self.driver.wait();
    }
}
