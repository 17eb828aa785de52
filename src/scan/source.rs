//! Opens the inputs and cuts them into chunks.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crossbeam::channel::Sender;

use super::input::Input;
use super::second::{Batch, Looked, Sweep};
use super::sink::{Closed, Done, Opened, Step};
use super::worker::{Gather, Work};
use super::{Deployments, Progress};
use crate::chunk::cut::{Cut, Piece};
use crate::chunk::joins::{Joining, Joins};
use crate::chunk::{Beyond, Bytes, Chunk, Origin};
use crate::deployment::Documents;
use crate::finding::deployment::Deployment;
use crate::finding::line::is_text;
use crate::finding::summary::Unreadable;
use crate::image::{ExtentKind, Image, Stream, tree};
use crate::volume::{Content, Disk, disk::Guest, volumes};

/// The thread that reads ahead.
pub(super) struct Source<'a> {
    cut: Cut,
    range: Range<u64>,
    deployments: Deployments,
    progress: &'a Progress,
    sequence: u64,
}

/// The receiving threads are gone: the scan is being abandoned.
struct Closing;

type Sent = Result<(), Closing>;

impl<'a> Source<'a> {
    pub(super) fn new(
        cut: Cut,
        range: Range<u64>,
        deployments: Deployments,
        progress: &'a Progress,
    ) -> Self {
        Self {
            cut,
            range,
            deployments,
            progress,
            sequence: 0,
        }
    }

    /// Sends every chunk of every input to the engine, and openings, ends and problems past it to
    /// the sink, all numbered in one sequence.
    pub(super) fn run(mut self, inputs: &[Input], chunks: &Sender<Work>, done: &Sender<Done>) {
        for input in inputs {
            if self.progress.stopped() || self.input(input, chunks, done).is_err() {
                return;
            }
        }
    }

    fn input(&mut self, input: &Input, chunks: &Sender<Work>, done: &Sender<Done>) -> Sent {
        let name = input.name();
        match input {
            Input::Image(path, _) => {
                let origin = Origin {
                    input: name,
                    path: None,
                    inside: None,
                };
                self.image(path, origin, input, chunks, done)
            }
            Input::File(path) => {
                let origin = Origin {
                    path: Some(name.clone()),
                    input: name,
                    inside: None,
                };
                self.file(path, origin, true, chunks, done)
            }
            Input::Tree(root) => self.tree(root, &name, chunks, done),
            Input::Standard if self.deployments != Deployments::No => {
                self.kept(&name, chunks, done)
            }
            Input::Standard => self.stream(&name, chunks, done),
        }
    }

    fn tree(
        &mut self,
        root: &Path,
        name: &str,
        chunks: &Sender<Work>,
        done: &Sender<Done>,
    ) -> Sent {
        for entry in tree::walk(root) {
            if self.progress.stopped() {
                return Ok(());
            }
            match entry {
                Ok(entry) => {
                    let path = entry.path.to_string_lossy().into_owned();
                    let origin = Origin {
                        input: name.to_owned(),
                        path: Some(path),
                        inside: None,
                    };
                    self.file(&entry.path, origin, false, chunks, done)?;
                }
                Err(error) => self.step(Step::Problem(error.to_string()), done)?,
            }
        }
        Ok(())
    }

    /// A disk in whatever container it lies in. One whose container cannot be read is searched as
    /// it lies, which finds what is neither compressed nor scattered, and makes the scan
    /// incomplete.
    fn image(
        &mut self,
        path: &Path,
        origin: Origin,
        input: &Input,
        chunks: &Sender<Work>,
        done: &Sender<Done>,
    ) -> Sent {
        let image = match Image::open(path) {
            Err(error) if error.is_about_the_container() => {
                let what = format!(
                    "{error}; it was searched as it lies: positions are those of the file, and \
                     what it compresses or splits was not seen"
                );
                self.step(Step::Problem(what), done)?;
                Image::open_plain(path)
            }
            other => other,
        };
        match image {
            Ok(image) => self.opened(image, origin, input.caveat(), true, chunks, done),
            Err(error) => self.step(Step::Problem(error.to_string()), done),
        }
    }

    /// A file as it lies. `watched`: whether a change of the file during the scan is worth
    /// reporting. In a tree of a running machine it is normal.
    fn file(
        &mut self,
        path: &Path,
        origin: Origin,
        watched: bool,
        chunks: &Sender<Work>,
        done: &Sender<Done>,
    ) -> Sent {
        match Image::open_plain(path) {
            Ok(image) => {
                let caveat = image.unopened().map(|format| {
                    format!(
                        "{} is a {format} container and was searched as it lies; what it \
                         compresses or splits was not seen, scan it as an image of its own",
                        path.display()
                    )
                });
                self.opened(image, origin, caveat, watched, chunks, done)
            }
            Err(error) => self.step(Step::Problem(error.to_string()), done),
        }
    }

    fn opened(
        &mut self,
        image: Image,
        origin: Origin,
        caveat: Option<String>,
        watched: bool,
        chunks: &Sender<Work>,
        done: &Sender<Done>,
    ) -> Sent {
        let image = Arc::new(image);
        let origin = Arc::new(origin);
        let map = image.map();
        let is_deployment = self.deployments != Deployments::No;
        let is_file = is_deployment || origin.path.is_some();
        let lines = (is_file && is_text(map.bytes())).then(|| Arc::clone(map));
        let documents = is_deployment.then(|| {
            let name = origin.path.as_deref().unwrap_or(&origin.input);
            Documents::open(map, name)
        });
        let hidden = documents.clone();
        // A file in a tree has a path already; a disk's own structures tell those of its files.
        let volumes = (!is_file).then(|| {
            let disk: Disk = Arc::new(Guest::new(Arc::clone(&image)));
            Arc::new(volumes(&disk))
        });
        let volumes = volumes.filter(|found| {
            let known = |content: &Content| !matches!(content, Content::Unknown);
            found.volumes.len() > 1
                || !found.missing.is_empty()
                || found.volumes.iter().any(|one| known(&one.content))
        });
        let opened = Opened {
            lines,
            deployments: match &documents {
                Some(documents) if self.deployments == Deployments::All => {
                    listed(documents, &origin)
                }
                _ => Vec::new(),
            },
            documents,
            volumes: volumes.clone(),
        };
        self.step(Step::Opened(opened), done)?;
        let mut joining = Joining::default();
        if let Some(volumes) = &volumes {
            let sweep = |sweep: Sweep<'_>| {
                let (looked, found) = sweep.run(volumes);
                joining = found;
                looked
            };
            self.second(&image, &origin, sweep, chunks, done)?;
        }
        if let Some(documents) = &hidden {
            let sweep = |sweep: Sweep<'_>| sweep.values(documents);
            self.second(&image, &origin, sweep, chunks, done)?;
        }
        let joins = Arc::new(joining.table());
        let mut holes = 0;
        let mut extents = image.extents().peekable();
        while let Some(extent) = extents.next() {
            if self.progress.stopped() {
                break;
            }
            let (start, mut end) = (extent.start.0, extent.start.plus(extent.len).0);
            if extent.kind != ExtentKind::Data {
                let wanted = end
                    .min(self.range.end)
                    .saturating_sub(start.max(self.range.start));
                if extent.kind == ExtentKind::Hole {
                    holes += wanted;
                }
                self.progress.done.fetch_add(wanted, Ordering::Relaxed);
                continue;
            }
            // Where data follows data, a secret may lie across: for the rules they are one run.
            let reach = |to: u64| {
                while end < to {
                    match extents.next_if(|next| next.kind == ExtentKind::Data) {
                        Some(next) => end = next.start.plus(next.len).0,
                        None => break,
                    }
                }
                end.min(to)
            };
            for piece in self.cut.pieces_of_run(start, reach, self.range.clone()) {
                if self.progress.stopped() {
                    break;
                }
                self.piece((&image, &joins), &origin, piece, chunks)?;
            }
        }
        let name = origin.path.clone().unwrap_or_else(|| origin.input.clone());
        drop(extents);
        let closed = move || {
            let unreadable = image.unreadable().into_iter().map(|range| Unreadable {
                input: name.clone(),
                start: range.start,
                end: range.end,
            });
            Closed {
                holes,
                unreadable: unreadable.collect(),
                changed: if watched { image.changed() } else { None },
                warnings: caveat
                    .into_iter()
                    .chain(image.damaged())
                    .chain(image.unread().iter().cloned())
                    .collect(),
            }
        };
        self.step(Step::Closed(Box::new(closed)), done)
    }

    /// The second pass, which comes first.
    fn second(
        &mut self,
        image: &Arc<Image>,
        origin: &Arc<Origin>,
        sweep: impl FnOnce(Sweep<'_>) -> Looked,
        chunks: &Sender<Work>,
        done: &Sender<Done>,
    ) -> Sent {
        let started = Instant::now();
        let (cut, range) = (self.cut, self.range.clone());
        let mut sent = Ok(());
        let mut send = |pieces| {
            let batch = Batch {
                sequence: self.next(),
                origin: Arc::clone(origin),
                image: Arc::clone(image),
                cut,
                pieces,
            };
            sent = chunks.send(Work::Assembled(batch)).map_err(|_| Closing);
            sent.is_ok() && !self.progress.stopped()
        };
        let looked = sweep(Sweep::new(cut, image.len(), range, &mut send));
        sent?;
        self.step(Step::Swept(looked, started), done)
    }

    /// One chunk: off the map if it lies there in one piece, else for a worker to put together.
    fn piece(
        &mut self,
        (image, joins): (&Arc<Image>, &Arc<Joins>),
        origin: &Arc<Origin>,
        piece: Piece,
        chunks: &Sender<Work>,
    ) -> Sent {
        let Some((map, window)) = image.mapped(piece.window.clone()) else {
            let gather = Gather {
                sequence: self.next(),
                origin: Arc::clone(origin),
                image: Arc::clone(image),
                joins: Arc::clone(joins),
                piece,
                cut: self.cut,
            };
            return chunks.send(Work::Gather(gather)).map_err(|_| Closing);
        };
        let body_start = (piece.body.start - piece.window.start) as usize;
        let body_len = (piece.body.end - piece.body.start) as usize;
        let at = crate::unit::ImageOffset(piece.window.start);
        let body = body_start..body_start + body_len;
        let beyond = Beyond::Image(Arc::clone(image), Arc::clone(joins));
        let window = Bytes::mapped(map, window);
        self.chunk((origin, beyond), at, body, window, chunks)
    }

    /// Standard input with deployments. A document is read when something was found in it, so what
    /// comes through a pipe is kept until then, in a private file that loses its name as soon as it
    /// is mapped.
    fn kept(&mut self, name: &str, chunks: &Sender<Work>, done: &Sender<Done>) -> Sent {
        let kept = tempfile::NamedTempFile::new().and_then(|mut file| {
            std::io::copy(&mut std::io::stdin().lock(), &mut file)?;
            Ok(file)
        });
        let origin = Origin {
            input: name.to_owned(),
            path: None,
            inside: None,
        };
        match kept {
            Ok(file) => self.file(file.path(), origin, false, chunks, done),
            Err(error) => self.step(Step::Problem(format!("standard input: {error}")), done),
        }
    }

    fn stream(&mut self, name: &str, chunks: &Sender<Work>, done: &Sender<Done>) -> Sent {
        let origin = Arc::new(Origin {
            input: name.to_owned(),
            path: None,
            inside: None,
        });
        self.step(Step::Opened(Opened::default()), done)?;
        let Cut {
            body,
            before,
            after,
        } = self.cut;
        let mut stream = Stream::new(
            std::io::stdin().lock(),
            body as usize,
            before as usize,
            after as usize,
        );
        let mut warning = None;
        loop {
            if self.progress.stopped() {
                break;
            }
            let piece = match stream.next() {
                Some(Ok(piece)) => piece,
                Some(Err(error)) => {
                    warning = Some(format!("standard input: {error}"));
                    break;
                }
                None => break,
            };
            // Limit the body to the wanted range, as cutting an extent does.
            let limit = |wanted: u64| {
                let relative = wanted.saturating_sub(piece.at.0);
                usize::try_from(relative).unwrap_or(usize::MAX)
            };
            let start = piece.body.start.max(limit(self.range.start));
            let end = piece.body.end.min(limit(self.range.end));
            if start < end {
                let window = Bytes::read(piece.bytes);
                let place = (&origin, Beyond::Pipe);
                self.chunk(place, piece.at, start..end, window, chunks)?;
            }
        }
        let closed = move || Closed {
            warnings: warning.into_iter().collect(),
            ..Closed::default()
        };
        self.step(Step::Closed(Box::new(closed)), done)
    }

    fn chunk(
        &mut self,
        (origin, beyond): (&Arc<Origin>, Beyond),
        at: crate::unit::ImageOffset,
        body: Range<usize>,
        window: Bytes,
        chunks: &Sender<Work>,
    ) -> Sent {
        let sequence = self.next();
        let chunk = Chunk {
            sequence,
            origin: Arc::clone(origin),
            at,
            body,
            window,
            beyond,
        };
        chunks.send(Work::Search(chunk)).map_err(|_| Closing)
    }

    fn step(&mut self, step: Step, done: &Sender<Done>) -> Sent {
        let sequence = self.next();
        done.send(Done { sequence, step }).map_err(|_| Closing)
    }

    fn next(&mut self) -> u64 {
        let sequence = self.sequence;
        self.sequence += 1;
        sequence
    }
}

/// Every deployment of a file.
fn listed(documents: &Documents, origin: &Origin) -> Vec<Deployment> {
    let mut all = Vec::new();
    documents.list(&mut |deployment, kind| {
        all.push(Deployment {
            schema: Deployment::SCHEMA.to_owned(),
            input: origin.input.clone(),
            path: origin.path.clone(),
            deployment,
            deployment_kind: kind.to_owned(),
        });
    });
    all
}
