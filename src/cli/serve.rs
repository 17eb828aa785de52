//! `keydredge case serve`: the report over a case that is too large for one file, on this machine
//! only.
//!
//! It listens on the loopback address, reads the case and never writes it, and gives nothing of it
//! to anybody who does not send the token that was printed when it began. The token stands in the
//! fragment of the address, which a browser never sends by itself: the page's own script sends it in
//! a header, which no other page can do. A connection carries one request; a pool of threads
//! answers, so that a thousand at once wait in a queue and not in memory.

mod answer;
mod request;

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rusqlite::Connection;

use super::args::ServeArgs;
use super::exit::{Ended, Failure};
use super::report::title;
use crate::graph;
use answer::Site;
use request::Request;

/// Threads that answer. A browser opens some connections ahead and says nothing on them; those must
/// not keep the others waiting.
const WORKERS: usize = 16;
/// Connections that wait for a thread; more wait in the system's queue.
const WAITING: usize = 4096;
/// How long a client may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long one may take to read the answer.
const READING: Duration = Duration::from_secs(20);
/// Pause after a connection could not be taken: the process has no file handle left, for now.
const PAUSE: Duration = Duration::from_millis(50);

pub(super) fn run(args: &ServeArgs) -> Result<Ended, Failure> {
    let connections = (0..WORKERS)
        .map(|_| graph::read(&args.file))
        .collect::<Result<Vec<_>, _>>()?;
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, args.port)))
        .map_err(|error| unusable(args.port, &error))?;
    let address = listener
        .local_addr()
        .map_err(|error| unusable(args.port, &error))?;
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| {
        Failure::usage(format!(
            "the system gives no random bytes for a token: {error}"
        ))
    })?;
    let token = URL_SAFE_NO_PAD.encode(secret);
    let ending = Arc::new(AtomicBool::new(false));
    let site = Site::new(
        title(&args.file),
        address.port(),
        &token,
        Arc::clone(&ending),
    );

    let told = Arc::clone(&ending);
    let handler = move || {
        told.store(true, Ordering::SeqCst);
        // Wakes the listener; if nobody can connect, it is not waiting either.
        let _awake = TcpStream::connect(address);
    };
    ctrlc::set_handler(handler)
        .map_err(|error| Failure::usage(format!("cannot watch for an interrupt: {error}")))?;
    // In one piece: whoever reads only the first line may close the pipe after it.
    let said = format!(
        "http://{address}/#token={token}\nThe case as it is whenever the page is loaded, for this machine only. Ctrl-C ends it.\n"
    );
    io::stdout().write_all(said.as_bytes())?;
    serve(&listener, &site, connections, &ending);
    Ok(Ended::Complete)
}

fn unusable(port: u16, error: &io::Error) -> Failure {
    Failure::usage(format!(
        "cannot listen on port {port} of 127.0.0.1: {error}; name another with --port, or none"
    ))
}

fn serve(listener: &TcpListener, site: &Site, connections: Vec<Connection>, ending: &AtomicBool) {
    let (sender, receiver) = crossbeam::channel::bounded::<TcpStream>(WAITING);
    thread::scope(|scope| {
        for (number, mut connection) in connections.into_iter().enumerate() {
            let receiver = receiver.clone();
            scope.spawn(move || {
                if number == 0 {
                    // Whoever asks for the case is told why it cannot be loaded.
                    let _told_later = site.warm(&mut connection);
                }
                for stream in receiver {
                    if !ending.load(Ordering::SeqCst) {
                        // Whoever hung up does not want to know.
                        let _hung_up = exchange(stream, site, &mut connection, ending);
                    }
                }
            });
        }
        for stream in listener.incoming() {
            if ending.load(Ordering::SeqCst) {
                break;
            }
            match stream {
                Ok(stream) => drop(sender.send(stream)),
                Err(_) => thread::sleep(PAUSE),
            }
        }
        drop(sender);
    });
}

/// One request and its answer.
fn exchange(
    mut stream: TcpStream,
    site: &Site,
    connection: &mut Connection,
    ending: &AtomicBool,
) -> io::Result<()> {
    stream.set_write_timeout(Some(READING))?;
    let answer = match Request::read(&mut stream, PATIENCE, ending)? {
        Ok(request) => site.answer(&request, connection),
        Err(fault) => answer::Answer::fault(fault),
    };
    answer.write(&mut stream)?;
    // Closing with unread bytes would reset the connection, and the answer with it.
    stream.shutdown(std::net::Shutdown::Write)
}
